import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { nodeMethods, type ProcessStatus, type TaskPage } from "../../src/protocol/NodeManager.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { steadyCalls } from "../support/steadyCalls.ts"
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
  const beforeMs = Date.now()
  await agent.end("SIGKILL")
  expect(pids).toContain((await answer) as number)
  expect(pids).toContain((await call(listen.port, "whoami")) as number)
  await using next = await AgentProcess.start(node)
  expect(await node.running(2)).toEqual(pids)
  const status = await node.process()
  expect(adopted(status)).toEqual([true, true])
  for (const { since } of [status, ...status.workers]) expect(since).toBeLessThan(beforeMs)
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

test("a list of processes that is damaged does not end what runs, which goes on until the node is told again", async () => {
  const { agent, listen, node, path, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  writeFileSync(node.path("processes.json"), '{ "revision": 1, "proc')
  const load = steadyCalls(() => call(listen.port, "whoami"))
  await using next = await AgentProcess.start(node)
  expect(next.output).toContain("processes.json is damaged and was set aside")
  expect((await node.status()).processesRevision).toBe(0)
  await node.apply(1, assignment(listen, path, { tls: "off" }))
  expect(await node.running(2)).toEqual(pids)
  expect(await load.stop()).toBe(0)
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
})

test("a stop leaves nothing running of which the agent was never told that it is to run", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  writeFileSync(node.path("processes.json"), "")
  const answer = call(listen.port, "slow", 1_000)
  await using next = await AgentProcess.start(node)
  await next.end("SIGTERM")
  expect(pids).toContain((await answer) as number)
  expect(node.left()).toEqual([])
})

test("a spec that changed while no agent was there is not left as it was: the workers are replaced in turn", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  await agent.end("SIGKILL")
  editSet(node, ([one]) => [{ ...one, spec: { ...one?.spec, env: { CHANGED: "yes" } } }])
  const load = steadyCalls(() => call(listen.port, "whoami"))
  await using _next = await AgentProcess.start(node)
  const after = await waitFor(
    async () => {
      const now = await node.running(2)
      return !now.some((pid) => pids.includes(pid)) && now
    },
    { timeoutMs: 30_000 },
  )
  expect(await load.stop()).toBe(0)
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

const readLogs = (node: TestNode, name: string) =>
  readdirSync(node.path("logs", name))
    .filter((file) => file.endsWith(".log"))
    .map((file) => readFileSync(node.path("logs", name, file), "utf8"))
    .join("")

/** A set that runs a program. */
const command = (shell: string, over: Record<string, unknown> = {}) =>
  ({
    name: "ticker",
    specRevision: 1,
    listen: null,
    spec: { kind: "command", service: "ticker", command: { shell }, instances: 1, startMs: 200, ...over },
  }) as unknown as ProcessAssignment

test("a program that an agent before this one has started is not started twice, nor stopped by half", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  const child = node.path("child")
  await node.apply(
    1,
    command(`sleep 300 & echo $! > ${child}; n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.05; done`),
  )
  const [pid] = await node.running(1)
  await waitFor(() => existsSync(child))
  await agent.end("SIGKILL")
  await Bun.sleep(300)
  await using next = await AgentProcess.start(node)
  expect(await node.running(1)).toEqual([pid ?? 0])
  expect((await node.process()).workers).toMatchObject([{ adopted: true, state: "RUNNING" }])
  const [, ...numbers] = await waitFor(() => {
    const text = readLogs(node, "ticker")
    const found = [0, ...[...text.matchAll(/tick (\d+)/g)].map(([, number]) => Number(number))]
    return found.length > 30 && found
  })
  expect(numbers).toEqual(numbers.map((_, at) => at + 1))
  process.kill(pid ?? 0, "SIGKILL")
  await waitFor(() => next.output.includes("how is not known, as another agent had started it"))
  expect(await waitFor(async () => (await node.running(1))[0])).not.toBe(pid ?? 0)
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
})

/** A call that waits until the next agent has started, with `key` as its idempotency key. */
const patient = async (port: number, method: string, args: ReadonlyArray<unknown>, key?: string) => {
  const connection = await RpcConnection.open({ to: { host: ip, port }, client: "shop" })
  try {
    return await connection.call(method, args, { timeoutMs: 40_000, ...(key === undefined ? {} : { meta: { key } }) })
  } finally {
    connection.close()
  }
}

