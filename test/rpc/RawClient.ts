import * as net from "node:net"
import { decode } from "../../src/protocol/Decode.ts"
import { encode, Writer } from "../../src/protocol/Encode.ts"
import { FrameFlag, FrameReader, FrameType, headerBytes } from "../../src/protocol/Frame.ts"
import { hello } from "../../src/protocol/Handshake.ts"
import { callLimits } from "../../src/protocol/Limits.ts"
import { waitFor } from "../support/waitFor.ts"

export interface SeenFrame {
  readonly type: number
  readonly id: number
  readonly body: unknown
}

/** The bytes of one frame; `body` undefined for none, bytes as they are. */
export const frame = (type: number, id: number, body?: unknown, flags = 0): Uint8Array => {
  const content = body === undefined ? new Uint8Array(0) : body instanceof Uint8Array ? body : encode(body)
  const writer = new Writer(headerBytes + content.length)
  writer.uint32(content.length + 8)
  writer.uint8(type)
  writer.uint8(flags)
  writer.raw(new Uint8Array(2))
  writer.uint32(id)
  writer.raw(content)
  return writer.bytes.slice(0, writer.length)
}

export const request = (id: number, method: string, args: ReadonlyArray<unknown> = [], meta: object = {}) =>
  frame(FrameType.request, id, [method, args, meta])

const finalTypes: ReadonlySet<number> = new Set([FrameType.response, FrameType.error, FrameType.end])

/** A request for a stream. */
export const streamRequest = (id: number, method: string, args: ReadonlyArray<unknown> = [], meta: object = {}) =>
  frame(FrameType.request, id, [method, args, meta], FrameFlag.answersStream)

export const helloFrame = (limits = {}) => frame(FrameType.hello, 0, hello("raw", { ...callLimits, ...limits }))

/** A client that sends whatever bytes it is told to, and keeps what comes back. */
export class RawClient {
  readonly seen: Array<SeenFrame> = []
  closed = false
  readonly socket: net.Socket
  readonly #reader = new FrameReader(64 * 1024 * 1024)

  constructor(port: number, host = "127.0.0.1") {
    this.socket = net.connect(port, host)
    this.socket.setNoDelay(true)
    this.socket.on("error", () => {})
    this.socket.on("close", () => {
      this.closed = true
    })
    this.socket.on("data", (chunk: Uint8Array) => this.#data(chunk))
  }

  static async greeted(port: number, limits = {}): Promise<RawClient> {
    const client = new RawClient(port)
    await client.greet(helloFrame(limits))
    return client
  }

  async greet(hello: Uint8Array): Promise<void> {
    this.send(hello)
    await this.frame((seen) => seen.type === FrameType.hello)
  }

  send(...frames: ReadonlyArray<Uint8Array>): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** The first frame, come or to come, that is wanted. */
  async frame(wanted: (seen: SeenFrame) => boolean, timeoutMs = 5000): Promise<SeenFrame> {
    return waitFor(() => this.seen.find(wanted), { timeoutMs, what: wanted.toString() })
  }

  /** The final frame of a call. */
  answer(id: number): Promise<SeenFrame> {
    return this.frame((seen) => seen.id === id && finalTypes.has(seen.type))
  }

  items(id: number): ReadonlyArray<unknown> {
    return this.seen.filter((seen) => seen.type === FrameType.item && seen.id === id).map((seen) => seen.body)
  }

  /** The ERROR of id 0 that comes before the close. */
  async refusal(timeoutMs = 5000): Promise<string> {
    const { body } = await this.frame((seen) => seen.type === FrameType.error && seen.id === 0, timeoutMs)
    await waitFor(() => this.closed, { timeoutMs })
    return (body as [string])[0]
  }

  destroy(): void {
    this.socket.destroy()
  }

  #data(chunk: Uint8Array): void {
    this.#reader.push(chunk)
    while (this.#reader.next()) {
      const { bytes, end, id, start, type } = this.#reader
      this.seen.push({ type, id, body: end > start ? decode(bytes, start, end) : undefined })
    }
  }
}
