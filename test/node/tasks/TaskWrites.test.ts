import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { join } from "node:path"
import { openTaskStore } from "../../../src/node/tasks/TaskStore.ts"
import { makeTaskWrites } from "../../../src/node/tasks/TaskWrites.ts"
import { encode } from "../../../src/protocol/Encode.ts"
import { temporaryFolder } from "../../support/muster.ts"
import { effect, name, said } from "./TestQueues.ts"

const task = (id: string) => ({
  id,
  name,
  task: "send",
  attempts_max: 1,
  timeout_ms: 1_000,
  due_at: 0,
  queued_at: 0,
  traceparent: null,
})

const opened = Effect.gen(function* () {
  const temporary = yield* Effect.acquireRelease(
    Effect.sync(() => temporaryFolder("muster-tasks-")),
    (made) => Effect.sync(() => made[Symbol.dispose]()),
  )
  const path = join(temporary.path, "tasks.db")
  const store = yield* openTaskStore(path)
  return { store, write: yield* makeTaskWrites(store, path) }
})

describe("writes of one tick", () => {
  effect(
    "share a commit",
    Effect.gen(function* () {
      const { store, write } = yield* opened
      let commits = 0
      const { transaction } = store
      Object.assign(store, {
        transaction: (act: () => void) => {
          commits++
          transaction(act)
        },
      })
      const done: Array<string> = []
      const ids = Array.from({ length: 100 }, (_, n) => `t${n}`)
      yield* Effect.forEach(
        ids,
        (id) => write({ run: () => store.insert(task(id), encode(1)), done: () => void done.push(id) }),
        { concurrency: "unbounded", discard: true },
      )
      expect(done).toEqual(ids)
      expect(commits).toBeLessThan(5)
      expect(store.counted()).toEqual([{ name, number: 100, isDead: false }])
    }),
  )

  effect(
    "don't suffer from one among them that can't be written",
    Effect.gen(function* () {
      const { store, write } = yield* opened
      const undone: Array<string> = []
      const results = yield* Effect.forEach(
        ["a", "b", "nameless", "c"],
        (id) =>
          Effect.result(
            write({
              run: () =>
                store.insert({ ...task(id), ...(id === "nameless" ? { name: null as never } : {}) }, encode(1)),
              done: () => undefined,
              undone: () => void undone.push(id),
            }),
          ),
        { concurrency: "unbounded" },
      )
      expect(results.map(({ _tag }) => _tag)).toEqual(["Success", "Success", "Failure", "Success"])
      expect(undone).toEqual(["nameless"])
      expect(said()).toContain("NOT NULL")
      expect(store.counted()).toEqual([{ name, number: 3, isDead: false }])
    }),
  )
})
