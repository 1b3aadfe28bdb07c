import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

// Crockford's base 32: no I, L, O, U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const timePart = (ms: number): string => {
  let text = ""
  for (let rest = ms, place = 0; place < 10; place++, rest = Math.floor(rest / 32)) text = alphabet[rest % 32] + text
  return text
}

/** A new ULID: 26 characters that sort by the millisecond they were made in. */
export const newId = (): string => {
  const time = timePart(Date.now())
  let random = ""
  for (const byte of randomBytes(16)) random += alphabet[byte % 32]
  return time + random
}

/** `bytes` random bytes as text that is safe in a URL, a cookie and a shell (base64url). */
export const randomToken = (bytes: number): string => randomBytes(bytes).toString("base64url")

/** SHA-256 of the text's UTF-8, as 64 lower-case hex digits. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** Whether both are the same, in a time that tells nothing of where they differ or how long the secret is. */
export const timingSafeEqualText = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a, "utf8").digest(), createHash("sha256").update(b, "utf8").digest())
