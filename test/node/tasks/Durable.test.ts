import { describe, expect, test } from "bun:test"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { openSqlite } from "../../../src/platform/Sqlite.ts"
import { temporaryFolder } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { effect, failed, folder, fork, name, queue, said, taken, worker } from "./TestQueues.ts"

describe("what was said to be queued", () => {
  test("is in the file when the agent is killed at that moment, whole, each time", async () => {
    using temporary = temporaryFolder("muster-tasks-")
    const path = join(temporary.path, "tasks.db")
    const acked = new Set<string>()
    for (let round = 1; round <= 5; round++) {
      const child = Bun.spawn([process.execPath, join(import.meta.dirname, "fixtures/queuer.ts"), path], {
        stdout: "pipe",
        stderr: "inherit",
      })
      let output = ""
      const read = (async () => {
        const decoder = new TextDecoder()
        for await (const chunk of child.stdout) output += decoder.decode(chunk, { stream: true })
      })()
      await waitFor(() => output.length > 27 * 100 * round, { timeoutMs: 20_000 })
      child.kill("SIGKILL")
      await Promise.all([child.exited, read])
      // The last line may be cut off.
      for (const id of output.split("\n").slice(0, -1)) acked.add(id)
    }
    const file = openSqlite(path)
    const ids = new Set(
      file
        .prepare("select id from task")
        .all()
        .map((row) => (row as { readonly id: string }).id),
    )
    const [health] = file.prepare("pragma integrity_check").all()
    file.close()
    expect(health).toMatchObject({ integrity_check: "ok" })
    expect(acked.size).toBeGreaterThan(1_000)
    expect([...acked].filter((id) => !ids.has(id))).toEqual([])
  }, 60_000)
})

describe("while the file can't be written", () => {
  effect(
    "nothing is queued and nothing is lost, and it goes on as soon as it can",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const { close, queues } = yield* open()
      yield* queue(queues, "before")
      const { attempt, id } = yield* taken(queues)
      // Somebody else writes to it, and does not come to an end.
      const other = openSqlite(path)
      other.exec("begin immediate")
      const refused = yield* Effect.flip(queue(queues, "meanwhile"))
      expect(refused._tag).toBe("TaskStoreFailed")
      expect(refused.message).toContain("database is locked")
      expect(said()).toContain("database is locked")
      expect(Exit.isFailure(yield* Effect.exit(queues.end(worker, { id, attempt })))).toBe(true)
      expect(queues.counts(name)).toEqual({ tasking_num: 1, task_queue_num: 0, task_dead_num: 0 })
      yield* queues.workerGone(worker.pid)
      other.exec("rollback")
      other.close()
      // What became of it could not be written: so it is looked at again, and runs again.
      yield* TestClock.adjust("6 seconds")
      const again = yield* fork(taken(queues))
      yield* TestClock.adjust("2 seconds")
      const task = yield* Fiber.join(again)
      expect(task).toMatchObject({ id, attempt: 2 })
      yield* queue(queues, "after")
      yield* queues.end(worker, { id, attempt: 2 })
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 1, task_dead_num: 0 })
      // What was refused takes no room of the five.
      for (let n = 2; n <= 5; n++) yield* queue(queues, n)
      expect(queues.counts(name).task_queue_num).toBe(5)
      yield* close
    }),
  )

  effect(
    "a last run that failed is not forgotten: it is with the dead letters as soon as it can be",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const { close, queues } = yield* open()
      yield* queue(queues, "poison", { attemptsMax: 1 })
      const { attempt, id } = yield* taken(queues)
      const other = openSqlite(path)
      other.exec("begin immediate")
      expect(Exit.isFailure(yield* Effect.exit(queues.end(worker, { id, attempt, error: failed })))).toBe(true)
      other.exec("rollback")
      other.close()
      yield* TestClock.adjust("6 seconds")
      expect(queues.counts(name)).toEqual({ tasking_num: 0, task_queue_num: 0, task_dead_num: 1 })
      yield* close
    }),
  )

  effect(
    "nor read, tasks wait, and are given out as soon as it can",
    Effect.gen(function* () {
      const { open, path } = yield* folder
      const { close, queues } = yield* open()
      yield* queue(queues, 1)
      const other = openSqlite(path)
      other.exec("alter table task rename to moved")
      const waiting = yield* fork(taken(queues))
      yield* TestClock.adjust("1 second")
      expect(waiting.pollUnsafe()).toBeUndefined()
      expect(said()).toContain("no such table")
      other.exec("alter table moved rename to task")
      other.close()
      yield* TestClock.adjust("5 seconds")
      expect(waiting.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(waiting)).payload).toBe(1)
      yield* close
    }),
  )
})
