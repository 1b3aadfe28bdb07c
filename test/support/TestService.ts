import { type Listener, listen } from "../../src/platform/Transport.ts"
import { type Handler, methodsOf, RpcServer } from "../../src/rpc/RpcServer.ts"

/** A service of one worker, in this process. */
export class TestService {
  readonly #listener: Listener
  readonly #server: RpcServer
  readonly port: number

  private constructor(listener: Listener, server: RpcServer) {
    this.#listener = listener
    this.#server = server
    this.port = listener.port
  }

  static async start(service: string, methods: Readonly<Record<string, Handler>>) {
    const server = new RpcServer({
      service,
      worker: { id: 0, count: 1 },
      methods: methodsOf(methods),
    })
    const on = { host: "127.0.0.1", port: 0 }
    return new TestService(await listen({ on, onConnection: (duplex) => server.accept(duplex) }), server)
  }

  get connections() {
    return this.#server.connections
  }

  get endpoint() {
    return { ip: "127.0.0.1", port: this.port }
  }

  async stop() {
    await this.#listener.close()
    await this.#server.drain(100)
  }
}
