import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { join } from "node:path"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { Fleet } from "../../../src/manager/fleet/Fleet.ts"
import { serialOf } from "../../../src/platform/Certificates.ts"
import { waitFor } from "../../support/waitFor.ts"
import {
  freePort,
  online,
  removeFolder,
  startManager,
  startNode,
  temporaryFolder,
  type TestManager,
  type TestNode,
} from "./TestFleet.ts"

const ips = ["127.21.4.1", "127.21.4.2", "127.21.4.3"] as const
const ports: Array<number> = []
const nodes: Array<TestNode> = []
let folder: string
let manager: TestManager

const start = async (at: number) => {
  nodes[at] = await startNode({
    dataDir: join(folder, `node${at}`),
    ip: ips[at]!,
    port: ports[at]!,
    name: `host${at}`,
    join: { url: manager.url, token: await manager.token() },
  })
}
const connected = (count: number) =>
  waitFor(async () => (await manager.nodes()).filter((node) => node.connection === "connected").length === count)

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
  for (const [at, ip] of ips.entries()) {
    ports[at] = await freePort(ip)
    await start(at)
  }
  await connected(3)
})

afterAll(async () => {
  await manager.stop()
  for (const node of nodes) await node.stop()
  await removeFolder(folder)
})

test("joined nodes are in node_manager's list, and reached", async () => {
  const kernel = await manager.service("node_manager")
  expect(kernel.kernel).toBe(true)
  expect(kernel.endpointsList.map((one) => `${one.ip}:${one.port}`)).toEqual(ips.map((ip, at) => `${ip}:${ports[at]}`))
  expect(kernel.endpointsList.map((one) => one.observed.state)).toEqual(["up", "up", "up"])
  expect(kernel.health).toBe("healthy")
})

test("a push with one of three away: two ack at once, the third is named and has it within 5 s of its return", async () => {
  const { id } = await manager.create("greeter", [online("10.0.0.1", 9000), online("10.0.0.2", 9000)])
  await manager.services((services) => services.addClients(id, ips, "ann"))
  await nodes[2]!.stop()
  await connected(2)
  const from = performance.now()
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  const job = await manager.pushes((pushes) => pushes.settled(id))
  expect(performance.now() - from).toBeLessThan(1_000)
  expect(job).toMatchObject({ revision: 1, total: 3, ok: 2, failed: 1, left: 0 })
  expect(await nodes[0]!.list("greeter")).toMatchObject({ revision: 1, service: "greeter" })
  expect(await nodes[1]!.list("greeter")).toMatchObject({ revision: 1 })

  const [first, , third] = (await manager.service("greeter")).clientsList
  expect(first).toMatchObject({ revision: 1, connection: "connected", job: "ok", error: null })
  expect(first?.tookMs).toBeGreaterThan(0)
  expect(third).toMatchObject({ revision: null, connection: "away", job: "failed" })
  expect(third?.error?.message).toContain("127.21.4.3")
  expect(third?.nextTryAt).toBeGreaterThan(Date.now() - 5_000)

  const back = performance.now()
  await start(2)
  await waitFor(async () => (await nodes[2]!.list("greeter"))?.revision === 1, { timeoutMs: 5_000 })
  expect(performance.now() - back).toBeLessThan(5_000)
  await waitFor(async () => {
    const detail = await manager.service("greeter")
    return detail.clients.current === 3 && detail.clientsList[2]?.error === null
  })
  expect(await manager.pushes((pushes) => pushes.current(id))).toMatchObject({ ok: 3, failed: 0 })
})

test("an operational change is pushed at once and does not carry the draft along", async () => {
  const { id } = await manager.create("ops", [
    online("10.0.1.1", 1),
    online("10.0.1.2", 1),
    online("10.0.1.3", 1),
    online("10.0.1.4", 1),
  ])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  await manager.services((services) => services.saveDraft(id, [online("10.66.0.1", 6)], "bob"))
  await manager.services((services) =>
    services.setEndpointStatus(id, { ip: "10.0.1.2", port: 1, status: "offline", override: false }, "ann"),
  )
  const list = await waitFor(() => nodes[0]!.list("ops"))
  expect(list.revision).toBe(2)
  expect(list.endpoints.map((one) => `${one.ip} ${one.status}`)).toEqual([
    "10.0.1.1 online",
    "10.0.1.2 offline",
    "10.0.1.3 online",
    "10.0.1.4 online",
  ])
  expect((await manager.service("ops")).draft).toEqual([online("10.66.0.1", 6)])
  // The draft began from revision 1: it must not take the change back unseen.
  await expect(manager.services((services) => services.release(id, true, "bob"))).rejects.toThrow("revision 2")
})

