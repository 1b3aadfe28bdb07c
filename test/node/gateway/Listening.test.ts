import { createServer } from "node:net"
import { join } from "node:path"
import { expect, setDefaultTimeout, test } from "bun:test"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { EndpointList } from "../../../src/domain/EndpointList.ts"
import { dataFolder } from "../../../src/node/DataFolder.ts"
import { Disk } from "../../../src/node/Disk.ts"
import { Discovery } from "../../../src/node/discovery/Discovery.ts"
import { Gateway, type GatewayConfig } from "../../../src/node/gateway/Gateway.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { freePort, temporaryFolder } from "../../support/muster.ts"
import { TestService } from "../../support/TestService.ts"
import { waitFor } from "../../support/waitFor.ts"

// Real sockets on a busy machine.
setDefaultTimeout(60_000)

const own: GatewayConfig = { listen: { host: "127.0.0.1", port: 0 }, isRequired: true, token: undefined }

/** A gateway alone, on a turned clock. `within`: a folder in its temporary one that is its data folder. */
const start = async (config: GatewayConfig, { lists = [] as ReadonlyArray<EndpointList>, within = "" } = {}) => {
  const temporary = temporaryFolder("muster-gateway-")
  const said: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
  const layer = Gateway.layer(config, dataFolder(join(temporary.path, within))).pipe(
    Layer.provide([Layer.mock(Discovery, { lists: Effect.succeed(lists) }), NodeChanges.layer, Disk.layer]),
    Layer.provideMerge(Layer.mergeAll(TestClock.layer(), Logger.layer([logger]))),
  )
  const scope = await Effect.runPromise(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const end = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    url: Context.get(context, Gateway).url,
    said,
    turn: (ms: number) => Effect.runPromise(TestClock.adjust(ms).pipe(Effect.provideContext(context))),
    end,
    [Symbol.asyncDispose]: async () => {
      await end()
      temporary[Symbol.dispose]()
    },
  }
}

const listening = (port: number) =>
  new Promise<{ close: () => Promise<void> }>((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () =>
      resolve({ close: () => new Promise((closed) => void server.close(() => closed())) }),
    )
  })

test("who lets others on the network call is told that they can be overheard, and nobody else is", async () => {
  await using alone = await start(own)
  expect(alone.said).toEqual([])
  await using open = await start({ ...own, listen: { host: "0.0.0.0", port: 0 }, token: "a-token-of-this-test" })
  expect(open.said).toEqual([
    "Warn the gateway is plain HTTP on 0.0.0.0: its token and what is called can be read on the way",
  ])
})

test("a folder whose name is too long for a socket is told, and the port is there all the same", async () => {
  await using gateway = await start(own, { within: "x".repeat(100) })
  expect(gateway.said).toEqual([
    expect.stringMatching(/^Warn the gateway has no unix socket: \/.*x\/gateway\/gateway\.sock is too long for one$/),
  ])
  expect((await fetch(`${gateway.url}/health`)).ok).toBe(true)
})

test("a port that was in use is tried again every 30 seconds, and said once when it is had", async () => {
  const port = await freePort()
  const other = await listening(port)
  await using gateway = await start({ ...own, listen: { host: "127.0.0.1", port }, isRequired: false })
  const { said, turn, url } = gateway
  expect(url).toBeUndefined()
  expect(said).toEqual([expect.stringContaining("the node runs without it, and tries again every 30 seconds")])
  for (let tries = 0; tries < 3; tries++) {
    await turn(30_000)
    await Bun.sleep(50)
  }
  expect(said).toHaveLength(1)
  await other.close()
  await turn(29_999)
  await Bun.sleep(50)
  expect(said).toHaveLength(1)
  await turn(1)
  await waitFor(() => said.length > 1)
  expect(said.slice(1)).toEqual([`Info the gateway is on http://127.0.0.1:${port} now`])
  expect((await fetch(`http://127.0.0.1:${port}/health`)).ok).toBe(true)
})

test("a gateway that ends has no connections to services any more, and no port", async () => {
  const service = await TestService.start("shop", { one: () => 1 })
  const endpoints = [{ ...service.endpoint, weight: 100, status: "online" }]
  const list = { service: "shop", revision: 1, tls: "off", endpoints, releasedAt: 1, releasedBy: "test" }
  await using gateway = await start(own, { lists: [list as unknown as EndpointList] })
  const call = () => fetch(`${gateway.url}/rpc/shop/one`, { method: "POST" })
  expect(await (await call()).json()).toBe(1)
  expect(service.connections).toBe(1)
  await gateway.end()
  await waitFor(() => service.connections === 0)
  await expect(call()).rejects.toThrow()
  await service.stop()
})
