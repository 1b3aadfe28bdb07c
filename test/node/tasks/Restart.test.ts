import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { openSqlite } from "../../../src/platform/Sqlite.ts"
import { effect, failed, folder, fork, name, opened, queue, said, settings, taken, worker } from "./TestQueues.ts"

describe("after a restart of the agent", () => {
  effect(
    "all is there again, and what ran waits; its attempt does not count",
    Effect.gen(function* () {
      const { open } = yield* folder
      const before = yield* open({ taskAttemptsMax: 1 })
      const ran = yield* queue(before.queues, "ran")
      const waited = yield* queue(before.queues, "waited")
      yield* queue(before.queues, "put off", { delayMs: 5_000 })
      expect((yield* taken(before.queues)).id).toBe(ran.id)
      yield* before.close
      const after = yield* open()
      expect(after.queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 3, task_dead_num: 0 })
      expect(yield* taken(after.queues)).toMatchObject({ id: ran.id, attempt: 1 })
      expect(yield* taken(after.queues)).toMatchObject({ id: waited.id, attempt: 1 })
      const later = yield* fork(taken(after.queues))
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(later)).payload).toBe("put off")
      yield* after.close
    }),
  )

  effect(
    "attempts that failed before still count",
    Effect.gen(function* () {
      const { open } = yield* folder
      const before = yield* open()
      yield* queue(before.queues, 1)
      const { attempt, id } = yield* taken(before.queues)
      yield* before.queues.end(worker, { id, attempt, error: failed })
      yield* before.close
      const after = yield* open()
      const again = yield* fork(taken(after.queues))
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(again)).attempt).toBe(2)
      yield* after.close
    }),
  )

  const damage: ReadonlyArray<readonly [string, (path: string) => void]> = [
    ["is no database", (path) => writeFileSync(path, "half a ta")],
    ["was cut off in the middle", (path) => truncateSync(path, 9_000)],
    [
      "has a broken page",
      (path) => {
        const bytes = readFileSync(path)
        bytes.fill(0x5a, 8_192, 16_384)
        writeFileSync(path, bytes)
      },
    ],
  ]
  for (const [what, harm] of damage)
    effect(
      `a file that ${what} is set aside, and the queue goes on`,
      Effect.gen(function* () {
        const { open, path } = yield* folder
        const before = yield* open({ taskQueueMax: 100 })
        for (let n = 0; n < 50; n++) yield* queue(before.queues, "x".repeat(1_000))
        yield* before.close
        harm(path)
        const after = yield* open()
        expect(said()).toMatch(
          /Error .*tasks\.db is damaged and was set aside as .*tasks\.db\.corrupt: .*; its tasks don't run/,
        )
        expect(existsSync(`${path}.corrupt`)).toBe(true)
        yield* queue(after.queues, "goes on")
        expect((yield* taken(after.queues)).payload).toBe("goes on")
        yield* after.close
      }),
    )

  effect(
    "a task whose payload can't be read goes to the dead letters, and those behind it run",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const before = yield* open()
      const { id } = yield* queue(before.queues, "spoilt")
      yield* queue(before.queues, "next")
      yield* before.close
      const file = openSqlite(path)
      file.prepare("update task set payload = x'ff' where id = ?").run(id)
      file.close()
      const after = yield* open()
      expect((yield* taken(after.queues)).payload).toBe("next")
      yield* TestClock.adjust(0)
      expect((yield* after.queues.list({ name, state: "dead", limit: 1 })).tasks).toMatchObject([{ id }])
      yield* after.close
    }),
  )
})

