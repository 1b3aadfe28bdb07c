import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import type { ProcessStatus } from "../../src/protocol/NodeManager.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }
  export const whoami = () => process.pid`

const ip = "127.43.1.1"

/** A node with a service of two workers, and an agent as a process of its own. */
const begin = async (over: Parameters<typeof assignment>[2] = {}) => {
  const node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  const path = node.module("slow.js", module)
  await node.apply(1, assignment(listen, path, { tls: "off", ...over }))
  const pids = await node.running(over.workers ?? 2)
  return { node, agent, listen, path, pids }
}

const call = (port: number, method: string, ...args: ReadonlyArray<unknown>) =>
  callOnce(port, method, args, undefined, ip)

const records = (node: TestNode) => readdirSync(node.path("run")).filter((name) => name.endsWith(".run"))

const adopted = ({ workers }: ProcessStatus) => workers.map(({ adopted }) => adopted)

test("no worker is restarted when the agent is killed, and the next agent goes on with it", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  const answer = call(listen.port, "slow", 700)
  await Bun.sleep(100)
  await agent.end("SIGKILL")
  expect(pids).toContain((await answer) as number)
  expect(pids).toContain((await call(listen.port, "whoami")) as number)
  await using next = await AgentProcess.start(node)
  expect(await node.running(2)).toEqual(pids)
  expect(adopted(await node.process())).toEqual([true, true])
  expect(records(node)).toHaveLength(2)
  expect(next.output).toContain(`takes over 2 processes that run: pid ${pids[0]}, ${pids[1]}`)

  // It supervises them as its own: what dies is replaced, a reload replaces the rest.
  process.kill(pids[0] ?? 0, "SIGKILL")
  const after = await waitFor(async () => {
    const now = await node.running(2)
    return !now.includes(pids[0] ?? 0) && now
  })
  expect(after[1]).toBe(pids[1] ?? 0)
  expect((await node.reload(`greeter@${listen.port}`)).outcome).toBe("done")
  const reloaded = await node.running(2)
  expect(reloaded.filter((pid) => after.includes(pid))).toEqual([])
  expect(adopted(await node.process())).toEqual([false, false])
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
  expect(records(node)).toEqual([])
})

const recordPaths = (node: TestNode) => records(node).map((name) => node.path("run", name))

const edit = (path: string, change: (record: Record<string, unknown>) => Record<string, unknown>) =>
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>)))

/** What the node is to run, changed while no agent is there. */
const editSet = (node: TestNode, change: (processes: Array<ProcessAssignment>) => ReadonlyArray<unknown>) =>
  edit(node.path("processes.json"), ({ processes, revision }) => ({
    revision: Number(revision) + 1,
    processes: change(processes as Array<ProcessAssignment>),
  }))

test("nothing is started twice, wherever between the intent and the readiness the agent was killed", async () => {
  const { agent, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  const [first = "", second = ""] = recordPaths(node)
  // Killed between the start and its record.
  edit(first, ({ process: _process, ...intent }) => ({ ...intent, isUp: false }))
  // Killed between the record and the readiness.
  edit(second, (record) => ({ ...record, isUp: false }))
  // Killed between the intent and the start.
  const intent = "run-00000000000000000000000000000000"
  edit(first, (record) => {
    const { mark, run } = record as { mark: string; run: string }
    writeFileSync(
      node.path("run", `${intent}.run`),
      JSON.stringify({ ...record, run: intent, mark: mark.replace(run, intent) }),
    )
    return record
  })
  await using next = await AgentProcess.start(node)
  expect(await node.running(2)).toEqual(pids)
  expect(node.left().filter(({ role }) => role === "worker")).toHaveLength(2)
  expect(recordPaths(node).some((path) => path.includes(intent))).toBe(false)
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
})

test("a record that is half written or somebody else's is not obeyed, and no process is signalled for having a pid of ours", async () => {
  const { agent, node, pids } = await begin({ workers: 1 })
  await using _ = node
  const bystander = Bun.spawn(["sleep", "300"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
  try {
    await agent.end("SIGKILL")
    const [own = ""] = recordPaths(node)
    const text = readFileSync(own, "utf8")
    const copy = (name: string, change: (record: Record<string, unknown>) => Record<string, unknown>) => {
      const run = `run-${name.repeat(32)}`
      const record = { ...(JSON.parse(text) as Record<string, unknown>), run, mark: `x/${run}` }
      writeFileSync(node.path("run", `${run}.run`), JSON.stringify(change(record)))
    }
    writeFileSync(node.path("run", "half.run"), text.slice(0, 100))
    writeFileSync(`${own}.new`, text.slice(0, 50))
    // Its pid was used again since; and it is of before a reboot.
    copy("a", (record) => ({ ...record, process: { pid: bystander.pid, startTime: "1" } }))
    const startTime = readFileSync(`/proc/${bystander.pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19] ?? ""
    copy("b", (record) => ({ ...record, process: { pid: bystander.pid, startTime }, bootId: "another" }))
    await using next = await AgentProcess.start(node)
    expect(await node.running(1)).toEqual(pids)
    expect(next.output).toMatch(/Warn \S+half\.run is no record of this agent/)
    expect(readdirSync(node.path("run")).filter((name) => /\.run/.test(name))).toHaveLength(1)
    await next.end("SIGTERM")
    expect(node.left()).toEqual([])
    expect(bystander.signalCode).toBeNull()
    expect(bystander.exitCode).toBeNull()
  } finally {
    bystander.kill("SIGKILL")
  }
})

