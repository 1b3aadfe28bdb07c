import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { CronRuns } from "../../../../src/manager/fleet/cron/CronRuns.ts"
import { CronTasks } from "../../../../src/manager/fleet/cron/CronTasks.ts"
import type { CronInput } from "../../../../src/manager/fleet/Inputs.ts"
import { AuditRepo } from "../../../../src/manager/store/AuditRepo.ts"
import { cronFields } from "../../../support/cron.ts"
import { waitFor } from "../../../support/waitFor.ts"
import { joinAgent, type TestAgent } from "../TestAgent.ts"
import { freePort, removeFolder, startManager, temporaryFolder, type TestManager } from "../TestFleet.ts"

const ips = ["127.48.1.1", "127.48.1.2"] as const
let one: TestAgent
let two: TestAgent
let folder: string
let manager: TestManager

const cron = <A, E>(use: (cron: CronTasks["Service"]) => Effect.Effect<A, E>) =>
  manager.run(Effect.flatMap(CronTasks, use))
const runs = <A, E>(use: (runs: CronRuns["Service"]) => Effect.Effect<A, E>) =>
  manager.run(Effect.flatMap(CronRuns, use))
const input = (name: string, node: string, rest: Partial<CronInput> = {}): CronInput => ({
  ...cronFields(name),
  node,
  ...rest,
})
const create = (name: string, node: string, rest: Partial<CronInput> = {}) =>
  cron((tasks) => tasks.create(input(name, node, rest), "ann"))
const get = (id: string) => cron((tasks) => tasks.get(id))
const has = (agent: TestAgent, id: string) => agent.cronSets.at(-1)?.tasks.some((task) => task.id === id) ?? false
const here = (id: string) => waitFor(async () => (await get(id)).place.state === "here", { what: `${id} is here` })
const connected = (ip: string, wanted = "connected") =>
  waitFor(async () => (await manager.nodes()).find((node) => node.ip === ip)?.connection === wanted)

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
  one = await joinAgent(manager, "one", ips[0], await freePort(ips[0]))
  two = await joinAgent(manager, "two", ips[1], await freePort(ips[1]))
  for (const [at, agent] of [one, two].entries()) {
    await agent.start()
    await connected(ips[at]!)
  }
})
afterAll(async () => {
  await one.stop()
  await two.stop()
  await manager.stop()
  await removeFolder(folder)
})

test("a task reaches the node that is meant by its name or address, with each change, under growing revisions", async () => {
  const { id, node } = await create("reach", "one")
  expect(node.ip).toBe(ips[0])
  await here(id)
  expect(one.cronSets.at(-1)?.tasks).toMatchObject([{ id, name: "reach", enabled: true }])
  await cron((tasks) => tasks.setEnabled(id, false, "bob"))
  await waitFor(() => one.cronSets.at(-1)?.tasks[0]?.enabled === false)
  await here(id)
  expect(await get(id)).toMatchObject({ enabled: false, revision: 2, modifiedBy: "bob", nextAt: null })
  const revisions = one.cronSets.map(({ revision }) => revision)
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
  expect(two.cronSets).toEqual([])
  await cron((tasks) => tasks.remove(id, "bob"))
  await waitFor(() => !has(one, id))
  await cron((tasks) => tasks.restore(id, "bob"))
  await waitFor(() => has(one, id))
  await cron((tasks) => tasks.remove(id, "bob"))
  expect(await cron((tasks) => Effect.flip(tasks.get(id)))).toMatchObject({ _tag: "NotFound" })
})

test("a task that moves is never on two nodes: the new one waits until the old one has ended its run", async () => {
  const { id } = await create("moves", ips[0])
  await here(id)
  let end = () => {}
  one.cronEnding = new Promise((resolve) => (end = resolve))
  await cron((tasks) => tasks.update(id, input("moves", "two"), "ann", 1))
  expect((await get(id)).place).toEqual({ state: "waiting", nodeName: "one", connected: true })
  expect(await cron((tasks) => Effect.flip(tasks.update(id, input("moves", "one"), "ann", 1)))).toMatchObject({
    _tag: "CronChanged",
  })
  expect(await runs((all) => Effect.flip(all.start(id, "ann")))).toMatchObject({ _tag: "CronWaits", node: "one" })
  await Bun.sleep(300)
  expect(has(two, id)).toBe(false)
  end()
  one.cronEnding = undefined
  await waitFor(() => has(two, id))
  expect(has(one, id)).toBe(false)
  await here(id)
})

test("an old node that is away holds the task, until a person moves it anyway, by name", async () => {
  const { id } = await create("anyway", "one")
  await here(id)
  await one.stop()
  await connected(ips[0], "away")
  await cron((tasks) => tasks.update(id, input("anyway", "two"), "ann", undefined))
  expect((await get(id)).place).toEqual({ state: "waiting", nodeName: "one", connected: false })
  await Bun.sleep(300)
  expect(has(two, id)).toBe(false)
  await cron((tasks) => tasks.release(id, "carol"))
  await waitFor(() => has(two, id))
  const audit = await manager.run(Effect.flatMap(AuditRepo, (repo) => repo.newest(20)))
  expect(audit.find(({ what }) => what === "cron.move-anyway")).toMatchObject({
    who: "carol",
    object: `cron:${id}`,
    detail: { from: "one", to: ips[1] },
  })
  await one.start()
  await waitFor(() => !has(one, id), { timeoutMs: 15_000 })
  expect(has(two, id)).toBe(true)
})

