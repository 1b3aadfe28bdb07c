import { describe, expect, test } from "bun:test"
import { setDefaultTimeout } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defaultRpcSettings, type RpcSettings } from "../../../src/domain/RpcSettings.ts"
import { nodeMethods, type TaskPage } from "../../../src/protocol/NodeManager.ts"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import { root } from "../../support/executable.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { assignment, callOnce, entry, TestNode } from "../TestNode.ts"

/** Tasks write a line for each run, with their process, to the file that they are given. */
const source = `
import { appendFileSync, existsSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { task } from "muster/service"
const note = (file, line) => appendFileSync(file, line + "\\n")
export const send = (name, payload, options) => task(name, payload, options)
export const pid = () => process.pid
export const tasks = {
  note: async ({ file, text }, ctx) => note(file, [ctx.attempt, process.pid, text].join(" ")),
  hold: async ({ file, until }, ctx) => {
    note(file, [ctx.attempt, process.pid].join(" "))
    while (!existsSync(until)) await setTimeout(10, undefined, { signal: ctx.signal })
    note(file, "done")
  },
  crash: async ({ file }, ctx) => { note(file, [ctx.attempt, process.pid].join(" ")); process.exit(3) },
  fail: async () => { throw new Error("no such mailbox") },
}
`

setDefaultTimeout(60_000)

const start = async (over: Partial<RpcSettings> = {}, more: { readonly drainTimeoutMs?: number } = {}) => {
  const node = await new TestNode().join()
  await node.start()
  const port = await freePort()
  const name = `greeter@${port}`
  const rpc = { ...defaultRpcSettings, taskWorkers: 1, ...over }
  const module = node.module("tasks.js", source)
  const spec = assignment({ ip: "127.0.0.1", port }, module, { rpc, workers: 1, ...more })
  await node.apply(1, spec)
  await node.running(1)
  return {
    node,
    name,
    port,
    spec,
    file: node.path("runs.txt"),
    until: node.path("go.txt"),
    send: (task: string, payload: unknown, options: object = {}) => callOnce(port, "send", [task, payload, options]),
    list: async (state: string) => (await node.call(nodeMethods.listTasks, { name, state, limit: 100 })) as TaskPage,
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
}

type Started = Awaited<ReturnType<typeof start>>

const runs = ({ file }: Started) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [])

