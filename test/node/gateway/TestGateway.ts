import type { NodeConfig } from "../../../src/node/Node.ts"
import { type Listener, listen } from "../../../src/platform/Transport.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import { type Handler, methodsOf, RpcServer } from "../../../src/rpc/RpcServer.ts"
import { TestNode } from "../TestNode.ts"

export const loopback = { listen: { host: "127.0.0.1", port: 0 }, isRequired: true, token: undefined }

/** The service `shop`, in this process. */
class TestService {
  readonly #listener: Listener
  readonly #server: RpcServer
  readonly port: number

  private constructor(listener: Listener, server: RpcServer) {
    this.#listener = listener
    this.#server = server
    this.port = listener.port
  }

  static async start(methods: Readonly<Record<string, Handler>>) {
    const server = new RpcServer({
      service: "shop",
      worker: { id: 0, count: 1 },
      methods: methodsOf(methods),
    })
    const on = { host: "127.0.0.1", port: 0 }
    return new TestService(await listen({ on, onConnection: (duplex) => server.accept(duplex) }), server)
  }

  get connections() {
    return this.#server.connections
  }

  async stop() {
    await this.#listener.close()
    await this.#server.drain(100)
  }
}

/** A node with a gateway, to which the list of `shop` was pushed. */
export class TestGateway {
  readonly node: TestNode
  readonly service: TestService
  #revision = 0

  private constructor(node: TestNode, service: TestService) {
    this.node = node
    this.service = service
  }

  static async start(methods: Readonly<Record<string, Handler>>, gateway: NodeConfig["gateway"] = loopback) {
    const node = await new TestNode().join()
    await node.start({ gateway })
    const started = new TestGateway(node, await TestService.start(methods))
    await started.push()
    return started
  }

  get url() {
    return this.node.gatewayUrl
  }

  /** Pushes the list of `shop` in its next revision. */
  async push(over: object = {}) {
    const revision = ++this.#revision
    const endpoints = [{ ip: "127.0.0.1", port: this.service.port, weight: 100, status: "online" }]
    const list = { service: "shop", revision, tls: "auto", endpoints, releasedAt: 1, releasedBy: "test", ...over }
    await this.node.call(nodeMethods.applyList, { list, override: { by: "test", reason: "a test" } })
  }

  /** The status and the JSON of the answer. */
  async post(path: string, body?: string | ReadableStream<Uint8Array>, headers: Record<string, string> = {}) {
    const response = await fetch(`${this.url}${path}`, {
      method: "POST",
      headers,
      ...(body === undefined ? {} : { body }),
    })
    return { status: response.status, body: (await response.json()) as unknown, headers: response.headers }
  }

  async [Symbol.asyncDispose]() {
    await this.service.stop()
    await this.node[Symbol.asyncDispose]()
  }
}
