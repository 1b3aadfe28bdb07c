import { expect, test } from "bun:test"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { dataFolder, makeFolders } from "../../../src/node/DataFolder.ts"
import { Disk } from "../../../src/node/Disk.ts"
import { keyLimits } from "../../../src/node/keys/KeyWindow.ts"
import { AgentSocket } from "../../../src/node/supervisor/AgentSocket.ts"
import { Ledger } from "../../../src/node/supervisor/Ledger.ts"
import { WorkerRegistry } from "../../../src/node/supervisor/WorkerRegistry.ts"
import { taskMethods } from "../../../src/node/tasks/TaskMethods.ts"
import { TaskQueues } from "../../../src/node/tasks/TaskQueues.ts"
import { workerMethods } from "../../../src/protocol/WorkerLink.ts"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { temporaryFolder } from "../../support/muster.ts"

const one = { name: "bank@9000", kind: "calls", slot: 0, pid: 11 } as const
const two = { name: "bank@9000", kind: "calls", slot: 1, pid: 12 } as const
const stranger = { ...one, pid: 13 }

/** The agent's socket with two workers of one set, and a connection to it. */
const socket = async () => {
  const temporary = temporaryFolder("muster-keys-")
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
  const ledger = new Ledger({ startedAt: 0, keyWindowMs: () => 60_000, heartbeatTimeoutMs: () => 0 })
  for (const { pid, ...place } of [one, two]) registry.add(pid, place, ledger)
  await Effect.runPromise(registry.settle)
  const to = { path: Context.get(context, AgentSocket).path }
  const connection = await RpcConnection.open({ to, client: "test", service: "agent" })
  return {
    ledger,
    call: (method: string, message: unknown) => connection.call(method, [message], { timeoutMs: 5_000 }),
    [Symbol.asyncDispose]: async () => {
      connection.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      temporary[Symbol.dispose]()
    },
  }
}

test("a call under a key runs on one worker, and the others get what became of it", async () => {
  await using agent = await socket()
  const begin = (worker: object, request = "hash") =>
    agent.call(workerMethods.beginKey, { ...worker, key: "anna/1", request })
  expect(await begin(one)).toEqual({ state: "run" })
  expect(await begin(two)).toEqual({ state: "running", lost: false })
  expect(await begin(two, "other")).toEqual({ state: "mismatch" })
  const outcome = { ok: true, value: { balance: 12, note: "世界", raw: new Uint8Array([1, 2]) } }
  await agent.call(workerMethods.endKey, { ...one, key: "anna/1", outcome })
  expect(await begin(two)).toEqual({ state: "done", outcome })
})

test("a call whose answer was lost on the way may ask again, and another of its worker may not run it", async () => {
  await using agent = await socket()
  const begin = (call: number) =>
    agent.call(workerMethods.beginKey, { ...one, key: "k".repeat(1_024), request: "hash", call })
  expect(await begin(7)).toEqual({ state: "run" })
  expect(await begin(7)).toEqual({ state: "run" })
  expect(await begin(8)).toEqual({ state: "running", lost: false })
})

test("a call under a key is refused, and does not run, when as many run under keys as may", async () => {
  await using agent = await socket()
  for (let nth = 0; nth < keyLimits.keys; nth++) agent.ledger.keys.begin(one, `${nth}`, "hash", performance.now())
  const refused = agent.call(workerMethods.beginKey, { ...one, key: "one more", request: "hash" })
  await expect(refused).rejects.toMatchObject({ code: "resource_exhausted", executed: "no" })
})

test("of a worker that has died with a call under a key nobody knows what became of it", async () => {
  await using agent = await socket()
  const begin = (worker: object) => agent.call(workerMethods.beginKey, { ...worker, key: "anna/1", request: "hash" })
  await begin(one)
  agent.ledger.gone(one.pid, performance.now())
  expect(await begin(two)).toEqual({ state: "running", lost: true })
})

test("messages about keys that are out of form, or from strangers, are refused", async () => {
  await using agent = await socket()
  const refusal = (method: string, message: object) =>
    agent.call(method, message).then(
      () => undefined,
      (error: unknown) => error,
    )
  const { beginKey, endKey } = workerMethods
  const begin = { ...one, key: "k", request: "hash" }
  expect(await refusal(beginKey, { ...begin, ...stranger })).toMatchObject({ code: "permission_denied" })
  expect(await refusal(beginKey, { ...begin, key: "" })).toMatchObject({ message: "key: must not be empty" })
  expect(await refusal(beginKey, { ...begin, key: "k".repeat(1_025) })).toMatchObject({ code: "invalid_argument" })
  expect(await refusal(beginKey, { ...begin, request: "h".repeat(257) })).toMatchObject({ code: "invalid_argument" })
  expect(await refusal(endKey, { ...one, key: "k", outcome: { ok: "yes" } })).toMatchObject({
    code: "invalid_argument",
  })
})
