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
      const [begun] = yield* jobs.current
      const by = begun?.by
      expect(refused).toMatchObject([
        { _tag: "Failure", failure: { _tag: "BulkRunning", by } },
        { _tag: "Failure", failure: { _tag: "BulkRunning", by } },
      ])
      if (first?._tag !== "Success") throw new Error("none began")
      const fiber = yield* Effect.forkChild(first.success.run)
      // Not in the way, and not for it.
      const beside = yield* jobs.beside({
        ...work("cli"),
        one: (target) => Effect.succeed({ ...target, state: "done", reason: null }),
      })
      expect((yield* beside).map(({ name }) => name)).toEqual(["one", "two"])
      const [own, other, ...more] = yield* jobs.current
      expect(own).toMatchObject({ by, endedAt: null })
      expect(other).toMatchObject({ by: "cli", items: [{ state: "done" }, { state: "done" }] })
      expect(other?.endedAt).not.toBeNull()
      expect(more).toEqual([])
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.join(fiber)
      const done = { by, items: [{ state: "done" }, { state: "done" }] }
      expect(yield* jobs.current).toMatchObject([done, { by: "cli" }])
      expect(yield* first.success.job).toMatchObject(done)
      yield* (yield* jobs.begin(work("dan"))).run
      expect((yield* jobs.current).map(({ by }) => by)).toEqual(["dan"])
    }),
  ))

test("what programs begin at the same time is seen, up to a number, and a person waits for it", () =>
  run(
    Effect.gen(function* () {
      const jobs = yield* bulkJobs<"go", string>("services")
      const open = yield* Deferred.make<void>()
      const work = (by: string) => ({
        action: "go" as const,
        by,
        targets: targets.slice(0, 1),
        one: (target: (typeof targets)[number]) =>
          Effect.as(Deferred.await(open), { ...target, state: "done" as const, reason: null }),
      })
      const all = yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (by) => jobs.beside(work(by)))
      const fibers = yield* Effect.forEach(all, (one) => Effect.forkChild(one))
      expect((yield* jobs.current).map(({ by }) => by)).toEqual(["a", "b", "c", "d", "e"])
      expect(yield* Effect.flip(jobs.begin(work("ann")))).toMatchObject({ _tag: "BulkRunning", by: "a" })
      yield* jobs.close
      expect(yield* jobs.current).toHaveLength(5)
      yield* Deferred.succeed(open, undefined)
      for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toMatchObject([{ state: "done" }])
      yield* jobs.close
      expect(yield* jobs.current).toEqual([])
    }),
  ))
