import { Encoder } from "cbor-x/encode"
import { EncodeError } from "./EncodeError.ts"
import { plain } from "./Plain.ts"

// Records and typed arrays would be tags; a map's head is as short as it can be.
const cbor = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false })

/** Texts of so many letters are written by hand. */
const shortChars = 48

/** Writes bytes and values one after another into a buffer that grows. Values are encoded by cbor-x. */
export class Writer {
  bytes: Uint8Array
  length = 0
  /** When `length` passes this, a later write or `checkLimit` throws an EncodeError. */
  limit = Number.MAX_SAFE_INTEGER

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity)
  }

  value(value: unknown): void {
    if (typeof value === "string" && value.length <= shortChars && this.#shortText(value)) return
    this.raw(cbor.encode(plain(value)))
  }

  /** By hand, which is several times faster than the encoder for few letters; false, and nothing written: not ASCII. */
  #shortText(text: string): boolean {
    const { length } = text
    if (this.length + length + 2 > this.limit) return false
    this.reserve(length + 2)
    const { bytes } = this
    let at = this.length
    if (length < 24) bytes[at++] = 0x60 | length
    else {
      bytes[at++] = 0x78
      bytes[at++] = length
    }
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      bytes[at++] = code
    }
    this.length = at
    return true
  }

  /** An unsigned integer below 2^32. */
  uint(value: number): void {
    if (value < 24) this.uint8(value)
    else if (value < 0x100) {
      this.uint8(0x18)
      this.uint8(value)
    } else if (value < 0x10000) {
      this.uint8(0x19)
      this.uint8(value >>> 8)
      this.uint8(value)
    } else {
      this.uint8(0x1a)
      this.uint32(value)
    }
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
}

const tooLarge = () => new EncodeError("the frame is larger than the receiver takes", true)

/** One value by itself. */
export const encode = (value: unknown): Uint8Array => Uint8Array.from(cbor.encode(plain(value)))
