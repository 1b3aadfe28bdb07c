import { specDefaults } from "../../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect, Stream } from "effect"
import type { Endpoint } from "../../../src/domain/Endpoint.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { Changes } from "../../../src/manager/fleet/Changes.ts"
import type { ServiceUpdate } from "../../../src/manager/fleet/Inputs.ts"
import type { Services } from "../../../src/manager/fleet/Services.ts"
import { AuditRepo } from "../../../src/manager/store/AuditRepo.ts"
import { waitFor } from "../../support/waitFor.ts"
import { joinAgent } from "./TestAgent.ts"
import { freePort, online, removeFolder, startManager, temporaryFolder, type TestManager } from "./TestFleet.ts"

let folder: string
let manager: TestManager

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
})
afterAll(async () => {
  await manager.stop()
  await removeFolder(folder)
})

const refused = <A, E>(use: (services: Services["Service"]) => Effect.Effect<A, E>) =>
  manager.services((services) => Effect.flip(use(services)))
const edit = (
  name: string,
  endpoints: ReadonlyArray<Endpoint>,
  baseRevision: number,
  more?: Partial<ServiceUpdate>,
) => ({
  name: ServiceName.make(name),
  description: "",
  tls: "auto" as const,
  endpoints,
  baseRevision,
  override: false,
  ...more,
})
const ten = Array.from({ length: 10 }, (_, at) => online("10.1.0.1", 9_000 + at))
const audit = () => manager.run(Effect.flatMap(AuditRepo, (repo) => repo.newest(100)))

const moduleSpec = {
  ...specDefaults,
  kind: "module" as const,
  module: "/srv/a.ts",
  workers: 1,
  env: {},
  tls: "auto" as const,
  drainTimeoutMs: 1_000,
  rpc: defaultRpcSettings,
}

const commandAt = (ip: string) => ({
  ...specDefaults,
  kind: "command" as const,
  command: { shell: "sleep 60" },
  instances: 1,
  user: "",
  group: "",
  nice: 0,
  rlimits: {},
  stopSignal: "TERM" as const,
  startMs: 1_000,
  startTimeoutMs: 30_000,
  maxRssBytes: 0,
  passSocket: false,
  nodes: [ip],
})

test("a name is unique, and free again after a deletion", async () => {
  const { id } = await manager.create("unique", [])
  const again = { name: ServiceName.make("unique"), description: "", tls: "auto" as const, endpoints: [] }
  expect(await refused((services) => services.create(again, "ann"))).toMatchObject({ _tag: "Conflict", field: "name" })
  await manager.services((services) => services.remove(id, "ann"))
  expect(await refused((services) => services.get(id))).toMatchObject({ _tag: "NotFound" })
  await manager.create("unique", [])
})

test("creating with endpoints releases revision 1, and each later list is the next one", async () => {
  const { id } = await manager.create("counted", [online("10.1.0.1", 1)])
  expect(await manager.service("counted")).toMatchObject({ revision: 1, releasedBy: "ann", health: "unknown" })
  const next = await manager.services((services) =>
    services.update(id, edit("counted", [online("10.1.0.1", 1), online("10.1.0.1", 2)], 1), "bob"),
  )
  expect(next).toEqual({ revision: 2 })
  const same = await manager.services((services) =>
    services.update(
      id,
      edit("counted", [online("10.1.0.1", 1), online("10.1.0.1", 2)], 2, { description: "x" }),
      "bob",
    ),
  )
  expect(same).toEqual({ revision: 2 })
  expect(await manager.service("counted")).toMatchObject({ description: "x", modifiedBy: "bob", createdBy: "ann" })
})

test("of two that edit the same revision, the second is told who was first", async () => {
  const { id } = await manager.create("stale", ten)
  await manager.services((services) => services.update(id, edit("stale", ten.slice(0, 9), 1), "ann"))
  const error = await refused((services) => services.update(id, edit("stale", ten.slice(1), 1), "bob"))
  expect(error).toMatchObject({ _tag: "Stale", baseRevision: 1, revision: 2, by: "ann" })
  const both = await Promise.all(
    [ten, ten.slice(0, 8)].map((list, at) =>
      manager.services((services) => Effect.result(services.update(id, edit("stale", list, 2), `user${at}`))),
    ),
  )
  expect(both.map((result) => result._tag).toSorted()).toEqual(["Failure", "Success"])
})

