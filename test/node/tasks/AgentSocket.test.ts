import { describe, expect, test } from "bun:test"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { dataFolder, makeFolders } from "../../../src/node/DataFolder.ts"
import { Disk } from "../../../src/node/Disk.ts"
import { Ledger } from "../../../src/node/supervisor/Ledger.ts"
import { AgentSocket } from "../../../src/node/supervisor/AgentSocket.ts"
import { WorkerRegistry } from "../../../src/node/supervisor/WorkerRegistry.ts"
import { taskMethods } from "../../../src/node/tasks/TaskMethods.ts"
import { TaskQueues } from "../../../src/node/tasks/TaskQueues.ts"
import { openSqlite } from "../../../src/platform/Sqlite.ts"
import { emptyStats } from "../../../src/protocol/Stats.ts"
import { workerMethods } from "../../../src/protocol/WorkerLink.ts"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { temporaryFolder } from "../../support/muster.ts"

const name = "mailer@9000"
const caller = { name, kind: "calls", slot: 0, pid: 11 } as const
const tasker = { name, kind: "tasks", slot: 0, pid: 12 } as const
const options = {}
const ledger = new Ledger({ startedAt: 0, keyWindowMs: () => 0, heartbeatTimeoutMs: () => 0 })

/** The agent's socket with its queues, and a connection of a worker to it. */
const socket = async (over: Partial<typeof defaultRpcSettings> = {}) => {
  const temporary = temporaryFolder("muster-tasks-")
  const folder = dataFolder(temporary.path)
  const scope = Effect.runSync(Scope.make())
  const layer = AgentSocket.layer(folder).pipe(
    Layer.provide(taskMethods),
    Layer.provideMerge(Layer.merge(TaskQueues.layer(folder.tasks), WorkerRegistry.layer)),
    Layer.provide(Logger.layer([])),
  )
  const context = await Effect.runPromise(
    makeFolders(folder).pipe(Effect.andThen(Layer.buildWithScope(layer, scope)), Effect.provide(Disk.layer)),
  )
  const registry = Context.get(context, WorkerRegistry)
  const queues = Context.get(context, TaskQueues)
  for (const { pid, ...worker } of [caller, tasker]) registry.add(pid, worker, ledger)
  await Effect.runPromise(registry.settle)
  await Effect.runPromise(queues.assign([{ name, settings: { ...defaultRpcSettings, taskWorkers: 1, ...over } }]))
  const path = Context.get(context, AgentSocket).path
  const connections: Array<RpcConnection> = []
  return {
    registry,
    tasks: folder.tasks,
    connect: async () => {
      const connection = await RpcConnection.open({ to: { path }, client: "test", service: "agent" })
      connections.push(connection)
      return (method: string, message: unknown) => connection.call(method, [message], { timeoutMs: 5_000 })
    },
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      temporary[Symbol.dispose]()
    },
  }
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("on the agent's socket", () => {
  test("a worker queues a task, and a task worker that waits gets it at once", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    const taking = call(workerMethods.takeTask, tasker)
    const payload = { to: "世界", bytes: new Uint8Array([0, 255]), none: null }
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    const queued = await call(workerMethods.queueTask, { ...caller, task: "send", payload, options, traceparent })
    const { id } = queued as { id: string }
    expect(await taking).toEqual({ id, task: "send", payload, attempt: 1, timeoutMs: 60_000, traceparent })
    await call(workerMethods.endTask, { ...tasker, id, attempt: 1 })
  })

  test("the beat of a worker that idles is a sign of its life, and tells its memory and lag", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    const worker = agent.registry.find(caller)
    if (worker === undefined) throw new Error("it was registered")
    ledger.started(caller.pid, caller.kind, caller.slot)
    const beat = { ...caller, rssBytes: 7, loopLagMs: 120 }
    // Before its first report to this agent it stands for nothing.
    await call(workerMethods.beat, beat)
    expect(worker).toMatchObject({ heard: 1, report: undefined })
    const stats = { ...emptyStats, rss_bytes: 5, request_count: 3 }
    await call(workerMethods.report, { ...caller, stats, openCalls: [], openCallCount: 0 })
    await call(workerMethods.beat, beat)
    const told = { ...stats, rss_bytes: 7, loop_lag_ms: 120 }
    expect(worker).toMatchObject({ heard: 3, report: { stats: told } })
    expect(ledger.view(0).workers).toContainEqual(expect.objectContaining({ pid: caller.pid, rss_bytes: 7 }))
    // Nobody speaks for another.
    await call(workerMethods.beat, { ...beat, pid: 99 })
    await call(workerMethods.beat, { ...beat, slot: 1 })
    expect(worker.heard).toBe(3)
    expect(await refusal(call(workerMethods.beat, { ...beat, rssBytes: "7" }))).toMatchObject({
      code: "invalid_argument",
      message: "this is no beat of a worker",
    })
  })

  test("a full queue answers at once that nothing was queued", async () => {
    await using agent = await socket({ taskQueueMax: 1 })
    const call = await agent.connect()
    const message = { ...caller, task: "send", payload: 1, options }
    await call(workerMethods.queueTask, message)
    expect(await refusal(call(workerMethods.queueTask, message))).toMatchObject({
      code: "resource_exhausted",
      executed: "no",
    })
  })

  test("nobody can say whether a task is queued that could not be written", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    const blocker = openSqlite(agent.tasks)
    blocker.exec("begin immediate")
    try {
      const message = { ...caller, task: "send", payload: 1, options }
      expect(await refusal(call(workerMethods.queueTask, message))).toMatchObject({
        code: "internal",
        executed: "maybe",
        message: expect.stringContaining("database is locked"),
      })
    } finally {
      blocker.close()
    }
  })

  test("a service without task workers is told so", async () => {
    await using agent = await socket({ taskWorkers: 0 })
    const call = await agent.connect()
    expect(
      await refusal(call(workerMethods.queueTask, { ...caller, task: "send", payload: 1, options })),
    ).toMatchObject({
      code: "failed_precondition",
      executed: "no",
      message: "mailer@9000 has no task workers: set taskWorkers above 0",
    })
  })

  test("a message that is wrong is refused by the name of its field", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    const message = { ...caller, task: "send", payload: 1, options }
    for (const [over, field] of [
      [{ task: "" }, "task: must be 1 to 255 characters"],
      [{ options: { delayMs: -1 } }, "options.delayMs: must be a whole number from 0 to"],
      [{ options: { timeoutMs: 1 } }, "options.timeoutMs: must be a whole number from 100 to"],
      [{ options: { attemptsMax: 101 } }, "options.attemptsMax: must be a whole number from 1 to 100"],
    ] as const) {
      const error = await refusal(call(workerMethods.queueTask, { ...message, ...over }))
      expect(error).toMatchObject({ code: "invalid_argument", executed: "no", message: expect.stringContaining(field) })
    }
  })

  test("nobody speaks for a worker that the agent has not started, and no other worker takes tasks", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    for (const [method, message] of [
      [workerMethods.takeTask, { ...tasker, pid: 99 }],
      [workerMethods.queueTask, { ...caller, slot: 9, task: "send", payload: 1, options }],
      [workerMethods.takeTask, caller],
    ] as const)
      expect(await refusal(call(method, message))).toMatchObject({ code: "permission_denied" })
  })

  test("what a worker had taken goes to the next one when its process has ended", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    await call(workerMethods.queueTask, { ...caller, task: "send", payload: 1, options })
    await call(workerMethods.takeTask, tasker)
    agent.registry.remove(tasker.pid)
    agent.registry.add(13, tasker, ledger)
    expect(await call(workerMethods.takeTask, { ...tasker, pid: 13 })).toMatchObject({ payload: 1, attempt: 2 })
  })

  test("hundreds of tasks that are queued at once share their commits", async () => {
    await using agent = await socket()
    const call = await agent.connect()
    const all = Array.from({ length: 500 }, (_, n) =>
      call(workerMethods.queueTask, { ...caller, task: "send", payload: n, options }),
    )
    const ids = (await Promise.all(all)).map((queued) => (queued as { id: string }).id)
    expect(ids.toSorted()).toEqual(ids)
    for (let n = 0; n < 3; n++) expect(await call(workerMethods.takeTask, tasker)).toMatchObject({ payload: n })
  })
})