test("a worker of a set that the node does not run any more is not forgotten: it ends its calls, and then itself", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  const answer = call(listen.port, "slow", 1_000)
  editSet(node, () => [])
  await using next = await AgentProcess.start(node)
  expect(pids).toContain((await answer) as number)
  await waitFor(() => records(node).length === 0 && node.left().length === 1, { timeoutMs: 20_000, what: next.output })
  expect(next.output).not.toContain("killing it")
})

test("a spec that changed while no agent was there is not left as it was: the workers are replaced in turn", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  editSet(node, ([one]) => [{ ...one, spec: { ...one?.spec, env: { CHANGED: "yes" } } }])
  let failed = 0
  let ended = false
  const load = (async () => {
    while (!ended) await call(listen.port, "whoami").catch(() => failed++)
  })()
  await using _next = await AgentProcess.start(node)
  const after = await waitFor(
    async () => {
      const now = await node.running(2)
      return !now.some((pid) => pids.includes(pid)) && now
    },
    { timeoutMs: 30_000 },
  )
  ended = true
  await load
  expect(failed).toBe(0)
  expect(after).toHaveLength(2)
  expect(adopted(await node.process())).toEqual([false, false])
})

test("a worker that drained when the agent was killed is not asked a second time, which would cut off its call", async () => {
  const { agent, listen, node, path, pids } = await begin({ workers: 1, drainTimeoutMs: 20_000 })
  await using _ = node
  const answer = call(listen.port, "slow", 4_000)
  await Bun.sleep(200)
  void node.reload(`greeter@${listen.port}`).catch(() => undefined)
  await waitFor(() =>
    /"isLeaving":true/.test(
      recordPaths(node)
        .map((file) => readFileSync(file, "utf8"))
        .join(""),
    ),
  )
  await agent.end("SIGKILL")
  await using next = await AgentProcess.start(node)
  expect(await answer).toBe(pids[0] ?? 0)
  await waitFor(() => records(node).length === 1)
  const [now] = await node.running(1)
  expect(now).not.toBe(pids[0] ?? 0)
  expect(path).toBeString()
  expect(next.output).not.toContain("killing it")
})

test("a worker that died while no agent was there is started again, once", async () => {
  const { agent, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  process.kill(pids[1] ?? 0, "SIGKILL")
  await using _next = await AgentProcess.start(node)
  const after = await node.running(2)
  expect(after[0]).toBe(pids[0] ?? 0)
  expect(after[1]).not.toBe(pids[1] ?? 0)
  expect(adopted(await node.process())).toEqual([true, false])
})

test("an agent that is told to leave stops no service, and a second agent on the folder starts nothing", async () => {
  const { agent, node, pids } = await begin()
  await using _ = node
  const second = await AgentProcess.start(node).catch((error: unknown) => error)
  expect(String(second)).toContain("another agent runs on the data folder")
  expect(node.left().filter(({ role }) => role === "worker")).toHaveLength(2)
  await agent.end("SIGQUIT")
  expect(node.left().map(({ pid }) => pid)).toEqual(pids)
  await using next = await AgentProcess.start(node)
  expect(await node.running(2)).toEqual(pids)
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
})