test("the guard refuses a big loss until a person overrides it by name, and the audit keeps that", async () => {
  const { id } = await manager.create("guarded", ten)
  const loss = await refused((services) => services.update(id, edit("guarded", ten.slice(0, 6), 1), "ann"))
  expect(loss).toMatchObject({ _tag: "GuardRefused", verdict: { _tag: "Loss", lost: 4, of: 10 } })
  expect(await refused((services) => services.update(id, edit("guarded", [], 1), "ann"))).toMatchObject({
    verdict: { _tag: "Empty" },
  })
  const off = ten.map((endpoint) => ({ ...endpoint, status: "offline" as const }))
  expect(await refused((services) => services.update(id, edit("guarded", off, 1), "ann"))).toMatchObject({
    verdict: { _tag: "LastOnline" },
  })
  expect((await manager.service("guarded")).revision).toBe(1)
  await manager.services((services) =>
    services.update(id, edit("guarded", ten.slice(0, 6), 1, { override: true }), "ann"),
  )
  const entry = (await audit()).find((one) => one.what === "service.release" && one.object === `service:${id}`)
  expect(entry).toMatchObject({ who: "ann", detail: { revision: 2 } })
  expect(JSON.stringify(entry?.detail)).toContain("loses 4 of 10")
})

test("the last online endpoint can't be taken offline unasked", async () => {
  const { id } = await manager.create("last", [online("10.1.1.1", 1), online("10.1.1.2", 1)])
  const off = (ip: string, override: boolean) => ({ ip, port: 1, status: "offline" as const, override })
  expect(await refused((services) => services.setEndpointStatus(id, off("10.1.1.1", false), "ann"))).toMatchObject({
    _tag: "GuardRefused",
  })
  await manager.services((services) => services.setEndpointStatus(id, off("10.1.1.1", true), "ann"))
  expect(await refused((services) => services.setEndpointStatus(id, off("10.1.1.2", false), "ann"))).toMatchObject({
    verdict: { _tag: "LastOnline" },
  })
  expect(await refused((services) => services.setEndpointStatus(id, off("10.9.9.9", true), "ann"))).toMatchObject({
    _tag: "NotFound",
    what: "endpoint",
  })
  const again = await manager.services((services) => services.setEndpointStatus(id, off("10.1.1.1", false), "ann"))
  expect(again).toEqual({ revision: 2 })
})

test("two operational changes at once are both kept", async () => {
  const { id } = await manager.create("race", ten)
  await Promise.all(
    [9_000, 9_001].map((port) =>
      manager.services((services) =>
        services.setEndpointStatus(id, { ip: "10.1.0.1", port, status: "offline", override: false }, "ann"),
      ),
    ),
  )
  const { endpointsList, revision } = await manager.service("race")
  expect(revision).toBe(3)
  expect(endpointsList.filter((one) => one.desired.status === "offline").map((one) => one.port)).toEqual([9_000, 9_001])
})

test("a draft waits until it is released, and goes with it", async () => {
  const { id } = await manager.create("drafted", ten)
  await manager.services((services) => services.saveDraft(id, ten.slice(0, 9), "bob"))
  expect(await manager.service("drafted")).toMatchObject({ hasDraft: true, revision: 1, endpoints: { total: 10 } })
  expect(await manager.services((services) => services.release(id, false, "bob"))).toEqual({ revision: 2 })
  expect(await manager.service("drafted")).toMatchObject({ hasDraft: false, draft: null, endpoints: { total: 9 } })
  expect(await refused((services) => services.release(id, false, "bob"))).toMatchObject({ what: "draft" })
  await manager.services((services) => services.saveDraft(id, ten, "bob"))
  await manager.services((services) => services.discardDraft(id, "bob"))
  expect(await manager.service("drafted")).toMatchObject({ hasDraft: false, endpoints: { total: 9 } })
})

test("node_manager can't be edited, deleted, drafted or run", async () => {
  const { id } = await manager.service("node_manager")
  const kernel = { _tag: "KernelService" }
  expect(await refused((services) => services.remove(id, "ann"))).toMatchObject(kernel)
  expect(await refused((services) => services.update(id, edit("other", [], 0), "ann"))).toMatchObject(kernel)
  expect(await refused((services) => services.saveDraft(id, [], "ann"))).toMatchObject(kernel)
  const taken = { name: ServiceName.make("node_manager"), description: "", tls: "auto" as const, endpoints: [] }
  expect(await refused((services) => services.create(taken, "ann"))).toMatchObject({ _tag: "Conflict" })
})

