import { expect, setDefaultTimeout, test } from "bun:test"
import { CertificateFolder } from "../../../src/client/CertificateFolder.ts"
import type { EndpointList } from "../../../src/domain/EndpointList.ts"
import { GatewayServer } from "../../../src/node/gateway/GatewayServer.ts"
import { ServiceClients } from "../../../src/node/gateway/ServiceClients.ts"
import { TestService } from "../../support/TestService.ts"
import { waitFor } from "../../support/waitFor.ts"

// Many calls on a busy machine.
setDefaultTimeout(60_000)

/** A gateway without its port, in front of `shop`. */
const start = async (methods: Parameters<typeof TestService.start>[1]) => {
  const service = await TestService.start("shop", methods)
  const listOf = (over: object = {}) =>
    ({
      service: "shop",
      revision: 1,
      tls: "off",
      endpoints: [{ ...service.endpoint, weight: 100, status: "online" }],
      releasedAt: 1,
      releasedBy: "test",
      ...over,
    }) as unknown as EndpointList
  let lists: ReadonlyArray<EndpointList> = [listOf()]
  const services = new ServiceClients({ lists: () => lists, certificates: new CertificateFolder("/none") })
  const faults: Array<unknown> = []
  const server = new GatewayServer({ services, token: undefined, onFault: (error) => faults.push(error) })
  let patient = 0
  const info = { patient: () => void patient++, closing: new AbortController().signal }
  const post = (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    server.handle(
      new Request(`http://127.0.0.1${path}`, { method: "POST", headers, body: "[]", ...(signal ? { signal } : {}) }),
      info as Parameters<GatewayServer["handle"]>[1],
      false,
    )
  return {
    post,
    faults,
    patient: () => patient,
    /** As if its lists could not be had. */
    spoil: () => void (lists = undefined as never),
    push: (...next: ReadonlyArray<object>) => void (lists = next.map(listOf)),
    services,
    connections: () => service.connections,
    [Symbol.asyncDispose]: async () => {
      services.close()
      await service.stop()
    },
  }
}

test("no more than 1024 calls are open at once, and one that has ended makes room", async () => {
  let open = 0
  await using gateway = await start({
    hang: async (_args, { signal }) => {
      open++
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      open--
    },
    one: () => 1,
  })
  const leaving = new AbortController()
  const headers = { "muster-timeout": "1m" }
  // Many begin at once, on a busy machine.
  const one = () => gateway.post("/rpc/shop/one", headers)
  const calls = Array.from({ length: 1_023 }, () => gateway.post("/rpc/shop/hang", headers, leaving.signal))
  await waitFor(() => open > 0)
  expect((await one()).status).toBe(200)
  const last = gateway.post("/rpc/shop/hang", headers, leaving.signal)
  const refused = await one()
  expect(refused.status).toBe(429)
  expect(await refused.text()).toContain("the gateway has 1024 calls open")
  leaving.abort()
  await Promise.all([...calls, last])
  expect((await one()).status).toBe(200)
})

test("a call that may take long keeps its connection, and a mistake of the gateway's own is told", async () => {
  await using gateway = await start({ one: () => 1 })
  await gateway.post("/rpc/shop/one", { "muster-timeout": "20s" })
  expect(gateway.patient()).toBe(0)
  await gateway.post("/rpc/shop/one", { "muster-timeout": "21s" })
  expect(gateway.patient()).toBe(1)
  expect((await gateway.post("/rpc/shop/none")).status).toBe(501)
  expect(gateway.faults).toEqual([])
  gateway.spoil()
  expect((await gateway.post("/rpc/unknown/one")).status).toBe(500)
  expect(gateway.faults).toHaveLength(1)
})

test("the path is what stands before a question mark, each part of it decoded", async () => {
  await using gateway = await start({ "Stock.left": () => 7 })
  for (const path of ["/rpc/shop/Stock.left?x=/1", "/rpc/shop/Stock%2Eleft", "/rpc/sho%70/Stock.left"])
    expect((await gateway.post(path)).status).toBe(200)
})

test("a service is called by its newest list, from the moment in which that is there", async () => {
  await using gateway = await start({ one: () => 1 })
  gateway.push({}, { service: "bank" })
  // Whoever answers there says that it is no bank.
  expect((await gateway.post("/rpc/bank/one")).status).toBe(400)
  gateway.push({ endpoints: [], revision: 2 })
  gateway.services.refresh()
  expect((await gateway.post("/rpc/shop/one")).status).toBe(503)
  expect((await gateway.post("/rpc/bank/one")).status).toBe(404)
})

test("a call that is open when its service is taken away is answered, and then its connection closes", async () => {
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await using gateway = await start({
    wait: async () => {
      begun.resolve()
      await gate.promise
      return "done"
    },
  })
  const answer = gateway.post("/rpc/shop/wait", { "muster-timeout": "1m" })
  await begun.promise
  gateway.push()
  gateway.services.refresh()
  expect((await gateway.post("/rpc/shop/wait")).status).toBe(404)
  expect(gateway.connections()).toBe(1)
  gate.resolve()
  expect(await (await answer).json()).toBe("done")
  await waitFor(() => gateway.connections() === 0)
})

test("a stream is not for who waits for no answer", async () => {
  await using gateway = await start({ one: () => 1 })
  const refused = await gateway.post("/rpc/shop/one", { accept: "text/event-stream", prefer: "respond-async" })
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain("Prefer: respond-async is for a call with one answer")
})
