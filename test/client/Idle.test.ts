import { expect, test } from "bun:test"
import { connect } from "../../src/client/index.ts"
import { listen } from "../../src/platform/Transport.ts"
import { methodsOf, RpcServer } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"

test("a client without calls does not dial a server again and again that closes idle connections", async () => {
  const server = new RpcServer({
    service: "quiet",
    worker: { id: 0, count: 1 },
    methods: methodsOf({ hello: () => "hello" }),
    limits: { idleMs: 50 },
  })
  const listener = await listen({
    on: { host: "127.0.0.1", port: 0 },
    onConnection: (duplex) => server.accept(duplex),
  })
  const endpoints = [{ ip: "127.0.0.1", port: listener.port, weight: 100, status: "online" as const }]
  const client = connect("quiet", { endpoints, timeoutMs: 5_000 })
  try {
    expect(await client.call<unknown>("hello")).toBe("hello")
    // The one that was used, and the one that is kept for the next call.
    await waitFor(() => server.figures().closed === 2, { timeoutMs: 10_000 })
    await Bun.sleep(1_000)
    expect(server.figures()).toMatchObject({ accepted: 2, connections: 0 })
    expect(await client.call<unknown>("hello")).toBe("hello")
  } finally {
    client.close()
    await listener.close()
    await server.drain(0)
  }
})
