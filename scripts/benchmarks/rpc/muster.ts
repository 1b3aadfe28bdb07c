import { listen } from "../../../src/platform/Transport.ts"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { methodsOf, RpcServer, type Handler } from "../../../src/rpc/RpcServer.ts"
import { hello, type Peer } from "./Peer.ts"

const methods: Readonly<Record<string, Handler>> = { "Greeter.hello": ([name]) => hello(name) }

export const muster: Peer = {
  serve: async () => {
    const server = new RpcServer({
      service: "greeter",
      worker: { id: 0, count: 1 },
      methods: methodsOf(methods),
    })
    const onConnection = server.accept.bind(server)
    const { port } = await listen({ on: { host: "127.0.0.1", port: 0 }, onConnection })
    return port
  },
  dial: async (port) => {
    const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "bench" })
    return {
      call: () => connection.call("Greeter.hello", ["world"], { timeoutMs: 5000 }),
      close: () => connection.close(),
    }
  },
}
