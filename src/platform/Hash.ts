import { createHash, timingSafeEqual } from "node:crypto"

/** SHA-256 of the text's UTF-8, as 64 lower-case hex digits. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** Whether both are the same, in a time that tells nothing of where they differ or how long the secret is. */
export const timingSafeEqualText = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a, "utf8").digest(), createHash("sha256").update(b, "utf8").digest())
