/** Of Web Crypto: `node:crypto` takes 5 ms to load, and each worker would wait for it. */
export const randomBytes = (bytes: number): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)))

// Crockford's base 32: no I, L, O, U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const timePart = (ms: number): string => {
  let text = ""
  for (let rest = ms, place = 0; place < 10; place++, rest = Math.floor(rest / 32)) text = alphabet[rest % 32] + text
  return text
}

let lastMs = 0
let digits: Array<number> = []

/** The next greater number of the same length; of 80 random bits nobody reaches the end within a millisecond. */
const increment = (number: Array<number>) => {
  let place = number.length - 1
  while (place > 0 && number[place] === 31) number[place--] = 0
  number[place] = ((number[place] ?? 0) + 1) % 32
}

/** A new ULID: 26 characters that sort in the order in which this process made them, and by time between processes. */
export const newId = (): string => {
  const ms = Math.max(lastMs, Date.now())
  if (ms === lastMs) increment(digits)
  else digits = [...randomBytes(16)].map((byte) => byte % 32)
  lastMs = ms
  return timePart(ms) + digits.map((digit) => alphabet[digit]).join("")
}

/** When a ULID was made, milliseconds since 1970. */
export const idTime = (id: string): number => {
  let ms = 0
  for (const letter of id.slice(0, 10)) ms = ms * 32 + alphabet.indexOf(letter)
  return ms
}

/** `bytes` random bytes as text that is safe in a URL, a cookie and a shell (base64url). */
export const randomToken = (bytes: number): string => randomBytes(bytes).toString("base64url")

/** `bytes` random bytes as lower-case hex digits. */
export const randomHex = (bytes: number): string => randomBytes(bytes).toString("hex")
