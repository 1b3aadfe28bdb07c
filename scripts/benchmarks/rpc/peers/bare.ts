import * as net from "node:net"
import { Encoder } from "cbor-x/encode"
import { hello, type Peer } from "./Peer.ts"

// The least that could be called RPC: a length, CBOR of cbor-x, an id to find the caller; no limits, deadlines or checks.
const cbor = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false })

const frame = (value: unknown): Buffer => {
  const body = cbor.encode(value)
  const bytes = Buffer.allocUnsafe(4 + body.length)
  bytes.writeUInt32BE(body.length, 0)
  bytes.set(body, 4)
  return bytes
}

/** Calls `each` with every message, then `done` after a chunk. */
const reading = (each: (message: ReadonlyArray<unknown>) => void, done: () => void) => {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    while (bytes.length - at >= 4 && bytes.length - at - 4 >= bytes.readUInt32BE(at)) {
      const end = at + 4 + bytes.readUInt32BE(at)
      each(cbor.decode(bytes.subarray(at + 4, end)) as ReadonlyArray<unknown>)
      at = end
    }
    rest = bytes.subarray(at)
    done()
  }
}

export const peer: Peer = {
  serve: () =>
    new Promise((resolve) => {
      const server = net.createServer((socket) => {
        socket.setNoDelay(true)
        socket.on("error", () => {})
        let out: Array<Buffer> = []
        const answer = ([id, , args]: ReadonlyArray<unknown>) => out.push(frame([id, hello((args as [unknown])[0])]))
        const flush = () => {
          if (out.length > 0) socket.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out))
          out = []
        }
        socket.on("data", reading(answer, flush))
      })
      server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
    }),
  dial: ({ host, port }) =>
    new Promise((resolve) => {
      const socket = net.connect(port, host)
      socket.setNoDelay(true)
      const waiting = new Map<number, (value: unknown) => void>()
      let lastId = 0
      let out: Array<Buffer> = []
      const settle = ([id, value]: ReadonlyArray<unknown>) => {
        const done = waiting.get(id as number)
        waiting.delete(id as number)
        done?.(value)
      }
      socket.on(
        "data",
        reading(settle, () => {}),
      )
      const flush = () => {
        socket.write(Buffer.concat(out))
        out = []
      }
      const call = () =>
        new Promise((done) => {
          const id = ++lastId
          waiting.set(id, done)
          if (out.push(frame([id, "Greeter.hello", ["world"], { deadline: 5000 }])) === 1) queueMicrotask(flush)
        })
      socket.once("connect", () => resolve({ call, close: () => socket.destroy() }))
    }),
}
