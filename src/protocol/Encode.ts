import { valueLimits } from "./Limits.ts"
import { isForbiddenKey } from "./Value.ts"

/** Why a value has no form in muster/1, or a frame would be too large. */
export class EncodeError extends Error {
  override readonly name = "EncodeError"
  readonly tooLarge: boolean

  constructor(reason: string, tooLarge = false) {
    super(reason)
    this.tooLarge = tooLarge
  }
}

// 189 bytes at most, so that the head has one or two bytes.
const shortTextChars = 63
const utf8 = new TextEncoder()
const float = new DataView(new ArrayBuffer(8))
const floatBytes = new Uint8Array(float.buffer)

/**
 * Writes bytes and values one after another into a buffer that grows. `undefined` becomes null in a list and is left out
 * of an object; an object's `toJSON` is asked, as JSON does (so a Date becomes its ISO text).
 */
export class Writer {
  bytes: Uint8Array
  length = 0
  /** When `length` passes this, a later write or `checkLimit` throws an EncodeError. */
  limit = Number.MAX_SAFE_INTEGER
  #itemsLeft = 0

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity)
  }

  value(value: unknown): void {
    this.#itemsLeft = valueLimits.items
    this.#write(value, 0)
  }

  uint8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  uint32(value: number): void {
    this.reserve(4)
    this.putUint32(this.length, value)
    this.length += 4
  }

  /** Overwrites what stands at `at`. */
  putUint32(at: number, value: number): void {
    const bytes = this.bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  raw(source: Uint8Array): void {
    if (this.length + source.length > this.limit) throw tooLarge()
    this.reserve(source.length)
    this.bytes.set(source, this.length)
    this.length += source.length
  }

  /** The initial byte of an item and the number that belongs to it. */
  head(major: number, argument: number): void {
    this.reserve(9)
    const first = major << 5
    if (argument < 24) this.bytes[this.length++] = first | argument
    else this.#longHead(first, argument)
  }

  /** A text that is encoded once and for all. */
  static encodedText(text: string): Uint8Array {
    const writer = new Writer(text.length * 3 + 9)
    writer.#text(text)
    return writer.bytes.slice(0, writer.length)
  }

  reserve(size: number): void {
    const needed = this.length + size
    if (needed <= this.bytes.length) return
    this.checkLimit()
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  checkLimit(): void {
    if (this.length > this.limit) throw tooLarge()
  }

  #longHead(first: number, argument: number): void {
    const bytes = this.bytes
    if (argument < 0x100) {
      bytes[this.length++] = first | 24
      bytes[this.length++] = argument
    } else if (argument < 0x10000) {
      bytes[this.length++] = first | 25
      bytes[this.length++] = argument >>> 8
      bytes[this.length++] = argument
    } else if (argument < 0x100000000) {
      bytes[this.length++] = first | 26
      this.putUint32(this.length, argument)
      this.length += 4
    } else {
      bytes[this.length++] = first | 27
      this.putUint32(this.length, Math.floor(argument / 0x100000000))
      this.putUint32(this.length + 4, argument >>> 0)
      this.length += 8
    }
  }

  #write(value: unknown, depth: number): void {
    if (--this.#itemsLeft < 0) throw new EncodeError(`a value has more than ${valueLimits.items} items`)
    switch (typeof value) {
      case "string":
        return this.#text(value)
      case "number":
        return this.#number(value)
      case "boolean":
        return this.uint8(value ? 0xf5 : 0xf4)
      case "undefined":
        return this.uint8(0xf6)
      case "object":
        return value === null ? this.uint8(0xf6) : this.#object(value, depth)
      default:
        throw new EncodeError(`a ${typeof value} has no form in muster/1`)
    }
  }

  #number(value: number): void {
    // -0 passes for an integer everywhere but here.
    if (Number.isSafeInteger(value) && !(value === 0 && 1 / value < 0)) {
      if (value >= 0) this.head(0, value)
      else this.head(1, -1 - value)
      return
    }
    this.reserve(9)
    float.setFloat64(0, value)
    this.bytes[this.length++] = 0xfb
    for (let index = 0; index < 8; index++) this.bytes[this.length++] = floatBytes[index] as number
  }

  #text(text: string): void {
    const count = text.length
    if (count <= shortTextChars && this.#shortText(text, count)) return
    if (!text.isWellFormed()) throw new EncodeError("a text is not well-formed Unicode")
    // The head's size is known only after the bytes: room is left for the largest.
    this.reserve(count * 3 + 9)
    const from = this.length + headSize(count * 3)
    const { written } = utf8.encodeInto(text, this.bytes.subarray(from))
    this.#textHead(this.length, from, written)
  }

  /** By hand, which is several times faster than a TextEncoder for few characters; false when there are surrogates. */
  #shortText(text: string, count: number): boolean {
    this.reserve(count * 3 + 9)
    const bytes = this.bytes
    const start = this.length
    const from = start + (count < 24 ? 1 : 2)
    let at = from
    for (let index = 0; index < count; index++) {
      const code = text.charCodeAt(index)
      if (code < 0x80) bytes[at++] = code
      else if (code < 0x800) {
        bytes[at++] = 0xc0 | (code >> 6)
        bytes[at++] = 0x80 | (code & 0x3f)
      } else if (code < 0xd800 || code > 0xdfff) {
        bytes[at++] = 0xe0 | (code >> 12)
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
        bytes[at++] = 0x80 | (code & 0x3f)
      } else return false
    }
    this.#textHead(start, from, at - from)
    return true
  }

  /** Puts the head in front of text that stands at `from`, moving it when the head is larger than foreseen. */
  #textHead(start: number, from: number, written: number): void {
    const size = headSize(written)
    if (start + size !== from) this.bytes.copyWithin(start + size, from, from + written)
    this.length = start
    this.head(3, written)
    this.length += written
  }

  #object(value: object, depth: number): void {
    if (depth >= valueLimits.depth) throw new EncodeError(`a value is nested deeper than ${valueLimits.depth}`)
    if (Array.isArray(value)) {
      this.head(4, value.length)
      for (const item of value) this.#write(item, depth + 1)
      return
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) this.#entries(value as Record<string, unknown>, depth)
    else this.#instance(value, depth)
  }

  #instance(value: object, depth: number): void {
    if (value instanceof Uint8Array) {
      this.head(2, value.length)
      this.raw(value)
      return
    }
    if ("toJSON" in value && typeof value.toJSON === "function") return this.#replacement(value.toJSON(), depth)
    if (hasOwnForm(value)) throw new EncodeError(`a ${value.constructor.name} has no form in muster/1`)
    this.#entries(value as Record<string, unknown>, depth)
  }

  /** What `toJSON` gave, a level deeper, so that one that gives itself comes to an end. */
  #replacement(value: unknown, depth: number): void {
    if (typeof value === "object" && value !== null) this.#object(value, depth + 1)
    else this.#write(value, depth)
  }

  #entries(value: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(value)
    const start = this.length
    this.head(5, keys.length)
    let count = 0
    for (const key of keys) {
      const item = value[key]
      if (item === undefined) continue
      if (typeof item === "function" && key === "toJSON") {
        this.length = start
        return this.#replacement(item.call(value), depth)
      }
      if (isForbiddenKey(key)) throw new EncodeError(`the key "${key}" is not allowed`)
      if (--this.#itemsLeft < 0) throw new EncodeError(`a value has more than ${valueLimits.items} items`)
      this.#text(key)
      this.#write(item, depth + 1)
      count++
    }
    if (count !== keys.length) this.#shrinkMapHead(start, keys.length, count)
  }

  /** Undefined values were left out: the number of entries is corrected in place. */
  #shrinkMapHead(start: number, written: number, count: number): void {
    const end = this.length
    const from = start + headSize(written)
    this.length = start
    this.head(5, count)
    this.bytes.copyWithin(this.length, from, end)
    this.length += end - from
  }
}

const tooLarge = () => new EncodeError("the frame is larger than the receiver takes", true)

const headSize = (argument: number) =>
  argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < 0x100000000 ? 5 : 9

/** What would silently become an empty object. */
const hasOwnForm = (value: object): boolean =>
  value instanceof Map ||
  value instanceof Set ||
  value instanceof Error ||
  value instanceof Promise ||
  value instanceof RegExp ||
  value instanceof WeakMap ||
  value instanceof WeakSet ||
  value instanceof ArrayBuffer ||
  ArrayBuffer.isView(value)

/** One value by itself. */
export const encode = (value: unknown): Uint8Array => {
  const writer = new Writer(256)
  writer.value(value)
  return writer.bytes.slice(0, writer.length)
}
