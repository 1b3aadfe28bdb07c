import type { ErrorCode } from "../domain/ErrorCode.ts"
import { RpcError } from "./RpcError.ts"

/**
 * The fifth byte of a connection tells its dialect: 0x7b and 0x61 are the predecessor's, so types stay below 0x20 or
 * above 0x7f for ever.
 */
export const FrameType = {
  hello: 0x01,
  request: 0x02,
  response: 0x03,
  error: 0x04,
  item: 0x05,
  end: 0x06,
  credit: 0x07,
  cancel: 0x08,
  ping: 0x09,
  pong: 0x0a,
  goaway: 0x0b,
  oneway: 0x0c,
} as const

export const FrameFlag = {
  /** REQUEST: the answer is a stream of ITEMs. */
  answersStream: 0x01,
  /** REQUEST: ITEMs of the caller follow. */
  sendsStream: 0x02,
  /** Any type: a receiver that doesn't know the type skips the frame. */
  ignore: 0x80,
} as const

export const headerBytes = 12
/** What the length field counts of the header itself. */
export const countedHeaderBytes = 8

const lastType = FrameType.oneway
const bodiless: ReadonlySet<number> = new Set([FrameType.end, FrameType.cancel, FrameType.ping, FrameType.pong])
const connectionWide: ReadonlySet<number> = new Set([FrameType.hello, FrameType.goaway, FrameType.oneway])
const ofOneCall: ReadonlySet<number> = new Set([
  FrameType.request,
  FrameType.response,
  FrameType.item,
  FrameType.end,
  FrameType.credit,
  FrameType.cancel,
])

/** What is wrong with a header, or with the order of frames: it ends the connection. */
export const protocolError = (message: string, code: ErrorCode = "invalid_argument") =>
  new RpcError(code, message, { executed: "no" })

/**
 * Cuts what arrives into frames. After `push`, each `next` that returns true has set `type`, `flags`, `id`, and the body
 * as `bytes` from `start` to `end`; they hold until the next call. Throws an RpcError for a malformed header, after which
 * it is not to be used any more.
 */
export class FrameReader {
  type = 0
  flags = 0
  id = 0
  bytes: Uint8Array = empty
  start = 0
  end = 0
  readonly #limit: number
  #chunk: Uint8Array = empty
  #at = 0
  // The frame that has begun in an earlier chunk. Grows by doubling, so that its size is paid for by bytes that came.
  #partial: Uint8Array = empty
  #held = 0
  /** Bytes of the partial frame when its header is known, 0 before. */
  #wanted = 0

  /** `limit`: the largest length field that is taken. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes of a frame that has begun and is not complete; 0 between frames. */
  get held(): number {
    return this.#held
  }

  /** Call only after `next` has returned false. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /** False: more bytes are needed; the chunk is not referred to any more. */
  next(): boolean {
    for (;;) {
      if (!this.#frame()) return false
      if (this.type <= lastType || (this.flags & FrameFlag.ignore) === 0) return true
    }
  }

  #frame(): boolean {
    if (this.#held > 0) return this.#resume()
    const left = this.#chunk.length - this.#at
    if (left < headerBytes) return this.#keep(left)
    const total = this.#header(this.#chunk, this.#at)
    if (left < total) {
      this.#wanted = total
      return this.#keep(left)
    }
    this.#at += total
    this.#emit(this.#chunk, this.#at - total, total)
    return true
  }

  #resume(): boolean {
    if (this.#wanted === 0) {
      this.#take(headerBytes)
      if (this.#held < headerBytes) {
        if (this.#held >= 4) this.#length(this.#partial, 0)
        return this.#release()
      }
      this.#wanted = this.#header(this.#partial, 0)
    }
    this.#take(this.#wanted)
    if (this.#held < this.#wanted) return this.#release()
    const total = this.#wanted
    this.#emit(this.#partial, 0, total)
    this.#partial = empty
    this.#held = 0
    this.#wanted = 0
    return true
  }

  #keep(left: number): false {
    // What speaks another protocol is told so after four bytes, not after a timeout.
    if (left >= 4) this.#length(this.#chunk, this.#at)
    if (left > 0) {
      this.#take(this.#wanted === 0 ? headerBytes : this.#wanted)
    }
    return this.#release()
  }

  #release(): false {
    this.#chunk = empty
    this.#at = 0
    return false
  }

