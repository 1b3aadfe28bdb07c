import { valueLimits } from "./Limits.ts"
import { isForbiddenKey } from "./Value.ts"

/** Why bytes are not a value of muster/1. `offset` counts from the start of the body. */
export class DecodeError extends Error {
  override readonly name = "DecodeError"
  readonly offset: number

  constructor(reason: string, offset: number) {
    super(`Cannot decode byte ${offset} of the body: ${reason}`)
    this.offset = offset
  }
}

// One decoder's state for the whole process: decoding never waits and never re-enters.
let bytes: Uint8Array = new Uint8Array(0)
let at = 0
let start = 0
let end = 0
let itemsLeft = 0

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const float = new DataView(new ArrayBuffer(8))

const keySlots = 1024
const keyCache: Array<string> = Array.from({ length: keySlots }, () => "")

/** Decodes exactly one item; everything that the profile of docs/protocol.md excludes is a DecodeError. */
export const decode = (source: Uint8Array, from = 0, to = source.length): unknown => {
  begin(source, from, to)
  const value = read(0)
  if (at !== end) throw fault("bytes follow the value")
  return value
}

/** The body of a REQUEST or ONEWAY, as its sender wrote it: nothing is checked but that it is a list of two or three. */
export interface RequestParts {
  readonly method: unknown
  readonly args: unknown
  /** Undefined when the list has only two items. */
  readonly meta: unknown
  /** The bytes of method and arguments, without the map: the same whenever the same call is made again. */
  readonly start: number
  readonly end: number
}

/** Undefined: an item, but no list of two or three. Throws a DecodeError. */
export const decodeRequest = (source: Uint8Array, from: number, to: number): RequestParts | undefined => {
  const initial = source[from]
  if (from >= to || (initial !== 0x82 && initial !== 0x83)) return decodeLongHead(source, from, to)
  begin(source, from, to)
  at++
  itemsLeft--
  return parts(initial & 0x1f)
}

/** A list's length may be in more bytes than it needs. */
const decodeLongHead = (source: Uint8Array, from: number, to: number): RequestParts | undefined => {
  const whole = decode(source, from, to)
  if (!Array.isArray(whole) || whole.length < 2 || whole.length > 3) return undefined
  begin(source, from, to)
  itemsLeft--
  return parts(argument((bytes[at++] as number) & 0x1f))
}

const parts = (count: number): RequestParts => {
  const from = at
  const method = (bytes[at] as number) >> 5 === 3 && at < end ? readKey() : read(1)
  const args = read(1)
  const to = at
  const meta = count === 3 ? read(1) : undefined
  if (at !== end) throw fault("bytes follow the value")
  return { method, args, meta, start: from, end: to }
}

const begin = (source: Uint8Array, from: number, to: number) => {
  bytes = source
  start = at = from
  end = to
  itemsLeft = valueLimits.items
}

const fault = (reason: string) => new DecodeError(reason, at - start)

const read = (depth: number): unknown => {
  if (--itemsLeft < 0) throw fault(`more than ${valueLimits.items} items`)
  if (at >= end) throw fault("the body ends too early")
  const initial = bytes[at++] as number
  const info = initial & 0x1f
  switch (initial >> 5) {
    case 0:
      return info < 24 ? info : argument(info)
    case 1:
      return -1 - integer(info)
    case 2:
      return byteString(argument(info))
    case 3:
      return text(info < 24 ? info : argument(info))
    case 4:
      return list(argument(info), depth)
    case 5:
      return map(argument(info), depth)
    case 6:
      throw fault("tags are not used")
    default:
      return simple(info)
  }
}

/** The number that follows the initial byte: a length, or an unsigned integer. */
const argument = (info: number): number => {
  if (info < 24) return info
  const size = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0
  if (size === 0) throw fault(info === 31 ? "indefinite lengths are not used" : "reserved length")
  if (end - at < size) throw fault("the body ends too early")
  let value = 0
  for (const last = at + size; at < last; at++) value = value * 256 + (bytes[at] as number)
  if (value > Number.MAX_SAFE_INTEGER) throw fault("the integer is beyond 2^53 - 1")
  return value
}

const integer = (info: number): number => {
  const value = argument(info)
  if (value === Number.MAX_SAFE_INTEGER) throw fault("the integer is below -(2^53 - 1)")
  return value
}

const room = (length: number) => {
  if (length > end - at) throw fault("the body ends too early")
}

