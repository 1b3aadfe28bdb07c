import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"

/** What one hash costs: memory is 128 * 2^logN * r bytes, time grows with p as well. */
export type PasswordCost = { readonly logN: number; readonly r: number; readonly p: number }

/** 32 MiB and about a tenth of a second. */
export const strongCost: PasswordCost = { logN: 15, r: 8, p: 3 }

const keyLength = 32

const derive = (password: string, salt: Uint8Array, { logN, r, p }: PasswordCost) =>
  new Promise<Buffer>((resolve, reject) => {
    const options = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }
    // The same letters may be typed in two encodings: NFKC makes them one.
    scrypt(password.normalize("NFKC"), salt, keyLength, options, (error, key) => (error ? reject(error) : resolve(key)))
  })

/** `scrypt$<log2 N>$<r>$<p>$<salt>$<key>`: all that `verifyPassword` needs, also after the cost was raised. */
export const hashPassword = async (password: string, cost: PasswordCost = strongCost): Promise<string> => {
  const salt = randomBytes(16)
  const key = await derive(password, salt, cost)
  return ["scrypt", cost.logN, cost.r, cost.p, salt.toString("base64"), key.toString("base64")].join("$")
}

const within = (value: number, max: number) => Number.isInteger(value) && value >= 1 && value <= max

/** Whether `hash` was made of `password`. A text that is no hash of ours is never the right one. */
export const verifyPassword = async (password: string, hash: string): Promise<boolean> => {
  const [kind, logN, r, p, salt, key] = hash.split("$")
  if (kind !== "scrypt" || salt === undefined || key === undefined) return false
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) }
  if (!within(cost.logN, 20) || !within(cost.r, 32) || !within(cost.p, 16)) return false
  const expected = Buffer.from(key, "base64")
  const actual = await derive(password, Buffer.from(salt, "base64"), cost)
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
