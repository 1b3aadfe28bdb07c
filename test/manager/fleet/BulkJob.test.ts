import { expect, test } from "bun:test"
import { Deferred, Effect, Fiber } from "effect"
import { bulkJobs } from "../../../src/manager/fleet/BulkJob.ts"
import { Changes } from "../../../src/manager/fleet/Changes.ts"

const targets = [
  { id: "1", name: "one" },
  { id: "2", name: "two" },
]
const run = <A, E>(effect: Effect.Effect<A, E, Changes>) => Effect.runPromise(Effect.provide(effect, Changes.layer))

test("of those that begin at the same moment exactly one does", () =>
  run(
    Effect.gen(function* () {
      const jobs = yield* bulkJobs<"go", string>("services")
      const open = yield* Deferred.make<void>()
      const work = (by: string) => ({
        action: "go" as const,
        by,
        targets,
        one: (target: (typeof targets)[number]) =>
          Effect.as(Deferred.await(open), { ...target, state: "done" as const, reason: null }),
      })
      const began = yield* Effect.forEach(["ann", "ben", "cem"], (by) => Effect.result(jobs.begin(work(by))), {
        concurrency: "unbounded",
      })
      const [first, ...refused] = began.toSorted((a, b) => Number(a._tag === "Failure") - Number(b._tag === "Failure"))
      const by = (yield* jobs.current)?.by
      expect(refused).toMatchObject([
        { _tag: "Failure", failure: { _tag: "BulkRunning", by } },
        { _tag: "Failure", failure: { _tag: "BulkRunning", by } },
      ])
      if (first?._tag !== "Success") throw new Error("none began")
      const fiber = yield* Effect.forkChild(first.success)
      // Not seen, and not in the way.
      const beside = yield* jobs.beside({
        ...work("cli"),
        one: (target) => Effect.succeed({ ...target, state: "done", reason: null }),
      })
      expect((yield* beside).map(({ name }) => name)).toEqual(["one", "two"])
      expect(yield* jobs.current).toMatchObject({ by, endedAt: null })
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.join(fiber)
      expect(yield* jobs.current).toMatchObject({ by, items: [{ state: "done" }, { state: "done" }] })
      yield* yield* jobs.begin(work("dan"))
      expect((yield* jobs.current)?.by).toBe("dan")
    }),
  ))