describe("tasks of a process set that was taken from the node", () => {
  effect(
    "wait for its return, and run then",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queue(queues, 1)
      yield* queues.assign([])
      expect(said()).toContain("1 tasks of it wait and 0 are dead letters: they are kept for 7 days")
      const asking = yield* fork(taken(queues))
      yield* TestClock.adjust(10)
      expect(asking.pollUnsafe()).toBeUndefined()
      expect((yield* Effect.flip(queue(queues, 2)))._tag).toBe("NoTaskWorkers")
      yield* queues.assign([{ name, settings }])
      expect((yield* Fiber.join(asking)).payload).toBe(1)
    }),
  )

  effect(
    "are thrown away after a week, also when the agent was restarted meanwhile",
    Effect.gen(function* () {
      const { open } = yield* folder
      const before = yield* open()
      yield* queue(before.queues, 1)
      yield* before.queues.assign([])
      yield* before.close
      yield* TestClock.adjust("4 days")
      const after = yield* open()
      yield* after.queues.assign([])
      yield* TestClock.adjust("4 days")
      // It was there again in between, so the week began anew.
      expect(after.queues.counts(name).task_queue_num).toBe(1)
      yield* TestClock.adjust("4 days")
      expect(after.queues.counts(name).task_queue_num).toBe(0)
      expect(said()).toContain("1 waiting tasks and 0 dead letters were thrown away, as announced")
      yield* after.close
    }),
  )

  effect(
    "stay when their service came back while that could not be written",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const { close, queues } = yield* open()
      yield* queue(queues, "kept")
      yield* queues.assign([])
      const blocker = openSqlite(path)
      blocker.exec("begin immediate")
      yield* queues.assign([{ name, settings }])
      expect(said()).toContain("is locked")
      blocker.exec("rollback")
      blocker.close()
      yield* TestClock.adjust("8 days")
      expect(queues.counts(name).task_queue_num).toBe(1)
      // Taken away again, they have the whole week.
      yield* queues.assign([])
      yield* TestClock.adjust("6 days")
      yield* queues.assign([{ name, settings }])
      expect((yield* taken(queues)).payload).toBe("kept")
      yield* close
    }),
  )

  effect(
    "have no more than their week, however often the agent is restarted, and are thrown away once",
    Effect.gen(function* () {
      const { open, openUntold } = yield* folder
      const before = yield* open()
      yield* queue(before.queues, 1)
      yield* before.queues.assign([])
      yield* before.close
      yield* TestClock.adjust("4 days")
      const after = yield* openUntold()
      yield* after.queues.assign([])
      yield* TestClock.adjust("4 days")
      expect(after.queues.counts(name).task_queue_num).toBe(0)
      yield* after.close
      const last = yield* openUntold()
      yield* last.queues.assign([])
      yield* TestClock.adjust("1 day")
      expect(said().match(/were thrown away/g)).toHaveLength(1)
      yield* last.close
    }),
  )

  effect(
    "are counted and shown on, one that is being written and the dead letters too",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const last = yield* fork(queue(queues, "last"))
      yield* queues.assign([])
      yield* Fiber.join(last)
      expect(queues.counts(name).task_queue_num).toBe(1)
      yield* queues.assign([{ name, settings: { ...settings, taskAttemptsMax: 1 } }])
      const { attempt, id } = yield* taken(queues)
      expect(queues.counts(name)).toEqual({ tasking_num: 1, task_queue_num: 0, task_dead_num: 0 })
      for (let run = attempt; run <= 3; run++) {
        yield* queues.end(worker, { id, attempt: run, error: failed })
        if (run === 3) break
        const again = yield* fork(taken(queues))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(again)
      }
      yield* queues.assign([])
      expect((yield* queues.list({ name, state: "dead", limit: 1 })).tasks).toMatchObject([{ id }])
    }),
  )

  effect(
    "are given to a worker that has waited since before their service came back",
    Effect.gen(function* () {
      const { queues } = yield* opened
      const waiting = yield* fork(taken(queues))
      yield* TestClock.adjust(0)
      yield* queues.assign([])
      yield* queues.assign([{ name, settings }])
      yield* queue(queues, 1)
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).payload).toBe(1)
    }),
  )
})