const byteString = (length: number): Uint8Array => {
  room(length)
  // Copied: the receive buffer is not the caller's. The method of Buffer would give a view.
  const copy = new Uint8Array(length)
  copy.set(bytes.subarray(at, at + length))
  at += length
  return copy
}

const text = (length: number): string => {
  room(length)
  const from = at
  at += length
  return length < 24 ? shortText(from, at) : longText(from, at)
}

const longText = (from: number, to: number): string => {
  try {
    return utf8.decode(bytes.subarray(from, to))
  } catch {
    at = from
    throw fault("the text is not valid UTF-8")
  }
}

/** By hand, which is several times faster than a TextDecoder for few bytes; what it doubts goes there to be judged. */
const shortText = (from: number, to: number): string => {
  let result = ""
  for (let index = from; index < to; index++) {
    const code = bytes[index] as number
    if (code < 0x80) result += String.fromCharCode(code)
    else {
      const point = threeByteCharacter(index, to)
      if (point < 0) return longText(from, to)
      result += String.fromCharCode(point)
      index += 2
    }
  }
  return result
}

/** The character of the three bytes at `index`; -1 when they are not one, or one of another length. */
const threeByteCharacter = (index: number, to: number): number => {
  if (index + 2 >= to) return -1
  const first = bytes[index] as number
  const second = bytes[index + 1] as number
  const third = bytes[index + 2] as number
  if (first >> 4 !== 0xe || second >> 6 !== 2 || third >> 6 !== 2) return -1
  const point = ((first & 0xf) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)
  return point < 0x800 || (point >= 0xd800 && point <= 0xdfff) ? -1 : point
}

const list = (length: number, depth: number): Array<unknown> => {
  if (depth >= valueLimits.depth) throw fault(`deeper than ${valueLimits.depth}`)
  room(length)
  const result: Array<unknown> = []
  for (let index = 0; index < length; index++) result.push(read(depth + 1))
  return result
}

const map = (length: number, depth: number): Record<string, unknown> => {
  if (depth >= valueLimits.depth) throw fault(`deeper than ${valueLimits.depth}`)
  room(length * 2)
  const result: Record<string, unknown> = {}
  for (let index = 0; index < length; index++) {
    const from = at
    const key = readKey()
    // Inherited names are no duplicates; values are never undefined, so the first look settles nearly all.
    if (result[key] !== undefined && Object.hasOwn(result, key)) throw keyFault(from, `the key "${key}" comes twice`)
    if (isForbiddenKey(key)) throw keyFault(from, `the key "${key}" is not allowed`)
    result[key] = read(depth + 1)
  }
  return result
}

const keyFault = (from: number, reason: string) => {
  at = from
  return fault(reason)
}

const readKey = (): string => {
  if (--itemsLeft < 0) throw fault(`more than ${valueLimits.items} items`)
  if (at >= end) throw fault("the body ends too early")
  const initial = bytes[at] as number
  if (initial >> 5 !== 3) throw fault("a key is not text")
  at++
  const info = initial & 0x1f
  if (info >= 24) return text(argument(info))
  room(info)
  const from = at
  at += info
  return cachedText(from, at)
}

/** Keys repeat from call to call: comparing with the last one of its slot is cheaper than making a string anew. */
export const cachedText = (from: number, to: number): string => {
  let hash = to - from
  for (let index = from; index < to; index++) hash = (Math.imul(hash, 31) + (bytes[index] as number)) | 0
  const slot = hash & (keySlots - 1)
  const known = keyCache[slot] as string
  if (known.length === to - from && equals(known, from)) return known
  const key = shortText(from, to)
  keyCache[slot] = key
  return key
}

const equals = (known: string, from: number): boolean => {
  for (let index = 0; index < known.length; index++) if (known.charCodeAt(index) !== bytes[from + index]) return false
  return true
}

const simple = (info: number): unknown => {
  switch (info) {
    case 20:
      return false
    case 21:
      return true
    case 22:
      return null
    case 25:
      return halfFloat()
    case 26:
      fill(4)
      return float.getFloat32(0)
    case 27:
      fill(8)
      return float.getFloat64(0)
    case 31:
      throw fault("indefinite lengths are not used")
    default:
      throw fault("simple values other than false, true and null are not used")
  }
}

const fill = (size: number) => {
  if (end - at < size) throw fault("the body ends too early")
  for (let index = 0; index < size; index++) float.setUint8(index, bytes[at++] as number)
}

const halfFloat = (): number => {
  fill(2)
  const half = float.getUint16(0)
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
