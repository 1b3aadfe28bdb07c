import type { Duplex, DuplexHandler, Identity } from "../../platform/Transport.ts"
import { encode, Writer } from "../../protocol/Encode.ts"
import { EncodeError } from "../../protocol/EncodeError.ts"
import { FrameReader, FrameType, headerBytes, countedHeaderBytes, protocolError } from "../../protocol/Frame.ts"
import { hello } from "../../protocol/Handshake.ts"
import type { Limits } from "../../protocol/Limits.ts"
import { readBody, readError } from "../../protocol/Messages.ts"
import { type Dialect, LegacyReader } from "../../protocol/legacy/LegacyFrames.ts"
import { legacyFailure, legacyResult, readLegacyRequest } from "../../protocol/legacy/LegacyMessages.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { now } from "../Deadlines.ts"
import { beginSweep, endSweep, type Swept } from "../Sweep.ts"

const keptWhileBusyBytes = 64 * 1024
const bytesPerSecondLeast = 64 * 1024
const everyFrame = 0xffffffff

const frameOf = (type: number, id: number, body?: unknown): Uint8Array => {
  const writer = new Writer(256)
  const content = body === undefined ? new Uint8Array(0) : encode(body)
  writer.uint32(countedHeaderBytes + content.length)
  writer.uint8(type)
  writer.uint8(0)
  writer.uint8(0)
  writer.uint8(0)
  writer.uint32(id)
  writer.raw(content)
  return writer.bytes.subarray(0, writer.length)
}

export interface LegacyOptions {
  readonly dialect: Dialect
  readonly limits: Limits
  /** The client broke the rules of its own dialect. */
  onFault(error: RpcError): void
}

/**
 * A connection of a client of the predecessor, as the muster/1 server sees it: its requests come out as REQUEST frames, and
 * the frames that go in leave as answers in its dialect. One call at a time, so that answers keep the order of the requests,
 * which is all that such a client tells them apart by; what it sends meanwhile waits.
 */
export class LegacyDuplex implements Duplex, Swept {
  readonly #duplex: Duplex
  readonly #options: LegacyOptions
  readonly #requests: LegacyReader
  /** What the server answers. */
  readonly #answers = new FrameReader(everyFrame)
  #handler: DuplexHandler | undefined
  #lastId = 0
  /** A call runs: the next request waits for its answer. */
  #isBusy = false
  #isTaking = false
  /** The server takes no more requests, or the connection is at its end. */
  #isLeaving = false
  #isRoomy = true
  #isPausedByServer = false
  #isPaused = false
  #frameBegunAt = 0
  #fullSince = 0

  constructor(duplex: Duplex, options: LegacyOptions) {
    this.#duplex = duplex
    this.#options = options
    this.#requests = new LegacyReader(options.limits.frameBytes)
  }

  get remote(): string {
    return this.#duplex.remote
  }

  get peer(): Identity | undefined {
    return this.#duplex.peer
  }