  /** Moves bytes of the chunk to the partial frame until that holds `total`, or the chunk is used up. */
  #take(total: number): void {
    const count = Math.min(total - this.#held, this.#chunk.length - this.#at)
    const needed = this.#held + count
    if (needed > this.#partial.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(total, this.#partial.length * 2), headerBytes))
      grown.set(this.#partial.subarray(0, this.#held))
      this.#partial = grown
    }
    this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#held)
    this.#at += count
    this.#held = needed
  }

  #length(bytes: Uint8Array, at: number): number {
    const length = uint32(bytes, at)
    if (length < countedHeaderBytes) throw protocolError(`The frame's length ${length} is below ${countedHeaderBytes}`)
    if (length > this.#limit)
      throw protocolError(
        `The frame's length ${length} is above the limit of ${this.#limit}${foreign(length)}`,
        "resource_exhausted",
      )
    return length
  }

  /** Checks the header at `at`; returns the bytes of the whole frame. */
  #header(bytes: Uint8Array, at: number): number {
    const length = this.#length(bytes, at)
    const type = bytes[at + 4] as number
    const flags = bytes[at + 5] as number
    const known = type !== 0 && type <= lastType
    if (!known) checkUnknown(type, flags)
    if (bytes[at + 6] !== 0 || bytes[at + 7] !== 0) throw protocolError("The frame's reserved field is not 0")
    if (known) checkKnown({ type, flags, length, id: uint32(bytes, at + 8) })
    return length + headerBytes - countedHeaderBytes
  }

  #emit(bytes: Uint8Array, at: number, total: number): void {
    this.bytes = bytes
    this.type = bytes[at + 4] as number
    this.flags = bytes[at + 5] as number
    this.id = uint32(bytes, at + 8)
    this.start = at + headerBytes
    this.end = at + total
  }
}

const empty = new Uint8Array(0)

const uint32 = (bytes: Uint8Array, at: number) =>
  ((bytes[at] as number) * 0x1000000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))) >>>
  0

const hex = (value: number) => `0x${value.toString(16).padStart(2, "0")}`

/** What a peer speaks instead, whose first bytes make such a length. */
const foreign = (length: number): string => {
  if (length >>> 16 === 0x1603) return ": the peer speaks TLS, and this connection is plain TCP"
  const text = String.fromCharCode(length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff)
  return /^[ -~]{4}$/.test(text) ? `: it is the text ${JSON.stringify(text)}, and the peer does not speak muster/1` : ""
}

/** The first byte of a request in JSON, and of one in PHP's serialize: `{` and `a`. */
const predecessors: ReadonlySet<number> = new Set([0x7b, 0x61])

const checkUnknown = (type: number, flags: number) => {
  if (type !== 0 && (flags & FrameFlag.ignore) !== 0) return
  const hint = predecessors.has(type) ? "; clients of the predecessor send it, and need rpc.legacy" : ""
  throw protocolError(`The frame type ${hex(type)} is unknown${hint}`, "unimplemented")
}

const checkKnown = (frame: { type: number; flags: number; length: number; id: number }) => {
  const { flags, id, length, type } = frame
  const allowed =
    type === FrameType.request ? FrameFlag.answersStream | FrameFlag.sendsStream | FrameFlag.ignore : FrameFlag.ignore
  if ((flags & ~allowed) !== 0) throw protocolError(`The frame's flags ${hex(flags)} are not all known`)
  if (bodiless.has(type) && length !== countedHeaderBytes)
    throw protocolError(`A frame of type ${hex(type)} has no body, its length is ${length}`)
  if (connectionWide.has(type) && id !== 0) throw protocolError(`A frame of type ${hex(type)} has id 0, not ${id}`)
  if (ofOneCall.has(type) && id === 0) throw protocolError(`A frame of type ${hex(type)} needs an id`)
}
