import { protocolError } from "../Frame.ts"

/** What the predecessor's clients speak: the body of a frame is JSON, or PHP's `serialize`. */
export type Dialect = "json" | "php"

/** The first byte of a body, and so the fifth of a connection, tells which of them: `{` or `a`. Undefined: muster/1. */
export const dialectOf = (fifthByte: number | undefined): Dialect | undefined =>
  fifthByte === 0x7b ? "json" : fifthByte === 0x61 ? "php" : undefined

/** The bytes of a connection that tell its dialect. */
export const tellingBytes = 5

const lengthBytes = 4
const carriageReturn = 0x0d
const lineFeed = 0x0a

/** Whether a CRLF stands at `at`. */
const isLineEnd = (bytes: Uint8Array, at: number) => bytes[at] === carriageReturn && bytes[at + 1] === lineFeed

/**
 * Cuts what arrives into bodies. A frame is its length in 4 bytes, the body, and a CRLF that the length does not count; one
 * that counts it, and one without it, are understood too: no body ends with CRLF, and no length begins with it. Bytes are
 * never searched for CRLF, so it may stand in a value.
 */
export class LegacyReader {
  readonly #limit: number
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  /** The bytes are this reader's to write to, not a chunk of the socket's. */
  #isOwn = false

  /** `limit`: the largest length that is taken. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that wait to be taken. */
  get held(): number {
    return this.#end - this.#at
  }

  push(chunk: Uint8Array): void {
    if (this.held === 0) {
      this.#bytes = chunk
      this.#at = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    if (!this.#isOwn || this.#end + chunk.length > this.#bytes.length) this.#grow(chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** By doubling, so that a frame that comes in many pieces is not copied for each of them. */
  #grow(size: number): void {
    const grown = new Uint8Array(Math.max(this.held + size, 2 * this.held))
    grown.set(this.#bytes.subarray(this.#at, this.#end))
    this.#end = this.held
    this.#at = 0
    this.#bytes = grown
    this.#isOwn = true
  }

  /** The next body; undefined: more bytes are needed. Throws an RpcError when what comes is no frame. */
  next(): Uint8Array | undefined {
    if (this.held >= 2 && isLineEnd(this.#bytes, this.#at)) this.#at += 2
    if (this.held < lengthBytes) return undefined
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, lengthBytes).getUint32(0)
    if (length > this.#limit)
      throw protocolError(`The frame's length ${length} is above the limit of ${this.#limit}`, "resource_exhausted")
    if (this.held < lengthBytes + length) return undefined
    const from = this.#at + lengthBytes
    this.#at = from + length
    const isCounted = length >= 2 && isLineEnd(this.#bytes, this.#at - 2)
    return this.#bytes.slice(from, isCounted ? this.#at - 2 : this.#at)
  }
}