  handle(handler: DuplexHandler): void {
    this.#handler = handler
    beginSweep(this)
    this.#duplex.handle({
      data: (chunk) => this.take(chunk),
      drain: () => {
        this.#isRoomy = true
        handler.drain()
        this.#goOn()
      },
      close: (error) => {
        endSweep(this)
        this.#isLeaving = true
        handler.close(error)
      },
    })
  }

  /** Says HELLO in the client's place. The connection has been made of this duplex by now. */
  greet(): void {
    const { dialect, limits } = this.#options
    this.#handler?.data(frameOf(FrameType.hello, 0, { ...hello(`predecessor (${dialect})`, limits), features: [] }))
  }

  take(chunk: Uint8Array): void {
    if (this.#isLeaving) return
    if (this.#requests.held === 0) this.#frameBegunAt = now()
    this.#requests.push(chunk)
    this.#goOn()
  }

  /** What the server answers. */
  write(bytes: Uint8Array): boolean {
    this.#answers.push(bytes)
    while (this.#answers.next()) this.#answer(this.#answers)
    // Not now: the server is in the middle of writing.
    if (!this.#isBusy && this.#requests.held > 0) queueMicrotask(() => this.#goOn())
    return this.#isRoomy
  }

  end(): void {
    this.#isLeaving = true
    this.#duplex.end()
  }

  destroy(): void {
    this.#isLeaving = true
    this.#duplex.destroy()
  }

  pause(): void {
    this.#isPausedByServer = true
    this.#mayPause()
  }

  resume(): void {
    this.#isPausedByServer = false
    this.#mayPause()
  }

  sweep(time: number, pausedMs: number): boolean {
    this.#frameBegunAt += pausedMs
    this.#fullSince += pausedMs
    const { limits } = this.#options
    const { held } = this.#requests
    const allowedMs = limits.progressMs + Math.floor(held / bytesPerSecondLeast) * 1_000
    // Answers that the server does not know of may wait too.
    if (!this.#isRoomy && time - this.#fullSince > limits.slowReaderMs) this.destroy()
    else if (held > 0 && !this.#isBusy && !this.#isLeaving && this.#isRoomy && time - this.#frameBegunAt > allowedMs)
      this.#fail(protocolError(`The frame was not complete within ${allowedMs} ms`, "deadline_exceeded"))
    return !this.#isRoomy || held > 0
  }

  #mayPause(): void {
    const isWaiting = this.#isBusy || !this.#isRoomy
    const wanted = this.#isPausedByServer || (isWaiting && this.#requests.held > keptWhileBusyBytes)
    if (wanted === this.#isPaused) return
    this.#isPaused = wanted
    if (wanted) this.#duplex.pause()
    else this.#duplex.resume()
  }

  /** Hands over the requests that are complete, one after the other. An answer may come before this has returned. */
  #goOn(): void {
    if (this.#isTaking) return
    this.#isTaking = true
    try {
      while (!this.#isBusy && !this.#isLeaving && this.#isRoomy) {
        const body = this.#requests.next()
        if (body === undefined) break
        this.#frameBegunAt = now()
        this.#request(body)
      }
    } catch (error) {
      this.#fail(
        error instanceof RpcError ? error : new RpcError("internal", "The connection failed", { cause: error }),
      )
    }
    this.#isTaking = false
    this.#mayPause()
  }

  #request(body: Uint8Array): void {
    try {
      const { args, method } = readLegacyRequest(this.#options.dialect, body)
      const request = frameOf(FrameType.request, this.#lastId + 1, [method, args])
      const counted = request.length - headerBytes + countedHeaderBytes
      if (counted > this.#options.limits.frameBytes)
        throw protocolError(`The request is larger than ${this.#options.limits.frameBytes} bytes`, "resource_exhausted")
      this.#lastId++
      this.#isBusy = true
      this.#handler?.data(request)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      this.#send(legacyFailure(this.#options.dialect, error))
    }
  }

  #answer(reader: FrameReader): void {
    switch (reader.type) {
      case FrameType.response:
        return this.#settle(this.#result(reader))
      case FrameType.error:
        // The connection's own end is told only to one who waits: another would take it for the answer to its next call.
        if (reader.id !== 0 || this.#isBusy) this.#settle(legacyFailure(this.#options.dialect, readError(reader)))
        return
      case FrameType.ping: {
        const pong = frameOf(FrameType.pong, reader.id)
        return queueMicrotask(() => this.#handler?.data(pong))
      }
      case FrameType.goaway:
        this.#isLeaving = true
        if (!this.#isBusy) this.#duplex.end()
        return
      default:
        return
    }
  }

  #result(reader: FrameReader): Uint8Array {
    const { dialect, limits } = this.#options
    try {
      return legacyResult(dialect, readBody(reader), limits.frameBytes)
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error
      const message = `The result can't be sent: it is larger than ${limits.frameBytes} bytes`
      return legacyFailure(dialect, new RpcError("resource_exhausted", message))
    }
  }

  #settle(answer: Uint8Array): void {
    this.#isBusy = false
    this.#send(answer)
    if (this.#isLeaving) this.#duplex.end()
  }

  #send(answer: Uint8Array): void {
    if (this.#duplex.write(answer)) return
    this.#isRoomy = false
    this.#fullSince = now()
  }

  /** Where the next frame would begin is not known any more. */
  #fail(error: RpcError): void {
    this.#options.onFault(error)
    this.#send(legacyFailure(this.#options.dialect, error))
    this.end()
  }
}