test("what ran while the manager was away is filled in, once, and stays when the node is away", async () => {
  const { id } = await create("history", "two")
  await here(id)
  const now = Date.now()
  for (let at = 0; at < 3; at++) two.tellRun({ id: `h${at}`, taskId: id, startedAt: now - 1_000 + at })
  const list = () => runs((all) => all.list(id, 2, undefined))
  await waitFor(async () => (await list()).total === 3)
  expect(await list()).toMatchObject({ more: true, runs: [{ id: "h2", nodeName: "two" }, { id: "h1" }] })
  expect((await runs((all) => all.list(id, 2, "h1"))).runs.map((run) => run.id)).toEqual(["h0"])
  expect((await get(id)).last).toMatchObject({ id: "h2", state: "ok" })
  await manager.stop()
  two.tellRun({ id: "h3", taskId: id, startedAt: now, state: "failed", exitCode: 3 })
  manager = await startManager(folder)
  await waitFor(async () => (await list()).total === 4)
  two.cronOutputs.set("h3", "no such file")
  expect(await runs((all) => all.output(id, "h3"))).toEqual({ head: "no such file", tail: "", omitted: 0 })
  expect(await runs((all) => Effect.flip(all.output(id, "h2")))).toMatchObject({ _tag: "NotFound", what: "output" })
  await two.stop()
  await connected(ips[1], "away")
  expect((await list()).total).toBe(4)
  expect((await get(id)).last).toMatchObject({ id: "h3", state: "failed" })
  expect(await runs((all) => Effect.flip(all.output(id, "h3")))).toMatchObject({ _tag: "NodeUnavailable" })
  await two.start()
  await connected(ips[1])
})

test("a run is started and stopped by a person, by name", async () => {
  const { id } = await create("by-hand", "one", { enabled: false })
  await here(id)
  const { runId } = await runs((all) => all.start(id, "dave"))
  await waitFor(async () => (await get(id)).running === 1)
  expect(await runs((all) => all.list(id, 10, undefined))).toMatchObject({
    total: 0,
    runs: [{ id: runId, state: "running", by: "dave", cause: "manual", nodeName: "one" }],
  })
  expect(await runs((all) => all.stop(id, runId, "dave"))).toMatchObject({ state: "stopped", by: "dave" })
  await waitFor(async () => (await runs((all) => all.list(id, 10, undefined))).total === 1)
  expect(await runs((all) => Effect.flip(all.stop(id, "none", "dave")))).toMatchObject({ _tag: "NotFound" })
})

test("a task that was made a moment ago is started when its node has it", async () => {
  let end = () => {}
  one.cronEnding = new Promise((resolve) => (end = resolve))
  const { id } = await create("at-once", "one")
  const starting = runs((all) => all.start(id, "erin"))
  await Bun.sleep(300)
  expect(has(one, id)).toBe(false)
  end()
  one.cronEnding = undefined
  expect((await starting).runId).toMatch(/^run-/)
  await waitFor(async () => (await get(id)).running === 1)
})

test("what a node refuses is told with its reason, and tried again", async () => {
  one.cronRefusal = 'user "nobody-here" does not exist'
  const { id } = await create("refused", "one")
  await waitFor(async () => (await get(id)).place.state === "refused")
  expect((await get(id)).place).toEqual({
    state: "refused",
    problem: { _tag: "Refused", detail: 'user "nobody-here" does not exist' },
  })
  one.cronRefusal = undefined
  await waitFor(async () => (await get(id)).place.state === "here", { timeoutMs: 15_000 })
})

test("a task for a node that is not there, or that calls what its node does not know, says so", async () => {
  const nowhere = await create("nowhere", "127.48.1.99")
  expect(nowhere.place).toEqual({ state: "no-node" })
  expect(await runs((all) => Effect.flip(all.start(nowhere.id, "ann")))).toMatchObject({ _tag: "NodeUnavailable" })
  const action = { kind: "method", service: "orders" as never, method: "expire", args: [] } as const
  const calls = await create("calls", "one", { action })
  expect(calls.lacks).toEqual({ what: "service", service: "orders", serviceId: null })
  const service = await manager.create("orders", [])
  expect((await get(calls.id)).lacks).toEqual({ what: "client", service: "orders", serviceId: service.id })
  await manager.services((services) => services.addClients(service.id, [ips[0]], "ann"))
  expect((await get(calls.id)).lacks).toBeNull()
  expect(await cron((tasks) => Effect.flip(tasks.create(input("x", "no node"), "ann")))).toMatchObject({
    _tag: "NotFound",
    what: "node",
  })
})
