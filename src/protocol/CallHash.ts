/**
 * A hash of 64 bits over the bytes of a call, to know the same call again. No proof against people who look for two
 * calls with the same one. Its halves stay until the next call of `hashBytes`, so that hashing allocates nothing.
 */
export const callHash = { low: 0, high: 0 }

export const hashBytes = (bytes: Uint8Array, start: number, end: number): void => {
  let a = 0xdeadbeef ^ (end - start)
  let b = 0x41c6ce57
  let at = start
  for (const lastWord = end - 3; at < lastWord; at += 4) {
    const word =
      byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24)
    a = Math.imul(a ^ word, 0x9e3779b1)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b ^ a, 0x5f356495)
    b = (b << 17) | (b >>> 15)
  }
  for (; at < end; at++) {
    a = Math.imul(a ^ byteAt(bytes, at), 0x9e3779b1)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b ^ a, 0x5f356495)
    b = (b << 17) | (b >>> 15)
  }
  finish(a, b)
}

const byteAt = (bytes: Uint8Array, at: number) => bytes[at] ?? 0

/** Spreads the last bytes over all bits. */
const finish = (a: number, b: number) => {
  const first = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  const second = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae35)
  callHash.low = first >>> 0
  callHash.high = second >>> 0
}

/** A hash as 16 hex digits, as it goes over the wire. */
export const hashText = (low: number, high: number): string =>
  high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")
