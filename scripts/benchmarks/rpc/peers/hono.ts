import { Hono } from "hono"
import { hello, type Peer } from "./Peer.ts"

/** JSON over HTTP/1.1 with keep-alive, as users of Bun have it: Hono on Bun.serve, called with fetch. */
export const peer: Peer = {
  serve: () => {
    const app = new Hono()
    app.post("/Greeter/hello", async (context) => {
      const [name] = await context.req.json<[string]>()
      return context.json(hello(name))
    })
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch, development: false })
    return Promise.resolve(server.port ?? 0)
  },
  dial: ({ host, port }) => {
    const url = `http://${host}:${port}/Greeter/hello`
    const headers = { "content-type": "application/json" }
    const call = async () => {
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(["world"]) })
      return await response.json()
    }
    // Bun keeps the connections by itself.
    return Promise.resolve({ call, close: () => undefined })
  },
}
