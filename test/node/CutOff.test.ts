import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import type { ProcessInspection } from "../../src/protocol/ProcessMessages.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { steadyCalls } from "../support/steadyCalls.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, TestNode } from "./TestNode.ts"

// What an agent was in the middle of when it was killed. Real processes on a busy machine.
setDefaultTimeout(120_000)

const ip = "127.42.7.1"

/** Each call that takes its time says in the file `begun` that it has begun. */
const moduleOf = (node: TestNode) => `
  import { appendFileSync, existsSync, writeFileSync } from "node:fs"
  const begin = (what) => appendFileSync("${node.path("begun")}", what + "\\n")
  export const slow = async (ms) => { begin("slow"); await new Promise((r) => setTimeout(r, ms)); return process.pid }
  export const block = (ms) => {
    begin("block")
    const until = Date.now() + ms
    while (Date.now() < until);
    return process.pid
  }
  export const version = () => 1`

/** The first of its workers starts, and the next ones when there is the file `go`. */
const nextVersionOf = (node: TestNode) => `${moduleOf(node).replace("version = () => 1", "version = () => 2")}
  if (!existsSync("${node.path("first")}")) writeFileSync("${node.path("first")}", "")
  else while (!existsSync("${node.path("go")}")) await new Promise((r) => setTimeout(r, 10))`

const begin = async (over: Parameters<typeof assignment>[2] = {}) => {
  const node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  const path = node.module("slow.js", moduleOf(node))
  await node.apply(1, assignment(listen, path, { tls: "off", ...over }))
  const pids = await node.running(over.workers ?? 2)
  return { node, agent, listen, path, pids, name: `greeter@${listen.port}` }
}

const call = async (port: number, method: string, ...args: ReadonlyArray<unknown>) => {
  const connection = await RpcConnection.open({ to: { host: ip, port }, client: "shop" })
  try {
    return await connection.call(method, args, { timeoutMs: 60_000 })
  } finally {
    connection.close()
  }
}

type Kept = Record<string, unknown> & {
  readonly process?: { readonly pid: number }
  readonly past?: { readonly failures: number }
}

const filesOf = (node: TestNode, end: string) =>
  readdirSync(node.path("run"))
    .filter((name) => name.endsWith(end))
    .map((name) => node.path("run", name))
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [])

/** The last call that has begun is of this method. */
const begun = (node: TestNode, method: string) => waitFor(() => linesOf(node.path("begun")).at(-1) === method)

const kept = (node: TestNode, end = ".run") =>
  filesOf(node, end).map((path) => JSON.parse(readFileSync(path, "utf8")) as Kept)

const uptimeMs = () => Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1_000

/** Kills the agent when the first of three workers is of the next version. */
const cutOffReload = async () => {
  const one = await begin({ workers: 3 })
  const { agent, name, node, path } = one
  writeFileSync(path, nextVersionOf(node))
  void node.reload(name).catch(() => undefined)
  const next = await waitFor(
    () => kept(node).find(({ generation, isUp }) => generation === 2 && isUp === true)?.process?.pid,
  )
  await agent.end("SIGKILL")
  writeFileSync(node.path("go"), "")
  return { ...one, next }
}

test("a reload that was cut off is finished by the next agent, one worker after the other, and fails no call", async () => {
  const { listen, next, node, pids } = await cutOffReload()
  await using _ = node
  const load = steadyCalls(() => call(listen.port, "version"))
  await using agent = await AgentProcess.start(node)
  const after = await waitFor(
    async () => {
      const now = await node.running(3)
      return !now.some((pid) => pids.includes(pid)) && now
    },
    { timeoutMs: 30_000, what: "three new workers" },
  )
  expect(await load.stop()).toBe(0)
  // What had been replaced is not replaced again.
  expect(after).toContain(next)
  await waitFor(() => agent.output.includes("2 of 3 workers replaced"))
  expect(await call(listen.port, "version")).toBe(2)
})

test("workers whose agent has not counted reloads are taken over as they are", async () => {
  const { node } = await cutOffReload()
  await using _ = node
  for (const path of filesOf(node, ".run")) {
    const { generation: _generation, ...record } = JSON.parse(readFileSync(path, "utf8")) as Kept
    writeFileSync(path, JSON.stringify(record))
  }
  const before = kept(node)
    .filter(({ isLeaving, isUp }) => isUp === true && isLeaving !== true)
    .flatMap(({ process }) => process?.pid ?? [])
  await using _agent = await AgentProcess.start(node)
  await waitFor(async () => (await node.process()).state === "RUNNING")
  const { reload, workers } = await node.process()
  expect(reload).toBeNull()
  // Of two in one place the agent was just about to let the older one go.
  for (const { pid } of workers) expect(before).toContain(pid ?? 0)
  expect(new Set(workers.map(({ slot }) => slot)).size).toBe(workers.length)
})

const leavingOne = (node: TestNode) => waitFor(() => kept(node).find(({ isLeaving }) => isLeaving === true))

test("a worker too busy to say that it drains is not asked a second time, which would cut off its calls", async () => {
  const { agent, listen, name, node, pids } = await begin({ workers: 1, drainTimeoutMs: 30_000 })
  await using _ = node
  const answer = call(listen.port, "slow", 10_000)
  await begun(node, "slow")
  const busy = call(listen.port, "block", 9_000)
  await begun(node, "block")
  void node.reload(name).catch(() => undefined)
  await leavingOne(node)
  await agent.end("SIGKILL")
  await using next = await AgentProcess.start(node)
  expect(await busy).toBe(pids[0] ?? 0)
  expect(await answer).toBe(pids[0] ?? 0)
  const isGone = () => kept(node).every(({ process }) => process?.pid !== pids[0])
  await waitFor(isGone, { timeoutMs: 40_000, what: "the end of the worker that drained" })
  expect(next.output).not.toContain("killing it")
})

