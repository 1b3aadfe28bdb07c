/** A value of muster/1 as JSON: bytes as base64, integers beyond 2^53 as decimal text, nothing as null. */
export const valueJson = (value: unknown, indent = 0): string => JSON.stringify(value ?? null, replacer, indent)

const replacer = (_key: string, value: unknown): unknown => {
  if (typeof value === "bigint") return value.toString()
  if (value instanceof Uint8Array) return value.toBase64()
  return value
}
