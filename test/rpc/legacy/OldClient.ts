import * as net from "node:net"
import { waitFor } from "../../support/waitFor.ts"

const pack = (body: Uint8Array): Uint8Array => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, body.length)
  return Buffer.concat([length, body, Buffer.from("\r\n")])
}

/** A request in JSON, packed as the predecessor packs it. */
export const packJson = (func: unknown, params: unknown = []) => pack(Buffer.from(JSON.stringify({ func, params })))

/** A request in PHP's form, of arguments that are in it already. */
export const packPhp = (func: string, params: ReadonlyArray<string> = []) =>
  pack(
    Buffer.from(
      `a:2:{s:4:"func";s:${Buffer.byteLength(func)}:"${func}";s:6:"params";a:${params.length}:{${params
        .map((param, index) => `i:${index};${param}`)
        .join("")}}}`,
    ),
  )

/**
 * Does with an answer what the predecessor's client does: Swoole cuts what came at the first CRLF, from the first byte on; then the
 * length must be that of the body.
 */
export class OldClient {
  closed = false
  readonly socket: net.Socket
  #received: Buffer = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = net.connect(port, "127.0.0.1")
    this.socket.setNoDelay(true)
    this.socket.on("error", () => {})
    this.socket.on("close", () => (this.closed = true))
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
  }

  send(...bytes: ReadonlyArray<Uint8Array>): void {
    this.socket.write(Buffer.concat(bytes))
  }

  get received(): number {
    return this.#received.length
  }

  /** The body of the next answer. */
  async answer(): Promise<string> {
    const end = await waitFor(() => {
      const at = this.#received.indexOf("\r\n")
      return at >= 0 && at
    })
    const packet = this.#received.subarray(0, end)
    this.#received = this.#received.subarray(end + 2)
    const body = packet.subarray(4)
    if (packet.length < 4 || packet.readUInt32BE(0) !== body.length)
      throw new Error(`receive data length error: ${packet.toString("hex")}`)
    return body.toString("utf8")
  }

  async call(request: Uint8Array): Promise<string> {
    this.send(request)
    return await this.answer()
  }

  async callJson(func: unknown, params: unknown = []): Promise<unknown> {
    return JSON.parse(await this.call(packJson(func, params)))
  }

  async ended(): Promise<void> {
    await waitFor(() => this.closed)
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
