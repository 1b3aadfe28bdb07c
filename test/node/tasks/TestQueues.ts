import { expect } from "bun:test"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { TaskQueues } from "../../../src/node/tasks/TaskQueues.ts"
import type { TaskSettings } from "../../../src/node/tasks/TaskSet.ts"
import { encode } from "../../../src/protocol/Encode.ts"
import { it } from "../../support/effect.ts"
import { temporaryFolder } from "../../support/muster.ts"

export const name = "mailer@9000"
export const worker = { name, pid: 11 }
export const other = { name, pid: 12 }
export const settings: TaskSettings = { taskWorkers: 2, taskQueueMax: 5, taskTimeoutMs: 60_000, taskAttemptsMax: 3 }

let logs: Array<string> = []
const log = Logger.layer([Logger.make(({ logLevel, message }) => void logs.push(`${logLevel} ${String(message)}`))])
export const said = () => logs.join("\n")

export const effect = <E>(sentence: string, run: Effect.Effect<void, E, Scope.Scope>) =>
  it.effect(
    sentence,
    Effect.suspend(() => {
      logs = []
      return Effect.provide(run, log)
    }),
  )

/** A data folder in which queues are opened and closed, as by an agent that is restarted. */
export const folder = Effect.gen(function* () {
  const temporary = yield* Effect.acquireRelease(
    Effect.sync(() => temporaryFolder("muster-tasks-")),
    (made) => Effect.sync(() => made[Symbol.dispose]()),
  )
  const path = join(temporary.path, "tasks.db")
  /** Nobody has said yet what the node runs. */
  const openUntold = (bytesMax?: number) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const queues = Context.get(yield* Layer.buildWithScope(TaskQueues.layer(path, bytesMax), scope), TaskQueues)
      return { queues, close: Scope.close(scope, Exit.void) }
    })
  const open = (over: Partial<TaskSettings> = {}, bytesMax?: number) =>
    Effect.tap(openUntold(bytesMax), ({ queues }) => queues.assign([{ name, settings: { ...settings, ...over } }]))
  return { path, open, openUntold }
})

export const opened = Effect.gen(function* () {
  const { open } = yield* folder
  const { close, queues } = yield* open()
  yield* Effect.addFinalizer(() => close)
  return { queues }
})

export type Queues = TaskQueues["Service"]

export const queue = (queues: Queues, payload: unknown, options: Parameters<Queues["queue"]>[1]["options"] = {}) =>
  queues.queue(name, { task: "send", payload: encode(payload), options })

export const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

/** Takes what is due now. */
export const taken = (queues: Queues, by = worker) =>
  queues
    .take(by)
    .pipe(
      Effect.flatMap((task) =>
        task === null ? Effect.die(new Error("there was no task to take")) : Effect.succeed(task),
      ),
    )

/** Nothing is due: whoever asks now goes away empty. */
export const nothing = Effect.fnUntraced(function* (queues: Queues) {
  const asking = yield* fork(queues.take(other))
  yield* TestClock.adjust(0)
  expect(asking.pollUnsafe()).toBeUndefined()
  yield* Fiber.interrupt(asking)
})

export const failed = { code: "internal", message: "no such mailbox" }
