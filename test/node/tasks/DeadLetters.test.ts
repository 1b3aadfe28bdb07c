import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { deadTasksMax } from "../../../src/domain/Task.ts"
import { openSqlite } from "../../../src/platform/Sqlite.ts"
import { effect, failed, folder, fork, name, opened, queue, type Queues, taken, worker } from "./TestQueues.ts"

describe("dead letters", () => {
  const bury = Effect.fnUntraced(function* (queues: Queues, payload: unknown) {
    yield* queue(queues, payload, { attemptsMax: 1 })
    const { attempt, id } = yield* taken(queues)
    yield* queues.end(worker, { id, attempt, error: failed })
    return id
  })

  effect(
    "are queued again with all their attempts, or thrown away",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const [one, two, three] = [yield* bury(queues, 1), yield* bury(queues, 2), yield* bury(queues, 3)]
      expect(yield* queues.requeue({ name, ids: [two, "no such", two] })).toBe(1)
      expect((yield* queues.list({ name, state: "waiting", limit: 1 })).tasks).toMatchObject([{ id: two, error: null }])
      expect(yield* taken(queues)).toMatchObject({ id: two, attempt: 1 })
      expect(yield* queues.discard({ name, ids: [three, two] })).toBe(1)
      expect((yield* queues.list({ name, state: "dead", limit: 10 })).tasks.map(({ id }) => id)).toEqual([one])
      expect(yield* queues.requeue({ name, ids: "all" })).toBe(1)
      expect((yield* taken(queues)).id).toBe(one)
      yield* bury(queues, 4)
      expect(yield* queues.discard({ name, ids: "all" })).toBe(1)
      expect(queues.counts(name)).toEqual({ tasking_num: 2, task_queue_num: 0, task_dead_num: 0 })
    }),
  )

  effect(
    "are queued again only as far as there is room, the oldest first",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const ids: Array<string> = []
      for (const n of [1, 2, 3, 4, 5, 6, 7]) {
        ids.push(yield* bury(queues, n))
        yield* TestClock.adjust(1)
      }
      yield* queue(queues, "waits")
      expect(yield* queues.requeue({ name, ids: "all" })).toBe(4)
      expect((yield* queues.list({ name, state: "dead", limit: 10 })).tasks.map(({ id }) => id)).toEqual(ids.slice(4))
      expect(yield* queues.requeue({ name, ids })).toBe(0)
    }),
  )

  effect(
    "are run at once by a worker that waits when they are queued again",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const id = yield* bury(queues, 1)
      const waiting = yield* fork(taken(queues))
      yield* TestClock.adjust(0)
      yield* queues.requeue({ name, ids: [id] })
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).id).toBe(id)
    }),
  )

  effect(
    "say why they failed in no more than 4096 characters",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1, { attemptsMax: 1 })
      const { attempt, id } = yield* taken(queues)
      yield* queues.end(worker, { id, attempt, error: { ...failed, message: "x".repeat(10_000) } })
      const { tasks } = yield* queues.list({ name, state: "dead", limit: 1 })
      expect(tasks.map(({ error }) => error?.length)).toEqual([4_096])
    }),
  )

  effect(
    "are kept up to a limit: the oldest goes for a newer one",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      yield* Effect.flatMap(open(), ({ close }) => close)
      const file = openSqlite(path)
      const insert = file.prepare(
        "insert into task values (?, ?, 'send', x'01', 1, 1, 1, 1000, ?, 0, null, 'it failed')",
      )
      file.transaction(() => {
        for (let n = 0; n < deadTasksMax; n++) insert.run(`0${String(n).padStart(5, "0")}`, name, -n)
      })
      file.close()
      const { close, queues } = yield* open()
      const id = yield* bury(queues, 1)
      expect(queues.counts(name).task_dead_num).toBe(deadTasksMax)
      expect(yield* queues.discard({ name, ids: [`0${deadTasksMax - 1}`.padStart(6, "0")] })).toBe(0)
      expect(yield* queues.discard({ name, ids: [id] })).toBe(1)
      yield* close
    }),
  )

  effect(
    "and all others are listed page by page",
    Effect.gen(function* () {
      const { queues } = yield* opened
      for (const n of [1, 2, 3, 4, 5]) yield* queue(queues, n)
      const running = yield* taken(queues)
      const first = yield* queues.list({ name, state: "waiting", limit: 2 })
      expect(first.tasks.map(({ payload }) => payload)).toEqual(["2", "3"])
      const rest = yield* queues.list({ name, state: "waiting", limit: 9, after: first.tasks[1]?.id ?? "" })
      expect(rest.tasks.map(({ payload }) => payload)).toEqual(["4", "5"])
      const now = yield* queues.list({ name, state: "running", limit: 9 })
      expect(now.tasks).toMatchObject([{ id: running.id, state: "running", attempts: 1, dueAt: null }])
      expect((yield* Effect.flip(queues.list({ name: "other@1", state: "dead", limit: 1 })))._tag).toBe("NoSuchTasks")
    }),
  )

  effect(
    "are on one page only, whichever of them run",
    Effect.gen(function* () {
      const { queues } = yield* opened
      for (const n of [1, 2]) yield* queue(queues, n, { delayMs: 60_000 })
      for (const n of [3, 4, 5]) yield* queue(queues, n)
      const ids = [(yield* taken(queues)).id, (yield* taken(queues)).id, (yield* taken(queues)).id]
      const running = (after: string) =>
        Effect.map(queues.list({ name, state: "running", limit: 2, after }), ({ tasks }) => tasks.map(({ id }) => id))
      expect(yield* running("")).toEqual(ids.slice(0, 2))
      expect(yield* running(ids[1]!)).toEqual(ids.slice(2))
      const { tasks } = yield* queues.list({ name, state: "waiting", limit: 1 })
      expect(tasks.map(({ payload }) => payload)).toEqual(["1"])
    }),
  )

  effect(
    "show no more of a payload than a page can hold",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, "x".repeat(10_000))
      yield* queue(queues, "x".repeat(100_000))
      const { tasks } = yield* queues.list({ name, state: "waiting", limit: 2 })
      expect(tasks.map(({ payload }) => payload.length)).toEqual([4_096, "(100005 bytes)".length])
    }),
  )
})
