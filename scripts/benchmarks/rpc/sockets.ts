// Calls one server over 16 plain sockets that know no more of the protocol than its frames: sockets.ts PROTOCOL TARGET.
// Input and output as of load.ts; the width is in flight on each socket.
import * as net from "node:net"
import process from "node:process"
import { createInterface } from "node:readline"
import { Encoder } from "cbor-x/encode"
import type { Target } from "./peers/Peer.ts"
import type { Outcome, Task } from "./Task.ts"

const connections = 16
const cbor = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false })
const args = ["Greeter.hello", ["world"], { deadline: 5_000 }] as const

interface Protocol {
  /** What comes first, and is answered with one frame. */
  readonly greeting: Buffer | undefined
  /** A call; `id` is written to its place in a copy. */
  readonly call: Buffer
  readonly idAt: number
}

const musterFrame = (type: number, id: number, value: unknown): Buffer => {
  const body = cbor.encode(value)
  const header = Buffer.alloc(12)
  header.writeUInt32BE(8 + body.length, 0)
  header.writeUInt8(type, 4)
  header.writeUInt32BE(id, 8)
  return Buffer.concat([header, body])
}

const bareFrame = (value: unknown): Buffer => {
  const body = cbor.encode(value)
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length, 0)
  return Buffer.concat([header, body])
}

const hello = { magic: "muster", versions: [1, 1], limits: { frame: 2 ** 21, inFlight: 0 }, features: [], who: "bench" }

const protocols: Readonly<Record<string, Protocol>> = {
  muster: { greeting: musterFrame(1, 0, hello), call: musterFrame(2, 0, args), idAt: 8 },
  // The list's head is one byte, then comes the id in the five that a number of 32 bits has.
  bare: { greeting: undefined, call: bareFrame([0xffff_ffff, ...args]), idAt: 6 },
}

const [, , name = "", target] = process.argv
const { host, port } = JSON.parse(target ?? "") as Target
const protocol = protocols[name]
if (protocol === undefined) throw new Error(`There is no protocol ${name}`)

/** Counts the frames of what has come; a frame may come in pieces. */
class Frames {
  #rest: Buffer = Buffer.alloc(0)

  count(chunk: Buffer): number {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    let frames = 0
    while (bytes.length - at >= 4 && bytes.length - at - 4 >= bytes.readUInt32BE(at)) {
      // An ERROR in place of a RESPONSE must not count as a call.
      if (name === "muster" && bytes[at + 4] === 4) throw new Error(bytes.toString("latin1", at + 12, at + 112))
      at += 4 + bytes.readUInt32BE(at)
      frames++
    }
    this.#rest = bytes.subarray(at)
    return frames
  }
}

class Caller {
  calls = 0
  readonly #socket: net.Socket
  readonly #frames = new Frames()
  #lastId = 0
  #on: (frames: number) => void = () => undefined

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => this.#on(this.#frames.count(chunk)))
  }

  static open(): Promise<Caller> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, host)
      socket.once("error", reject)
      socket.once("connect", () => {
        const caller = new Caller(socket)
        if (protocol?.greeting === undefined) return resolve(caller)
        caller.#on = () => resolve(caller)
        socket.write(protocol.greeting)
      })
    })
  }

  /** Keeps `width` calls in flight until the time is up and all are answered. */
  run(width: number, until: number): Promise<void> {
    return new Promise((resolve) => {
      let open = width
      this.#on = (frames) => {
        this.calls += frames
        if (performance.now() < until) return this.#send(frames)
        open -= frames
        if (open === 0) resolve()
      }
      this.#send(width)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(count: number): void {
    const { call, idAt } = protocol as Protocol
    const bytes = Buffer.allocUnsafe(call.length * count)
    for (let nth = 0; nth < count; nth++) {
      bytes.set(call, nth * call.length)
      bytes.writeUInt32BE(++this.#lastId, nth * call.length + idAt)
    }
    this.#socket.write(bytes)
  }
}

process.on("SIGTERM", () => process.exit(0))
for await (const line of createInterface({ input: process.stdin })) {
  const { ms = 1_000, width = 1 } = JSON.parse(line) as Task
  const callers = await Promise.all(Array.from({ length: connections }, () => Caller.open()))
  const startedAt = performance.now()
  await Promise.all(callers.map((caller) => caller.run(width, startedAt + ms)))
  const outcome: Outcome = {
    calls: callers.reduce((sum, { calls }) => sum + calls, 0),
    ms: performance.now() - startedAt,
    p50: null,
    p99: null,
    max: null,
  }
  console.log(JSON.stringify(outcome))
  for (const caller of callers) caller.close()
}
process.exit(0)
