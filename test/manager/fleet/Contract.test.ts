import { afterAll, beforeAll, expect, test } from "bun:test"
import { Arbitrary, Effect, Schema } from "effect"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { waitFor } from "../../support/waitFor.ts"
import { joinAgent, type TestAgent } from "./TestAgent.ts"
import { freePort, online, removeFolder, startManager, temporaryFolder, type TestManager } from "./TestFleet.ts"

const ips = ["127.26.0.1", "127.26.0.2"] as const
const agents: Array<TestAgent> = []
const up = [true, true]
let folder: string
let manager: TestManager
let histories = 0

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
  for (const [at, ip] of ips.entries()) {
    agents[at] = await joinAgent(manager, `agent${at}`, ip, await freePort(ip))
    await agents[at].start()
  }
})
afterAll(async () => {
  for (const agent of agents) await agent.stop()
  await manager.stop()
  await removeFolder(folder)
})

const Step = Schema.Struct({
  act: Schema.Literals(["release", "push", "push one", "operate", "leave", "return"]),
  node: Schema.Literals([0, 1]),
})
const History = Schema.Array(Step).check(Schema.isMinLength(1), Schema.isMaxLength(12))

const turn = async (at: 0 | 1, on: boolean) => {
  if (up[at] === on) return
  up[at] = on
  await (on ? agents[at]?.start() : agents[at]?.stop())
}

/** One service's life; gives what each agent was sent, and which revisions were ever pushed to it. */
const live = async (history: typeof History.Type) => {
  const name = `life${histories++}`
  const { id } = await manager.create(name, [online("10.2.0.1", 1), online("10.2.0.2", 1), online("10.2.0.3", 1)])
  const clients = await manager.services((services) => services.addClients(id, ips, "ann"))
  const allowed = [new Set<number>(), new Set<number>()]
  /** What each agent must have in the end, at least. */
  const owed = [0, 0]
  /** The push after an operational change may wait for a running one; it then carries what was released meanwhile. */
  let operated = false
  const newest = async () => (await manager.service(name)).revision ?? 0
  const push = async (whom: ReadonlyArray<0 | 1>) => {
    const revision = await newest()
    for (const at of whom) {
      allowed[at]?.add(revision)
      owed[at] = revision
    }
    const ids = whom.map((at) => clients.find((client) => client.ip === ips[at])?.id ?? "")
    await manager.pushes((pushes) =>
      Effect.catchTag(pushes.start(id, ids, "ann"), "PushRunning", () =>
        Effect.andThen(pushes.settled(id), pushes.start(id, ids, "ann")),
      ),
    )
  }
  const release = async () => {
    const { endpointsList, revision } = await manager.service(name)
    const endpoints = endpointsList.map(({ desired, ip, port }) => ({
      ip,
      port,
      status: desired.status,
      weight: (desired.weight + 1) % 100,
    }))
    const input = { name: ServiceName.make(name), description: "", tls: "auto" as const, endpoints, override: true }
    await manager.services((services) => services.update(id, { ...input, baseRevision: revision ?? 0 }, "ann"))
    if (operated) for (const set of allowed) set.add((revision ?? 0) + 1)
  }
  const operate = async () => {
    const endpoint = (await manager.service(name)).endpointsList[0]
    const status = endpoint?.desired.status === "online" ? ("offline" as const) : ("online" as const)
    const input = { ip: "10.2.0.1", port: 1, status, override: true }
    const { revision } = await manager.services((services) => services.setEndpointStatus(id, input, "ann"))
    operated = true
    for (const at of [0, 1] as const) {
      allowed[at]?.add(revision)
      owed[at] = revision
    }
  }
  for (const { act, node } of history) {
    if (act === "release") await release()
    if (act === "push") await push([0, 1])
    if (act === "push one") await push([node])
    if (act === "operate") await operate()
    if (act === "leave") await turn(node, false)
    if (act === "return") await turn(node, true)
  }
  await turn(0, true)
  await turn(1, true)
  for (const at of [0, 1] as const)
    if (owed[at]) await waitFor(() => (agents[at]?.lists.get(name)?.revision ?? 0) >= owed[at]!, { timeoutMs: 10_000 })
  return agents.map((agent, at) => ({
    sent: agent.arrived.filter((one) => one.service === name).map((one) => one.revision),
    allowed: allowed[at] ?? new Set<number>(),
  }))
}

test("whatever happens, revisions arrive in order, none twice, none that was not pushed, and the newest in the end", async () => {
  const holds = (history: typeof History.Type) =>
    Effect.promise(async () => {
      const outcome = await live(history)
      return outcome.every(({ allowed, sent }) =>
        sent.every((revision, at) => allowed.has(revision) && (at === 0 || revision > (sent[at - 1] ?? 0))),
      )
    })
  const result = await Effect.runPromise(Arbitrary.checkEffect(Arbitrary.schema(History), holds, { runs: 12 }))
  expect(Arbitrary.formatCheckFailure(result)).toBeUndefined()
}, 60_000)
