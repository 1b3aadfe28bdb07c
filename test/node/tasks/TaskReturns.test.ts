import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  effect,
  failed,
  folder,
  fork,
  name,
  nothing,
  opened,
  other,
  queue,
  settings,
  taken,
  worker,
} from "./TestQueues.ts"

/** Queues of an agent that has come after another, whose task worker lives on. */
const after = Effect.gen(function* () {
  const { open, openUntold } = yield* folder
  const before = yield* open()
  const { id } = yield* queue(before.queues, "held")
  yield* taken(before.queues)
  yield* before.close
  const { close, queues } = yield* openUntold()
  yield* Effect.addFinalizer(() => close)
  yield* queues.expect(worker)
  yield* queues.assign([{ name, settings }])
  return { queues, id }
})

describe("a worker of an agent before this one", () => {
  effect(
    "goes on with its task, and nothing is given out before it has said so",
    Effect.gen(function* () {
      const { id, queues } = yield* after
      yield* queue(queues, "next")
      const waiting = yield* fork(taken(queues, other))
      yield* TestClock.adjust("1 second")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* queues.resume(worker, { id, attempt: 1 })
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).payload).toBe("next")
      expect(queues.counts(name)).toEqual({ tasking_num: 2, task_queue_num: 0, task_dead_num: 0 })
      yield* queues.end(worker, { id, attempt: 1 })
      expect(queues.counts(name)).toEqual({ tasking_num: 1, task_queue_num: 0, task_dead_num: 0 })
    }),
  )

  effect(
    "is not waited for when it has died",
    Effect.gen(function* () {
      const { id, queues } = yield* after
      const waiting = yield* fork(taken(queues, other))
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* queues.workerGone(worker.pid)
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).id).toBe(id)
    }),
  )

  effect(
    "does not have a task whose run was written to have failed, which nobody could tell it",
    Effect.gen(function* () {
      const { open, openUntold } = yield* folder
      const before = yield* open()
      const { id } = yield* queue(before.queues, 1)
      yield* taken(before.queues)
      yield* before.queues.end(worker, { id, attempt: 1, error: failed })
      yield* before.close
      const { close, queues } = yield* openUntold()
      yield* queues.expect(worker)
      yield* queues.assign([{ name, settings }])
      yield* queues.resume(worker, { id, attempt: 1 })
      expect(queues.counts(name).tasking_num).toBe(0)
      const again = yield* fork(taken(queues, other))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(again)).toMatchObject({ id, attempt: 2 })
      yield* close
    }),
  )
})

describe("a worker whose link was lost", () => {
  effect(
    "gives back a task that it never got, and nobody else's",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, "lost")
      yield* queue(queues, "kept")
      const { id } = yield* taken(queues)
      const kept = yield* taken(queues, other)
      yield* queues.resume(worker, undefined)
      expect(yield* taken(queues, { name, pid: 13 })).toMatchObject({ id, attempt: 1 })
      yield* nothing(queues)
      yield* queues.end(other, { id: kept.id, attempt: 1 })
      expect(queues.counts(name)).toEqual({ tasking_num: 1, task_queue_num: 0, task_dead_num: 0 })
    }),
  )

  effect(
    "keeps the task that it says it has",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      const { id } = yield* taken(queues)
      yield* queues.resume(worker, { id, attempt: 1 })
      yield* nothing(queues)
      yield* queues.end(worker, { id, attempt: 1 })
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 0, task_dead_num: 0 })
    }),
  )
})
