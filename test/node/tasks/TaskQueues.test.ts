import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { encode } from "../../../src/protocol/Encode.ts"
import { taskTakeMs } from "../../../src/protocol/WorkerLink.ts"
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
  said,
  settings,
  taken,
  worker,
} from "./TestQueues.ts"

describe("a task queue", () => {
  effect(
    "gives tasks in the order in which they were queued, those that are put off by their time",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, "later", { delayMs: 1_000 })
      yield* queue(queues, "first")
      yield* queue(queues, { second: [1, new Uint8Array([2]), null] })
      expect(yield* taken(queues)).toMatchObject({ task: "send", payload: "first", attempt: 1, timeoutMs: 60_000 })
      expect((yield* taken(queues)).payload).toEqual({ second: [1, new Uint8Array([2]), null] })
      yield* nothing(queues)
      const waiting = yield* fork(taken(queues))
      yield* TestClock.adjust(999)
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      expect((yield* Fiber.join(waiting)).payload).toBe("later")
    }),
  )

  effect(
    "wakes one that waits as soon as a task is queued, and lets it go empty after a while",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const first = yield* fork(taken(queues))
      const second = yield* fork(queues.take(other))
      yield* queue(queues, 1)
      expect((yield* Fiber.join(first)).payload).toBe(1)
      yield* TestClock.adjust(taskTakeMs)
      expect(yield* Fiber.join(second)).toBeNull()
    }),
  )

  effect(
    "gives no task to one that has stopped waiting",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const gone = yield* fork(queues.take(worker))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(gone)
      yield* queue(queues, 1)
      expect((yield* taken(queues, other)).payload).toBe(1)
    }),
  )

  effect(
    "forgets a task that is done, and counts those that wait and run",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      yield* queue(queues, 2)
      const { attempt, id } = yield* taken(queues)
      expect(queues.counts(name)).toEqual({ tasking_num: 1, task_queue_num: 1, task_dead_num: 0 })
      yield* queues.end(worker, { id, attempt })
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 1, task_dead_num: 0 })
    }),
  )

  effect(
    "refuses a task above its limit at once, and one that nobody would run",
    Effect.gen(function* () {
      const { queues } = yield* opened
      // All in one tick: those that are being written count too.
      const all = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], (n) => Effect.result(queue(queues, n)), {
        concurrency: "unbounded",
      })
      expect(all.map(({ _tag }) => _tag)).toEqual([...Array<"Success">(5).fill("Success"), "Failure", "Failure"])
      expect((yield* Effect.flip(queue(queues, 8))).message).toBe(
        "5 tasks of mailer@9000 wait already, which is the most (taskQueueMax)",
      )
      // One that runs makes room.
      yield* taken(queues)
      yield* queue(queues, 9)
      yield* queues.assign([{ name, settings: { ...settings, taskQueueMax: 3 } }])
      expect((yield* Effect.flip(queue(queues, 10)))._tag).toBe("TaskQueueFull")
      yield* queues.assign([{ name, settings: { ...settings, taskWorkers: 0 } }])
      expect((yield* Effect.flip(queue(queues, 10)))._tag).toBe("NoTaskWorkers")
    }),
  )

  effect(
    "takes a task that is queued a second time by its id for the same one",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const task = { id: "01ARZ3NDEKTSV4RRFFQ69G5FAV", task: "send", payload: encode(1), options: {} }
      for (let time = 0; time < 2; time++) expect(yield* queues.queue(name, task)).toEqual({ id: task.id })
      expect(queues.counts(name).task_queue_num).toBe(1)
      expect((yield* taken(queues)).id).toBe(task.id)
      yield* nothing(queues)
    }),
  )

  effect(
    "refuses a task when those of the node take all of their room on the disk, until some are done",
    Effect.gen(function* () {
      const { open } = yield* folder
      const { close, queues } = yield* open({ taskQueueMax: 1_000 }, 300_000)
      const large = "x".repeat(10_000)
      let queued = 0
      let refused = yield* Effect.result(queue(queues, large))
      for (; refused._tag === "Success" && queued < 100; queued++) refused = yield* Effect.result(queue(queues, large))
      expect(queued).toBeWithin(15, 31)
      expect(refused).toMatchObject({
        failure: { _tag: "TaskQueueFull", message: expect.stringContaining("no more are queued above 300000") },
      })
      for (let n = 0; n < 5; n++) {
        const { attempt, id } = yield* taken(queues)
        yield* queues.end(worker, { id, attempt })
      }
      yield* queue(queues, large)
      yield* close
    }),
  )

  effect(
    "runs a task that failed again after a growing time, and then puts it with the dead letters",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, "poison")
      for (const [attempt, leastMs, mostMs] of [
        [1, 500, 1_000],
        [2, 1_000, 2_000],
      ] as const) {
        const task = yield* taken(queues)
        expect(task.attempt).toBe(attempt)
        yield* queues.end(worker, { id: task.id, attempt, error: failed })
        yield* TestClock.adjust(leastMs - 1)
        yield* nothing(queues)
        yield* TestClock.adjust(mostMs - leastMs + 1)
      }
      const last = yield* taken(queues)
      yield* queues.end(worker, { id: last.id, attempt: 3, error: failed })
      yield* TestClock.adjust("1 hour")
      yield* nothing(queues)
      const { counts, tasks } = yield* queues.list({ name, state: "dead", limit: 10 })
      expect(counts).toEqual({ waiting: 0, running: 0, dead: 1 })
      expect(tasks).toMatchObject([
        {
          task: "send",
          attempts: 3,
          attemptsMax: 3,
          payload: '"poison"',
          dueAt: null,
          error: "internal: no such mailbox",
        },
      ])
      expect(said()).toContain("run 3 of 3 failed, it is with the dead letters now: internal: no such mailbox")
    }),
  )

  effect(
    "takes a dead worker's tasks back at once, and counts the attempt",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      for (const attempt of [1, 2, 3]) {
        const task = yield* taken(queues)
        expect(task.attempt).toBe(attempt)
        yield* queues.workerGone(worker.pid)
      }
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 0, task_dead_num: 1 })
      expect((yield* queues.list({ name, state: "dead", limit: 1 })).tasks[0]?.error).toBe("its worker died")
    }),
  )

  effect(
    "leaves the tasks of the other workers alone when one dies, and gives the dead one nothing",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      const { attempt, id } = yield* taken(queues, other)
      const waiting = yield* fork(queues.take(worker))
      yield* TestClock.adjust(0)
      yield* queues.workerGone(worker.pid)
      yield* queue(queues, 2)
      expect((yield* taken(queues, other)).payload).toBe(2)
      yield* queues.end(other, { id, attempt })
      expect(queues.counts(name).tasking_num).toBe(1)
      yield* Fiber.interrupt(waiting)
    }),
  )

  effect(
    "takes a task back whose worker says nothing in time, and does not believe it any more",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1, { timeoutMs: 1_000 })
      const { id } = yield* taken(queues)
      yield* TestClock.adjust("6 seconds")
      const again = yield* fork(taken(queues, other))
      yield* TestClock.adjust("2 seconds")
      expect((yield* Fiber.join(again)).attempt).toBe(2)
      yield* queues.end(worker, { id, attempt: 1 })
      expect(said()).toContain("ended after its run 1 was taken back")
      expect(queues.counts(name).tasking_num).toBe(1)
      yield* queues.end(other, { id, attempt: 1 })
      expect(queues.counts(name).tasking_num).toBe(1)
      yield* queues.end(other, { id, attempt: 2 })
      expect(queues.counts(name).tasking_num).toBe(0)
    }),
  )

  effect(
    "lets a worker that leaves go, and does not count a run that it had to break off",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1, { attemptsMax: 1 })
      const { attempt, id } = yield* taken(queues)
      const waiting = yield* fork(queues.take(worker))
      const another = yield* fork(queues.take(other))
      yield* queues.leave(worker)
      expect(yield* Fiber.join(waiting)).toBeNull()
      yield* TestClock.adjust(0)
      expect(another.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(another)
      yield* queues.end(worker, { id, attempt, isCut: true })
      expect(yield* taken(queues, other)).toMatchObject({ id, attempt: 1 })
    }),
  )

  effect(
    "counts the end of a task once, though its worker says so twice and then dies while that is written",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1, { attemptsMax: 1 })
      const { attempt, id } = yield* taken(queues)
      const [first, second] = [
        yield* fork(queues.end(worker, { id, attempt })),
        yield* fork(queues.end(worker, { id, attempt })),
      ]
      yield* queues.workerGone(worker.pid)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 0, task_dead_num: 0 })
      expect(said()).not.toContain("failed")
    }),
  )

  effect(
    "believes nobody about a task that another worker took",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      const { id } = yield* taken(queues)
      yield* queues.end(other, { id, attempt: 1 })
      expect(queues.counts(name).tasking_num).toBe(1)
    }),
  )
})
