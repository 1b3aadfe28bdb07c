import type { Duplex } from "../platform/Transport.ts"
import { Writer } from "../protocol/Encode.ts"
import { countedHeaderBytes } from "../protocol/Frame.ts"
import type { Traffic } from "./ServerFigures.ts"

const pieceBytes = 256 * 1024
const flushAtBytes = 64 * 1024
const spareBytes = 64 * 1024
const sparesMax = 16
/** With less of it sent, the buffer is left as it is. */
const moveUpAtBytes = 1024 * 1024
const spares: Array<Writer> = []

/**
 * What is about to be written to one connection. All frames of a tick go out in one write; while the peer doesn't read
 * they wait here, where they are counted.
 */
export class Outbox {
  /** The peer is slow: nothing more is handed to the socket until it drains. */
  blocked = false
  /** Largest length field that the peer takes. */
  frameLimit: number
  readonly #duplex: Duplex
  readonly #onBlocked: () => void
  #writer: Writer | undefined
  #sent = 0
  #frameAt = 0
  #flushing = false
  #flushingLater = false

  readonly #traffic: Traffic

  constructor(
    duplex: Duplex,
    setup: { readonly frameLimit: number; readonly traffic: Traffic },
    onBlocked: () => void,
  ) {
    this.#duplex = duplex
    this.frameLimit = setup.frameLimit
    this.#traffic = setup.traffic
    this.#onBlocked = onBlocked
  }

  get queuedBytes(): number {
    return this.#writer === undefined ? 0 : this.#writer.length - this.#sent
  }

  /** Begins a frame; its body is written to the result, then `commit` or `rollback`. */
  begin(type: number, flags: number, id: number): Writer {
    const writer = (this.#writer ??= spares.pop() ?? new Writer(spareBytes))
    const at = writer.length
    this.#frameAt = at
    writer.limit = at + this.frameLimit + 4
    writer.reserve(12)
    const bytes = writer.bytes
    bytes[at + 4] = type
    bytes[at + 5] = flags
    bytes[at + 6] = 0
    bytes[at + 7] = 0
    writer.putUint32(at + 8, id)
    writer.length = at + 12
    return writer
  }

  /** Throws an EncodeError when the peer would not take the frame; then `rollback`. */
  commit(): void {
    const writer = this.#writer
    if (writer === undefined) return
    writer.checkLimit()
    writer.putUint32(this.#frameAt, writer.length - this.#frameAt - 12 + countedHeaderBytes)
    if (writer.length - this.#sent > flushAtBytes) this.flush()
  }

  rollback(): void {
    if (this.#writer !== undefined) this.#writer.length = this.#frameAt
  }

  /** A frame without a body. */
  bare(type: number, flags: number, id: number): void {
    this.begin(type, flags, id)
    this.commit()
  }

  /** Flushes after the other callbacks of this tick, so that what they answer goes along. */
  flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.flush()
    })
  }

  /** The same after this turn of the event loop. */
  flushLater(): void {
    if (this.#flushing || this.#flushingLater) return
    this.#flushingLater = true
    setImmediate(() => {
      this.#flushingLater = false
      this.flush()
    })
  }

  flush(): void {
    const writer = this.#writer
    if (writer === undefined || this.blocked) return
    while (this.#sent < writer.length && !this.blocked) this.blocked = !this.#writePiece(writer)
    if (this.#sent === writer.length) this.#release(writer)
    else if (this.#sent > moveUpAtBytes && this.#sent * 2 > writer.length) this.#moveUp(writer)
    if (this.blocked) this.#onBlocked()
  }

  /** Hands everything to the socket, read or not: the last thing before the end. */
  flushAll(): void {
    const writer = this.#writer
    if (writer === undefined) return
    while (this.#sent < writer.length) this.#writePiece(writer)
    this.#release(writer)
  }

  drained(): void {
    this.blocked = false
    this.flush()
  }

  /** Drops what waits: the connection is gone. */
  discard(): void {
    if (this.#writer !== undefined) this.#release(this.#writer)
  }

  #writePiece(writer: Writer): boolean {
    const end = Math.min(writer.length, this.#sent + pieceBytes)
    // A copy: the socket may keep what it is given.
    const piece = writer.bytes.slice(this.#sent, end)
    this.#traffic.sentBytes += end - this.#sent
    this.#sent = end
    return this.#duplex.write(piece)
  }

  /** A peer that is always a little behind never takes all: what has left makes room for what comes. */
  #moveUp(writer: Writer): void {
    writer.bytes.copyWithin(0, this.#sent, writer.length)
    writer.length -= this.#sent
    this.#sent = 0
  }

  #release(writer: Writer): void {
    this.#writer = undefined
    this.#sent = 0
    writer.length = 0
    if (writer.bytes.length === spareBytes && spares.length < sparesMax) spares.push(writer)
  }
}
