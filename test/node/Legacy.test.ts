import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { OldClient, packPhp } from "../rpc/legacy/OldClient.ts"
import { assignment, callOnce, certificate, TestNode } from "./TestNode.ts"

const rpc = { ...defaultRpcSettings, legacy: true }

describe("a service with rpc.legacy", () => {
  let node: TestNode
  let module: string
  beforeAll(async () => {
    node = await new TestNode().join()
    await node.start()
    module = node.module(
      "legacy.ts",
      "export class TestService { static test(name: string) { return `Hello, ${name}!` } }",
    )
  })
  afterAll(() => node[Symbol.asyncDispose]())

  test("answers the predecessor's clients beside its own, with real workers", async () => {
    const port = await freePort()
    await node.apply(1, assignment({ ip: "127.0.0.1", port }, module, { rpc }))
    await node.running(2)
    using json = new OldClient(port)
    using php = new OldClient(port)
    expect(await json.callJson("TestService::test", ["世界"])).toBe("Hello, 世界!")
    expect(await php.call(packPhp("TestService::test", ['s:6:"世界";']))).toBe('s:14:"Hello, 世界!";')
    expect(await callOnce(port, "TestService.test", ["muster"])).toBe("Hello, muster!")
  })

  test("answers nobody but clients of muster/1 on a port with TLS, and says so", async () => {
    const port = await freePort()
    const listen = { ip: "127.0.0.1", port }
    await node.apply(2, assignment(listen, module, { rpc, tls: "on", workers: 1, specRevision: 2 }))
    await node.running(1)
    const log = () => node.said(`greeter@${port}`)
    await waitFor(() => log().includes("the predecessor's clients are not answered, as this port speaks TLS"))
    const tls = await certificate("node:n1")
    expect(await callOnce(port, "TestService.test", ["muster"], tls)).toBe("Hello, muster!")
    using client = new OldClient(port)
    client.send(packPhp("ping"))
    await client.ended()
    expect(client.received).toBeLessThan(50)
  })
})
