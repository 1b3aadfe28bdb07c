import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { openSqlite } from "../../../src/platform/Sqlite.ts"
import { encode } from "../../../src/protocol/Encode.ts"
import { effect, failed, folder, fork, opened, type Queues, said, settings, taken } from "./TestQueues.ts"

const [one, two] = ["mailer@9000", "printer@9001"]
const both = [
  { name: one, settings },
  { name: two, settings },
]
const of = (name: string) => ({ name, pid: 11 })
const queue = (queues: Queues, name: string, payload: string, attemptsMax = 3) =>
  queues.queue(name, { task: "send", payload: encode(payload), options: { attemptsMax } })

describe("tasks of a renamed service", () => {
  effect(
    "stay with it when another takes its name at once, also after a restart of the agent",
    Effect.gen(function* () {
      const { open, openUntold } = yield* folder
      const { close, queues } = yield* open()
      yield* queues.assign(both)
      yield* queue(queues, one, "to be sent")
      yield* queue(queues, two, "to be printed")
      yield* queue(queues, two, "to be printed later")
      let isKnown = false
      const moves = [
        { from: one, to: two },
        { from: two, to: one },
      ]
      yield* queues.rename(moves, () => void (isKnown = true))
      expect(isKnown).toBe(true)
      expect([queues.counts(one).task_queue_num, queues.counts(two).task_queue_num]).toEqual([2, 1])
      expect((yield* taken(queues, of(two))).payload).toBe("to be sent")
      yield* close
      const after = yield* openUntold()
      yield* after.queues.assign(both)
      expect((yield* taken(after.queues, of(two))).payload).toBe("to be sent")
      expect((yield* taken(after.queues, of(one))).payload).toBe("to be printed")
      yield* after.close
    }),
  )

  effect(
    "are joined by those that a removed one of its new name has left, and a worker that waits gets them at once",
    Effect.gen(function* () {
      const { queues } = yield* opened
      yield* queues.assign(both)
      yield* queue(queues, two, "fails", 1)
      const { attempt, id } = yield* taken(queues, of(two))
      yield* queues.end(of(two), { id, attempt, error: failed })
      yield* queue(queues, two, "left")
      yield* queues.assign([{ name: one, settings }])
      const waiting = yield* fork(taken(queues, of(one)))
      yield* TestClock.adjust(0)
      yield* queues.rename([{ from: one, to: two }], () => undefined)
      yield* TestClock.adjust(0)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).payload).toBe("left")
      expect(queues.counts(two)).toEqual({ tasking_num: 1, task_queue_num: 0, task_dead_num: 1 })
    }),
  )

  effect(
    "wait under its former name when that could not be written, and its workers are known by the new one",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const { close, queues } = yield* open()
      yield* queue(queues, one, "kept")
      const blocker = openSqlite(path)
      blocker.exec("begin immediate")
      let isKnown = false
      yield* queues.rename([{ from: one, to: two }], () => void (isKnown = true))
      blocker.exec("rollback")
      blocker.close()
      expect(isKnown).toBe(true)
      expect(said()).toContain("tasks wait under the former name")
      expect(queues.counts(two).task_queue_num).toBe(0)
      expect((yield* taken(queues, of(one))).payload).toBe("kept")
      yield* close
    }),
  )
})