test("a service is renamed until its list was pushed", async () => {
  const { id } = await manager.create("before", [online("10.1.2.1", 1)])
  await manager.services((services) => services.update(id, edit("renamed", [online("10.1.2.1", 1)], 1), "ann"))
  expect(await manager.service("renamed")).toMatchObject({ id, revision: 2 })
  await manager.services((services) => services.addClients(id, ["192.0.2.1"], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  expect(
    await refused((services) => services.update(id, edit("third", [online("10.1.2.1", 1)], 2), "ann")),
  ).toMatchObject({ _tag: "Conflict", field: "name" })
})

test("an address is a client once, and one that was removed comes back with what it had", async () => {
  const { id } = await manager.create("clients", [online("10.1.3.1", 1)])
  const [client] = await manager.services((services) => services.addClients(id, ["192.0.2.1", "192.0.2.1"], "ann"))
  expect(await refused((services) => services.addClients(id, ["192.0.2.1"], "ann"))).toMatchObject({
    _tag: "Conflict",
    value: "192.0.2.1",
  })
  await manager.services((services) => services.removeClient(id, client!.id, "ann"))
  expect((await manager.service("clients")).clientsList).toEqual([])
  expect(await refused((services) => services.removeClient(id, client!.id, "ann"))).toMatchObject({ what: "client" })
  await manager.services((services) => services.restoreClient(id, client!.id, "ann"))
  await manager.services((services) => services.restoreClient(id, client!.id, "ann"))
  expect((await manager.service("clients")).clientsList.map((one) => one.id)).toEqual([client!.id])
})

test("a node that takes its time with its processes gets its lists meanwhile", async () => {
  const ip = "127.25.0.9"
  const agent = await joinAgent(manager, "slow", ip, await freePort(ip))
  const ending = Promise.withResolvers<void>()
  agent.processesEnding = ending.promise
  const { id } = await manager.create("slowly", [online(ip, 9_109)])
  await manager.services((services) => services.addClients(id, [ip], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  await manager.services((services) => services.setProcess(id, moduleSpec, "ann"))
  try {
    await agent.start()
    await waitFor(() => agent.lists.has("slowly"), { timeoutMs: 5_000 })
    expect(agent.processes).toEqual([])
    ending.resolve()
    await waitFor(() => agent.processes.at(-1)?.processes[0]?.name === "slowly@9109")
  } finally {
    ending.resolve()
    await agent.stop()
  }
})

test("a process spec reaches the node of its endpoints, grows with each change, and goes with the service", async () => {
  const ip = "127.25.0.1"
  const agent = await joinAgent(manager, "runner", ip, await freePort(ip))
  await agent.start()
  try {
    const { id } = await manager.create("run", [online(ip, 9_100)])
    const spec = moduleSpec
    expect(await manager.services((services) => services.setProcess(id, spec, "ann"))).toEqual({ revision: 1 })
    const first = await waitFor(() => agent.processes.at(-1)?.processes[0] && agent.processes.at(-1))
    expect(first.processes[0]).toMatchObject({ name: "run@9100", specRevision: 1, listen: { ip, port: 9_100 } })
    await manager.services((services) => services.setProcess(id, { ...spec, desired: "stopped" }, "ann"))
    const second = await waitFor(
      () => agent.processes.at(-1)?.processes[0]?.spec.desired === "stopped" && agent.processes.at(-1),
    )
    expect(second.revision).toBe(first.revision + 1)
    const shown = async () => (await manager.service("run")).process
    await waitFor(async () => (await shown())?.instances[0]?.status?.state === "STOPPED")
    expect(await shown()).toMatchObject({
      revision: 2,
      instances: [{ nodeName: "runner", name: "run@9100", reload: null }],
    })
    await manager.services((services) => services.remove(id, "ann"))
    await waitFor(() => agent.processes.at(-1)?.processes.length === 0)
  } finally {
    await agent.stop()
  }
})

test("a new name reaches a node that runs the service without an endpoint there", async () => {
  const ip = "127.25.0.10"
  const agent = await joinAgent(manager, "named", ip, await freePort(ip))
  await agent.start()
  try {
    const { id } = await manager.create("first-name", [])
    await manager.services((services) => services.setProcess(id, commandAt(ip), "ann"))
    await waitFor(() => agent.processes.at(-1)?.processes[0]?.name === "first-name")
    await manager.services((services) => services.update(id, edit("second-name", [], 0), "ann"))
    await waitFor(() => agent.processes.at(-1)?.processes[0]?.name === "second-name", { timeoutMs: 5_000 })
  } finally {
    await agent.stop()
  }
})

test("changes are told by topic, many at once as one", async () => {
  const { id } = await manager.create("topics", ten)
  const seen: Array<string> = []
  const listening = manager.runtime.runFork(
    Effect.flatMap(Changes, (changes) =>
      Stream.runForEach(changes.stream, (topic) => Effect.sync(() => seen.push(topic))),
    ),
  )
  await waitFor(async () => {
    await manager.services((services) => services.saveDraft(id, ten, "ann"))
    return seen.length > 0
  })
  await waitFor(() => seen.includes(`service:${id}`) && seen.includes("services"))
  await Bun.sleep(100)
  seen.length = 0
  const publish = Effect.flatMap(Changes, (changes) => Effect.repeat(changes.publish(`service:${id}`), { times: 500 }))
  await manager.run(publish)
  await waitFor(() => seen.length > 0)
  await Bun.sleep(60)
  expect(seen.length).toBeLessThan(100)
  listening.interruptUnsafe()
})
