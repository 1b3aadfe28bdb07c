import * as net from "node:net"
import { peer as hono } from "./hono.ts"
import type { Peer } from "./Peer.ts"

const request = Buffer.from(
  [
    "POST /Greeter/hello HTTP/1.1",
    "host: 127.0.0.1",
    "content-type: application/json",
    "content-length: 9",
    "",
    '["world"]',
  ].join("\r\n"),
)

/** The cheapest keep-alive client there is, so that the server is what is measured: one call at a time on a connection. */
const connect = (host: string, port: number) =>
  new Promise<{ call(): Promise<void>; close(): void }>((resolve) => {
    const socket = net.connect(port, host)
    socket.setNoDelay(true)
    let done = () => {}
    let text = ""
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      const head = text.indexOf("\r\n\r\n")
      if (head < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
      if (text.length < head + 4 + length) return
      if (!text.endsWith('"hello world"')) throw new Error(`An answer that is none: ${text}`)
      text = ""
      done()
    })
    const call = () =>
      new Promise<void>((resolve) => {
        done = resolve
        socket.write(request)
      })
    socket.once("connect", () => resolve({ call, close: () => socket.destroy() }))
  })

/** The server of `hono`, called by the least client that can be written. */
export const peer: Peer = {
  ...(hono.serve === undefined ? {} : { serve: hono.serve }),
  dial: async ({ host, port }, width) => {
    const idle = await Promise.all(Array.from({ length: width }, () => connect(host, port)))
    const all = [...idle]
    return {
      call: async () => {
        const connection = idle.pop()
        if (connection === undefined) throw new Error("More callers than connections")
        await connection.call()
        idle.push(connection)
      },
      close: () => {
        for (const connection of all) connection.close()
      },
    }
  },
}
