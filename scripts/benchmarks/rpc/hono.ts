import * as net from "node:net"
import { Hono } from "hono"
import { hello, type Peer } from "./Peer.ts"

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
const connect = (port: number) =>
  new Promise<{ call(): Promise<void>; close(): void }>((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
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

export const hono: Peer = {
  serve: () => {
    const app = new Hono()
    app.post("/Greeter/hello", async (context) => {
      const [name] = await context.req.json<[string]>()
      return context.json(hello(name))
    })
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch, development: false })
    return Promise.resolve(server.port ?? 0)
  },
  dial: async (port, width) => {
    const idle = await Promise.all(Array.from({ length: width }, () => connect(port)))
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
