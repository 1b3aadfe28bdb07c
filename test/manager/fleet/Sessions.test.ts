import { afterAll, beforeAll, expect, test } from "bun:test"
import type { EndpointList } from "../../../src/domain/EndpointList.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { waitFor } from "../../support/waitFor.ts"
import { joinAgent, type TestAgent } from "./TestAgent.ts"
import { freePort, online, removeFolder, startManager, temporaryFolder, type TestManager } from "./TestFleet.ts"

const ips = ["127.23.0.1", "127.23.0.2", "127.23.0.3"] as const
const agents: Array<TestAgent> = []
let folder: string
let manager: TestManager

const connected = (ip: string) =>
  waitFor(async () => (await manager.nodes()).find((node) => node.ip === ip)?.connection === "connected")
const pushed = async (id: string) => {
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  return manager.pushes((pushes) => pushes.settled(id))
}
const revised = (id: string, name: string, baseRevision: number) =>
  manager.services((services) =>
    services.update(
      id,
      {
        name: ServiceName.make(name),
        description: "",
        tls: "auto",
        endpoints: [{ ...online("10.0.0.1", 1), weight: baseRevision % 100 }],
        baseRevision,
        override: false,
      },
      "ann",
    ),
  )

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
  for (const [at, ip] of ips.entries()) {
    agents[at] = await joinAgent(manager, `agent${at}`, ip, await freePort(ip))
    await agents[at].start()
    await connected(ip)
  }
})
afterAll(async () => {
  for (const agent of agents) await agent.stop()
  await manager.stop()
  await removeFolder(folder)
})

test("a node that hangs is given up after 3 s, named, and delays nobody", async () => {
  const { id } = await manager.create("hang", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, ips, "ann"))
  agents[1]!.hanging = true
  const from = performance.now()
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await waitFor(() => agents[0]!.lists.has("hang") && agents[2]!.lists.has("hang"))
  expect(performance.now() - from).toBeLessThan(500)
  expect(await manager.pushes((pushes) => pushes.settled(id))).toMatchObject({ ok: 2, failed: 1 })
  const client = (await manager.service("hang")).clientsList[1]
  expect(client).toMatchObject({ ip: ips[1], job: "failed" })
  expect(client?.error?.message).not.toBe("")
  await waitFor(async () => (await manager.nodes())[1]?.connection === "away")
  agents[1]!.hanging = false
  await waitFor(() => agents[1]!.lists.has("hang"), { timeoutMs: 6_000 })
})

test("what a node refuses is shown with its reason, tried again, and the session goes on", async () => {
  const { id } = await manager.create("refused", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  agents[0]!.refusal = "the disk is full"
  expect(await pushed(id)).toMatchObject({ ok: 0, failed: 1 })
  await waitFor(async () => {
    const [client] = (await manager.service("refused")).clientsList
    return (
      client?.connection === "connected" && client.error?.message === "the disk is full" && client.nextTryAt !== null
    )
  })
  expect((await manager.services((services) => services.list)).find((one) => one.id === id)?.clients.failed).toBe(1)
  agents[0]!.refusal = undefined
  await waitFor(async () => (await manager.service("refused")).clients.current === 1)
  expect((await manager.service("refused")).clientsList[0]).toMatchObject({ error: null, nextTryAt: null })
})

test("a client that was away gets the newest pushed revision and not the backlog, nor what was never pushed", async () => {
  const { id } = await manager.create("backlog", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[2]], "ann"))
  await agents[2]!.stop()
  await waitFor(async () => (await manager.nodes())[2]?.connection === "away")
  await pushed(id)
  for (const base of [1, 2]) {
    await revised(id, "backlog", base)
    await pushed(id)
  }
  await revised(id, "backlog", 3)
  await agents[2]!.start()
  await waitFor(() => agents[2]!.lists.get("backlog")?.revision === 3, { timeoutMs: 5_000 })
  expect(agents[2]!.arrived.filter((one) => one.service === "backlog")).toEqual([
    { service: "backlog", revision: 3, override: true },
  ])
  expect((await manager.service("backlog")).revision).toBe(4)
})

test("a node that has a newer revision than was ever released is told apart", async () => {
  const { id } = await manager.create("newer", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  const list: EndpointList = {
    service: ServiceName.make("newer"),
    revision: 9,
    tls: "auto",
    endpoints: [],
    releasedAt: 0,
    releasedBy: "someone",
  }
  agents[0]!.lists.set("newer", list)
  expect(await pushed(id)).toMatchObject({ ok: 0, failed: 1 })
  expect((await manager.service("newer")).clientsList[0]?.error?.message).toContain("has revision 9")
})

test("after a restart of the manager what was acked is known, and what was pushed is still delivered", async () => {
  const { id } = await manager.create("restart", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0], ips[1]], "ann"))
  await agents[1]!.stop()
  await waitFor(async () => (await manager.nodes())[1]?.connection === "away")
  await pushed(id)
  await manager.stop()
  manager = await startManager(folder)
  const before = (await manager.service("restart")).clientsList
  expect(before[0]).toMatchObject({ ip: ips[0], revision: 1 })
  expect(before[1]?.error?.message).toContain(ips[1])
  await agents[1]!.start()
  await waitFor(async () => (await manager.service("restart")).clients.current === 2, { timeoutMs: 5_000 })
  expect(agents[1]!.arrived.filter((one) => one.service === "restart")).toHaveLength(1)
  expect(agents[0]!.arrived.filter((one) => one.service === "restart")).toHaveLength(1)
})

test("cancelling leaves unsent what is not sent yet", async () => {
  const { id } = await manager.create("cancel", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  await connected(ips[0])
  agents[0]!.hanging = true
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.cancel(id))
  agents[0]!.hanging = false
  expect((await manager.service("cancel")).clientsList[0]).toMatchObject({ job: "cancelled", revision: null })
  expect(await manager.pushes((pushes) => pushes.current(id))).toMatchObject({ left: 0, ok: 0 })
  await manager.pushes((pushes) => pushes.close(id))
  expect(await manager.pushes((pushes) => pushes.current(id))).toBeUndefined()
  // A comparison that is made for another reason doesn't send it either.
  const other = await manager.create("other", [online("10.0.0.1", 1)])
  await manager.services((services) => services.addClients(other.id, [ips[0]], "ann"))
  await pushed(other.id)
  await waitFor(() => agents[0]!.lists.has("other"))
  expect(agents[0]!.lists.has("cancel")).toBe(false)
})

test("push to 16 nodes reaches them all at once", async () => {
  const many = await Promise.all(
    Array.from({ length: 16 }, async (_, at) => {
      const ip = `127.23.1.${at + 1}`
      const agent = await joinAgent(manager, `many${at}`, ip, 20_000 + at)
      await agent.start()
      return { ip, agent }
    }),
  )
  try {
    const { id } = await manager.create("many", [online("10.0.0.1", 1)])
    await manager.services((services) =>
      services.addClients(
        id,
        many.map(({ ip }) => ip),
        "ann",
      ),
    )
    await waitFor(async () => (await manager.nodes()).filter((node) => node.connection === "connected").length === 19)
    const from = performance.now()
    expect(await pushed(id)).toMatchObject({ total: 16, ok: 16, failed: 0 })
    expect(performance.now() - from).toBeLessThan(1_000)
    const took = (await manager.service("many")).clientsList
      .map((client) => client.tookMs ?? 0)
      .toSorted((a, b) => a - b)
    expect(took).toHaveLength(16)
  } finally {
    for (const { agent } of many) await agent.stop()
  }
}, 30_000)
