import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { nodeMethods, type TaskPage } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { assignment, callOnce, TestNode } from "../node/TestNode.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  import { appendFileSync, existsSync } from "node:fs"
  import { context, task } from "muster/service"
  const note = (path: string, what: unknown) => appendFileSync(path, JSON.stringify(what) + "\\n")
  export const queue = async (name: string, payload: unknown, options?: object) => {
    const ctx = context()
    return { id: await ctx.task(name, payload, options), traceId: ctx.trace.traceId }
  }
  export const queueLater = async (path: string) => (await Promise.resolve(), task("note", { path, what: "late" }))
  export const tasks = {
    note: async ({ path, what }, ctx) => {
      note(path, { what, id: ctx.id, attempt: ctx.attempt, name: ctx.name, traceId: ctx.trace.traceId, service: ctx.service })
      ctx.log.info("noted", { what })
    },
    failOnce: async ({ path }, ctx) => {
      note(path, ctx.attempt)
      if (ctx.attempt === 1) throw new Error("not yet")
    },
    hang: async ({ path }, ctx) => {
      note(path, "begun")
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve))
      note(path, String(ctx.signal.reason.code) + " " + String(ctx.remainingMs()))
    },
    wait: async ({ path, until }) => {
      note(path, "begun")
      while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10))
      note(path, "done")
    },
  }
`

let node: TestNode
let port = 0
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  port = await freePort()
  const rpc = { ...defaultRpcSettings, taskWorkers: 1, taskAttemptsMax: 2 }
  const process = assignment({ ip: "127.0.0.1", port }, node.module("tasks.ts", module), { workers: 1, rpc })
  await node.apply(1, process)
  await node.running(1)
})
afterAll(() => node[Symbol.asyncDispose]())

const call = (method: string, ...args: ReadonlyArray<unknown>) => callOnce(port, method, args)
const queue = (...args: ReadonlyArray<unknown>) => call("queue", ...args) as Promise<{ id: string; traceId: string }>
const lines = (path: string): ReadonlyArray<unknown> =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown)
    : []
const log = () => node.said(`greeter@${port}`)

test("a task that a call queues runs in a task worker, in the trace of the call", async () => {
  const path = node.path("noted")
  const { id, traceId } = await queue("note", { path, what: 1 })
  await waitFor(() => lines(path).length === 1)
  expect(lines(path)).toEqual([{ what: 1, id, attempt: 1, name: "note", traceId, service: "greeter" }])
  await waitFor(() => log().includes(`noted  trace=${traceId} what=1`))
  await waitFor(() => /INFO {2}\[\S+ \d+\] ready with 4 tasks of /.test(log()))
})

test("outside of a call a task is queued with task()", async () => {
  const path = node.path("late")
  await call("queueLater", path)
  expect(await waitFor(() => lines(path)[0])).toMatchObject({ what: "late", attempt: 1 })
})

test("a task that the module does not export is refused when it is queued", async () => {
  const error: unknown = await queue("nothing", 1).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(RpcError)
  expect(error).toMatchObject({
    code: "failed_precondition",
    executed: "no",
    message: 'Cannot queue "nothing": the module exports only the tasks note, failOnce, hang, wait',
  })
})

test("a task that fails runs again, and the log has its stack", async () => {
  const path = node.path("failed")
  await queue("failOnce", { path })
  await waitFor(() => lines(path).length === 2, { timeoutMs: 20_000 })
  expect(lines(path)).toEqual([1, 2])
  await waitFor(() =>
    /ERROR \[\S+ \d+\] task failOnce \S+ failed at attempt 1: Error: not yet\n\s+at .*tasks\.ts/.test(log()),
  )
})

test("a task that takes too long is told to stop, and is a dead letter after its last attempt", async () => {
  const path = node.path("hung")
  const { id } = await queue("hang", { path }, { timeoutMs: 200, attemptsMax: 1 })
  await waitFor(() => lines(path).length === 2)
  expect(lines(path)).toEqual(["begun", "deadline_exceeded 0"])
  const name = `greeter@${port}`
  const dead = await waitFor(async () => {
    const page = (await node.call(nodeMethods.listTasks, { name, state: "dead", limit: 10 })) as TaskPage
    return page.tasks.find((task) => task.id === id)
  })
  expect(dead.error).toContain("longer than 200 ms")
})

test("a task worker that is stopped finishes its task first", async () => {
  const path = node.path("waited")
  await queue("wait", { path, until: node.path("go") })
  await waitFor(() => lines(path).length === 1)
  const [worker] = (await node.process()).taskWorkers
  process.kill(worker?.pid ?? 0, "SIGTERM")
  await waitFor(() => log().includes(` ${worker?.pid}] draining: asked to stop`))
  // Long enough for a worker that did not wait.
  await Bun.sleep(300)
  expect(log()).not.toContain(` ${worker?.pid}] stopped`)
  writeFileSync(node.path("go"), "")
  await waitFor(() => log().includes(` ${worker?.pid}] stopped`))
  expect(lines(path)).toEqual(["begun", "done"])
})

test("the figures count tasks beside methods", async () => {
  const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
  const stats = await waitFor(async () => {
    const stats = (await connection.call("stats", [], { timeoutMs: 5_000 })) as {
      methods: Record<string, { calls: number; errors: object }>
    }
    return (stats.methods["tasks.failOnce"]?.calls ?? 0) >= 2 && stats.methods
  })
  connection.close()
  expect(stats["tasks.failOnce"]).toMatchObject({ calls: 2, errors: { internal: 1 } })
  expect(stats["tasks.hang"]).toMatchObject({ calls: 1, errors: { deadline_exceeded: 1 } })
})