const tasks = `
  import { appendFileSync, existsSync } from "node:fs"
  import { task } from "muster/service"
  export const queue = async (payload) => await task("work", payload)
  export const tasks = {
    work: async ({ path, until }) => {
      appendFileSync(path, "begun " + process.pid + "\\n")
      while (until && !existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10))
      appendFileSync(path, "done " + process.pid + "\\n")
    },
  }`

const beginTasks = async () => {
  const node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  const rpc = { ...defaultRpcSettings, taskWorkers: 2 }
  await node.apply(1, assignment(listen, node.module("tasks.js", tasks), { tls: "off", workers: 1, rpc }))
  await node.running(1)
  await waitFor(async () => (await node.process()).taskWorkers.every(({ state }) => state === "RUNNING"))
  const queue = (name: string, until?: string) => patient(listen.port, "queue", [{ path: node.path(name), until }])
  const said = (name: string) =>
    existsSync(node.path(name)) ? readFileSync(node.path(name), "utf8").trim().split("\n") : []
  const waiting = async () => {
    const request = { name: `greeter@${listen.port}`, state: "waiting", limit: 10 }
    const { counts } = (await node.call(nodeMethods.listTasks, request)) as TaskPage
    return counts.waiting + counts.running
  }
  return { node, agent, listen, queue, said, waiting }
}

test("a task that runs when the agent is killed does not run twice, and none is lost that is queued meanwhile", async () => {
  const { agent, node, queue, said, waiting } = await beginTasks()
  await using _ = node
  const [early, late] = [node.path("early.go"), node.path("late.go")]
  await queue("early", early)
  await queue("late", late)
  await waitFor(() => said("early").length === 1 && said("late").length === 1)
  await agent.end("SIGKILL")
  // The one ends while nobody is there to hear it, the other when the next agent is.
  writeFileSync(early, "")
  await waitFor(() => said("early").length === 2)
  const queued = queue("meanwhile")
  await Bun.sleep(500)
  await using _next = await AgentProcess.start(node)
  expect(await queued).toBeString()
  await waitFor(() => said("meanwhile").length === 2)
  await waitFor(async () => (await waiting()) === 1)
  writeFileSync(late, "")
  await waitFor(async () => (await waiting()) === 0)
  const begun = (name: string) => said(name).filter((line) => line.startsWith("begun"))
  expect([begun("early"), begun("late"), begun("meanwhile")].map(({ length }) => length)).toEqual([1, 1, 1])
})

test("a task whose worker died with its agent is not lost", async () => {
  const { agent, node, queue, said, waiting } = await beginTasks()
  await using _ = node
  await queue("cut", node.path("cut.go"))
  await waitFor(() => said("cut").length === 1)
  await agent.end("SIGKILL")
  process.kill(Number(said("cut")[0]?.split(" ")[1]), "SIGKILL")
  writeFileSync(node.path("cut.go"), "")
  await using _next = await AgentProcess.start(node)
  await waitFor(async () => (await waiting()) === 0, { timeoutMs: 20_000 })
  expect(said("cut").map((line) => line.split(" ")[0])).toEqual(["begun", "begun", "done"])
})

test("a call with an idempotency key is not run twice because the agent that kept its outcome was killed", async () => {
  const path = "calls"
  const text = (file: string) => `
    import { appendFileSync, existsSync } from "node:fs"
    export const pay = async (key, until) => {
      appendFileSync(${JSON.stringify(file)}, key + "\\n")
      while (until && !existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10))
      return key
    }`
  await using node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  await node.apply(1, assignment(listen, node.module("pay.js", text(node.path(path))), { tls: "off" }))
  await node.running(2)
  const pay = (key: string, ...args: ReadonlyArray<unknown>) => patient(listen.port, "pay", [key, ...args], key)
  const times = () => readFileSync(node.path(path), "utf8").trim().split("\n").toSorted()
  const go = node.path("go")
  expect(await pay("before")).toBe("before")
  const under = pay("under", go)
  await waitFor(() => times().includes("under"))
  await agent.end("SIGKILL")
  const meanwhile = pay("meanwhile")
  writeFileSync(go, "")
  await Bun.sleep(300)
  await using _next = await AgentProcess.start(node)
  expect([await under, await meanwhile]).toEqual(["under", "meanwhile"])
  expect([await pay("before"), await pay("under", go), await pay("meanwhile")]).toEqual([
    "before",
    "under",
    "meanwhile",
  ])
  expect(times()).toEqual(["before", "meanwhile", "under"])
})