test("a new client gets nothing until it is pushed to, and a removed one loses the file", async () => {
  const { id } = await manager.create("late", [online("10.0.2.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  const [added] = await manager.services((services) => services.addClients(id, [ips[1]], "ann"))
  const [before] = (await manager.service("late")).clientsList
  await manager.pushes((pushes) => pushes.start(id, [before!.id], "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  expect(await nodes[1]!.list("late")).toBeUndefined()
  await manager.pushes((pushes) => pushes.start(id, [added!.id], "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  expect(await nodes[1]!.list("late")).toMatchObject({ revision: 1 })
  await manager.services((services) => services.removeClient(id, added!.id, "ann"))
  await waitFor(async () => (await nodes[1]!.list("late")) === undefined)
  expect(await nodes[0]!.list("late")).toMatchObject({ revision: 1 })
  await manager.services((services) => services.restoreClient(id, added!.id, "ann"))
  await waitFor(async () => (await nodes[1]!.list("late"))?.revision === 1)
})

test("a deleted service's list goes, and one of its name starts above its revisions", async () => {
  const { id } = await manager.create("again", [online("10.0.3.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  await manager.services((services) => services.remove(id, "ann"))
  await waitFor(async () => (await nodes[0]!.list("again")) === undefined)
  await manager.create("again", [online("10.0.3.1", 1)])
  expect((await manager.service("again")).revision).toBe(2)
})

test("one push of a service at a time, nothing without a release or clients, and unknown clients are named", async () => {
  const { id } = await manager.create("empty", [])
  const fails = (ids: "all" | ReadonlyArray<string>) =>
    manager.pushes((pushes) => Effect.flip(pushes.start(id, ids, "ann"))) as Promise<{ _tag: string; reason?: string }>
  expect(await fails("all")).toMatchObject({ _tag: "NothingToPush", reason: "nothing-released" })
  expect(await fails(["nobody"])).toMatchObject({ _tag: "NotFound", what: "client" })
  const other = await manager.create("stuck", [online("10.0.4.1", 1)])
  expect(await manager.pushes((pushes) => Effect.flip(pushes.start(other.id, "all", "ann")))).toMatchObject({
    reason: "no-clients",
  })
})

test("an address that has not joined is named as such", async () => {
  const { id } = await manager.create("nobody", [online("10.0.5.1", 1)])
  await manager.services((services) => services.addClients(id, ["192.0.2.7"], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  expect(await manager.pushes((pushes) => pushes.settled(id))).toMatchObject({ ok: 0, failed: 1 })
  const [client] = (await manager.service("nobody")).clientsList
  expect(client).toMatchObject({ connection: "not-joined", nodeName: null, job: "failed" })
  expect(client?.error?.message).toBe("No node with the address 192.0.2.7 has joined")
})

test("a list that the node guarded step by step passes when the steps in between were missed", async () => {
  const endpoints = Array.from({ length: 10 }, (_, at) => online("10.0.6.1", 9_000 + at))
  const { id } = await manager.create("steps", endpoints)
  await manager.services((services) => services.addClients(id, [ips[0]], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  for (const [at, left] of [8, 6, 5].entries()) {
    await manager.services((services) =>
      services.update(
        id,
        {
          name: ServiceName.make("steps"),
          description: "",
          tls: "auto",
          endpoints: endpoints.slice(0, left),
          baseRevision: at + 1,
          override: false,
        },
        "ann",
      ),
    )
  }
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  expect(await manager.pushes((pushes) => pushes.settled(id))).toMatchObject({ revision: 4, ok: 1 })
  expect((await nodes[0]!.list("steps"))?.endpoints).toHaveLength(5)
})

test("a revoked node is gone from the list, and is not reached any more", async () => {
  const [, , third] = await manager.nodes()
  await manager.run(Effect.flatMap(Fleet, (fleet) => fleet.revoke(third!.id, "ann")))
  const kernel = await manager.service("node_manager")
  expect(kernel.endpointsList.map((one) => one.ip)).toEqual([ips[0], ips[1]])
  expect((await manager.nodes())[2]).toMatchObject({ connection: "revoked", name: "host2" })
  const { id } = await manager.create("after", [online("10.0.7.1", 1)])
  await manager.services((services) => services.addClients(id, [ips[2]], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  expect(await manager.pushes((pushes) => pushes.settled(id))).toMatchObject({ ok: 0, failed: 1 })
  expect((await manager.service("after")).clientsList[0]?.connection).toBe("revoked")
  // The others were told to refuse its certificate.
  const serial = serialOf(await Bun.file(join(folder, "node2", "tls", "cert.pem")).text())
  await waitFor(async () => (await Bun.file(join(folder, "node0", "trust.json")).text()).includes(serial))
})