test("the time that a worker may take to end does not begin anew with each agent", async () => {
  const { agent, listen, name, node, pids } = await begin({ workers: 1, drainTimeoutMs: 8_000 })
  await using _ = node
  void call(listen.port, "block", 90_000).catch(() => undefined)
  await begun(node, "block")
  void node.reload(name).catch(() => undefined)
  const { drainUntil } = await leavingOne(node)
  await agent.end("SIGKILL")
  await Bun.sleep(3_000)
  await using next = await AgentProcess.start(node)
  // It is given 2 s more than it was told; by an agent that comes later than that, 2 s.
  const killAt = Number(drainUntil) + 2_000
  const asked = uptimeMs()
  const { instances } = (await node.call(nodeMethods.inspectProcess, { name })) as ProcessInspection
  const killInMs = instances[0]?.leaving.find(({ pid }) => pid === pids[0])?.killInMs ?? 0
  expect(killInMs).toBeWithin(killAt - uptimeMs() - 100, Math.max(killAt - asked, 2_000) + 100)
  await waitFor(() => kept(node).every(({ process }) => process?.pid !== pids[0]), { timeoutMs: 30_000 })
  expect(uptimeMs()).toBeGreaterThan(killAt - 500)
  expect(next.output).toContain("did not stop in time, killing it")
})

const program = (shell: string, run: Record<string, unknown>, over: Record<string, unknown> = {}) =>
  ({
    name: "loop",
    specRevision: 1,
    listen: null,
    spec: { kind: "command", service: "loop", command: { shell }, instances: 1, startMs: 200, run, ...over },
  }) as unknown as ProcessAssignment

test("a program that is given up stays so when the agent is killed, until a person starts it", async () => {
  await using node = await new TestNode().join()
  const runs = node.path("runs")
  const agent = await AgentProcess.start(node)
  await node.apply(1, program(`echo run >> ${runs}; exit 3`, { startRetries: 2 }))
  const fatal = async () => (await node.process()).state === "FATAL"
  await waitFor(fatal, { timeoutMs: 30_000 })
  const { since, workers } = await node.process()
  const [before] = workers
  await waitFor(() => kept(node, ".failure")[0]?.["state"] === "FATAL")
  await agent.end("SIGKILL")
  await using next = await AgentProcess.start(node)
  await waitFor(fatal)
  const after = await node.process()
  expect(after.workers).toMatchObject([
    { state: "FATAL", pid: null, restarts: before?.restarts, reason: before?.reason, since: before?.since },
  ])
  expect(Math.abs(after.since - since)).toBeLessThan(50)
  expect(linesOf(runs)).toHaveLength(3)
  expect(before?.restarts).toBe(3)

  writeFileSync(runs, "")
  await node.call(nodeMethods.restartProcess, { name: "loop" })
  await waitFor(fatal, { timeoutMs: 30_000 })
  expect(linesOf(runs)).toHaveLength(3)
  // Another program is not to blame for it.
  await next.end("SIGKILL")
  const set = JSON.parse(readFileSync(node.path("processes.json"), "utf8")) as { revision: number }
  const changed = program("exec sleep 300", { startRetries: 2 })
  writeFileSync(node.path("processes.json"), JSON.stringify({ revision: set.revision + 1, processes: [changed] }))
  await using _last = await AgentProcess.start(node)
  await node.running(1)
  expect(kept(node, ".failure")).toEqual([])
})

test("a program that fails again and again is not tried sooner, or as if for the first time, after a kill of the agent", async () => {
  await using node = await new TestNode().join()
  const runs = node.path("runs")
  const agent = await AgentProcess.start(node)
  await node.apply(1, program(`cut -d' ' -f1 /proc/uptime >> ${runs}; exit 3`, { startRetries: 0 }))
  const failure = (least: number) =>
    waitFor(
      () => {
        const [record] = kept(node, ".failure")
        const { past, until } = record ?? {}
        return past !== undefined && past.failures >= least && { failures: past.failures, until: Number(until) }
      },
      { timeoutMs: 60_000 },
    )
  const before = await failure(5)
  await agent.end("SIGKILL")
  const known = linesOf(runs).length
  await using _next = await AgentProcess.start(node)
  const after = await failure(before.failures + 1)
  expect(after.failures).toBe(before.failures + 1)
  expect(Number(linesOf(runs)[known]) * 1_000).toBeGreaterThan(before.until - 50)
})

test("a job that has ended and is to stay down is not run again by the next agent", async () => {
  await using node = await new TestNode().join()
  const runs = node.path("runs")
  const agent = await AgentProcess.start(node)
  await node.apply(1, program(`echo run >> ${runs}; sleep 0.5`, {}, { restart: "never" }))
  await waitFor(async () => (await node.process()).state === "EXITED")
  const since = (await node.process()).workers[0]?.since ?? 0
  await agent.end("SIGKILL")
  // What the second agent keeps is as good as what the first one did.
  await (await AgentProcess.start(node)).end("SIGKILL")
  await using _next = await AgentProcess.start(node)
  const after = await node.process()
  expect(after).toMatchObject({ state: "EXITED", reload: null, workers: [{ since }] })
  expect(Math.abs(after.since - since)).toBeLessThan(50)
  expect(linesOf(runs)).toEqual(["run"])
})
