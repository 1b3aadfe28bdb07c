import type { NodeConfig } from "../../../src/node/Node.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import type { Handler } from "../../../src/rpc/RpcServer.ts"
import { TestService } from "../../support/TestService.ts"
import { TestNode } from "../TestNode.ts"

export const loopback = { listen: { host: "127.0.0.1", port: 0 }, isRequired: true, token: undefined }

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
    const started = new TestGateway(node, await TestService.start("shop", methods))
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