/** The process of the last run that was begun. */
const runner = (line: string | undefined) => Number(line?.split(" ")[1])

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("a task that a call has queued", () => {
  test("runs in another process, in the order of its queueing, and is gone then", async () => {
    await using service = await start()
    const { file } = service
    for (const text of ["a", "b", "c"]) expect(await service.send("note", { file, text })).toBeString()
    const lines = await waitFor(() => runs(service).length === 3 && runs(service))
    expect(lines.map((line) => line.replace(/ \d+ /, " "))).toEqual(["1 a", "1 b", "1 c"])
    const { taskWorkers, workers } = await service.node.process()
    expect(runner(lines[0])).toBe(taskWorkers[0]?.pid ?? 0)
    expect(runner(lines[0])).not.toBe(workers[0]?.pid ?? 0)
    await waitFor(async () => (await service.list("waiting")).counts.running === 0)
    expect((await service.list("waiting")).counts).toEqual({ waiting: 0, running: 0, dead: 0 })
  })

  test("runs again at once in a new worker when its own is killed in the middle of it", async () => {
    await using service = await start()
    const { file, until } = service
    await service.send("hold", { file, until })
    const first = await waitFor(() => runs(service)[0])
    process.kill(runner(first), "SIGKILL")
    const second = await waitFor(() => runs(service)[1], { timeoutMs: 20_000 })
    expect(second).toStartWith("2 ")
    expect(runner(second)).not.toBe(runner(first))
    expect((await service.list("running")).tasks).toMatchObject([{ task: "hold", attempts: 2, attemptsMax: 5 }])
    await Bun.write(until, "")
    await waitFor(() => runs(service)[2] === "done")
  })

  test("runs again after the agent was restarted, with all that waited", async () => {
    await using service = await start()
    const { file, until } = service
    await service.send("hold", { file, until })
    await service.send("note", { file, text: "behind it" })
    await service.send("note", { file, text: "put off" }, { delayMs: 1_000 })
    await waitFor(() => runs(service).length === 1)
    await service.node.stop()
    expect(service.node.left()).toEqual([])
    await Bun.write(until, "")
    await service.node.start()
    await waitFor(
      () => ["done", "behind it", "put off"].every((end) => runs(service).some((line) => line.endsWith(end))),
      {
        timeoutMs: 20_000,
      },
    )
  })

  test("runs once each, whatever its worker is replaced for meanwhile", async () => {
    await using service = await start({ taskWorkers: 2, taskAttemptsMax: 1, taskQueueMax: 1_000 })
    const { file, name, node } = service
    const texts = Array.from({ length: 400 }, (_, n) => `text${n}`)
    const reloads = async () => {
      for (let n = 0; n < 4; n++)
        expect(await node.call(nodeMethods.reloadProcess, { name })).toMatchObject({ outcome: "done" })
    }
    await Promise.all([
      (async () => {
        for (const text of texts) await service.send("note", { file, text })
      })(),
      reloads(),
    ])
    await waitFor(async () => (await service.list("waiting")).counts.waiting === 0, { timeoutMs: 30_000 })
    await waitFor(async () => (await service.list("running")).counts.running === 0)
    expect((await service.list("dead")).tasks).toEqual([])
    expect(
      runs(service)
        .map((line) => line.split(" ")[2])
        .toSorted(),
    ).toEqual(texts.toSorted())
    expect(new Set(runs(service).map(runner)).size).toBeGreaterThan(4)
  })

  test("runs again when its worker could not wait for its end, and that run does not count", async () => {
    await using service = await start({ taskAttemptsMax: 1 }, { drainTimeoutMs: 300 })
    const { file, name, node, until } = service
    await service.send("hold", { file, until })
    await waitFor(() => runs(service).length === 1)
    expect(await node.call(nodeMethods.reloadProcess, { name })).toMatchObject({ outcome: "done" })
    const again = await waitFor(() => runs(service)[1])
    expect(again).toStartWith("1 ")
    expect(runner(again)).not.toBe(runner(runs(service)[0]))
    await Bun.write(until, "")
    await waitFor(() => runs(service)[2] === "done")
    await waitFor(async () => (await service.list("running")).counts.running === 0)
    expect((await service.list("dead")).counts.dead).toBe(0)
  })

  test("is refused at once when as many wait as may, and is not executed", async () => {
    await using service = await start({ taskQueueMax: 2 })
    const { file, until } = service
    await service.send("hold", { file, until })
    await waitFor(() => runs(service).length === 1)
    for (const text of ["a", "b"]) await service.send("note", { file, text })
    const error = await refusal(service.send("note", { file, text: "too many" }))
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: "resource_exhausted", executed: "no" })
    await Bun.write(until, "")
    await waitFor(() => runs(service).length === 4)
    expect(runs(service).some((line) => line.includes("too many"))).toBe(false)
  })

  test("ends with the dead letters when it kills each worker, and runs again when a person says so", async () => {
    await using service = await start({ taskAttemptsMax: 2 })
    const { file, node } = service
    const id = await service.send("crash", { file })
    const { counts, tasks } = await waitFor(
      async () => {
        const page = await service.list("dead")
        return page.counts.dead === 1 && page
      },
      { timeoutMs: 20_000 },
    )
    expect(counts).toEqual({ waiting: 0, running: 0, dead: 1 })
    expect(tasks).toMatchObject([{ id, task: "crash", attempts: 2, error: "its worker died" }])
    expect(runs(service).map((line) => line[0])).toEqual(["1", "2"])
    const requeued = await node.call(nodeMethods.requeueTasks, { name: service.name, ids: [id] })
    expect(requeued).toEqual({ changed: 1 })
    await waitFor(() => runs(service).length === 4, { timeoutMs: 30_000 })
    await waitFor(async () => (await service.list("dead")).counts.dead === 1)
    const discarded = await node.call(nodeMethods.discardTasks, { name: service.name, ids: "all" })
    expect(discarded).toEqual({ changed: 1 })
    expect((await service.list("dead")).counts.dead).toBe(0)
  }, 60_000)

  test("that fails or takes too long is tried again later, with the reason to be seen", async () => {
    await using service = await start()
    const { file, until } = service
    await service.send("fail", null)
    await service.send("hold", { file, until }, { timeoutMs: 100 })
    const page = await waitFor(async () => {
      const waiting = await service.list("waiting")
      return waiting.tasks.length === 2 && waiting.tasks.every(({ error }) => error !== null) && waiting
    })
    expect(page.tasks).toMatchObject([
      { task: "fail", attempts: 1, error: "internal: no such mailbox" },
      { task: "hold", attempts: 1, error: expect.stringContaining("deadline_exceeded") },
    ])
    for (const { dueAt } of page.tasks) expect(dueAt).toBeGreaterThan(Date.now() - 5_000)
  })
})

/** The node's agent as a process of its own; it ends with the test's folder. */
const startAgent = async (node: TestNode) => {
  const log = node.path("agent.log")
  await Bun.write(log, "")
  const child = Bun.spawn([process.execPath, join(root, "test/node/fixtures/agent.ts"), node.dataDir, entry], {
    cwd: root,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: "ignore",
  })
  const port = await waitFor(async () => /^PORT (\d+)$/m.exec(await Bun.file(log).text())?.[1], { timeoutMs: 20_000 })
  await node.attach(Number(port))
  return child
}

test("tasks of an agent that was killed wait for the next one, and run", async () => {
  await using node = await new TestNode().join()
  const child = await startAgent(node)
  const port = await freePort()
  const rpc = { ...defaultRpcSettings, taskWorkers: 1 }
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, node.module("tasks.js", source), { rpc, workers: 1 }))
  await node.running(1)
  const file = node.path("runs.txt")
  const lines = () => (existsSync(file) ? readFileSync(file, "utf8") : "")
  await callOnce(port, "send", ["hold", { file, until: node.path("never.txt") }, {}])
  await waitFor(() => lines().startsWith("1 "))
  await callOnce(port, "send", ["note", { file, text: "after it" }, {}])
  child.kill("SIGKILL")
  await child.exited
  await Bun.write(node.path("never.txt"), "")
  await startAgent(node)
  await waitFor(() => /done\n[^]*after it/.test(lines()), { timeoutMs: 20_000 })
}, 60_000)
