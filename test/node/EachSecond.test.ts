import { expect, test } from "bun:test"
import { Deferred, Effect, Exit, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { EachSecond, type Moment } from "../../src/node/EachSecond.ts"

const ticking = <A, E>(body: Effect.Effect<A, E, EachSecond | Scope.Scope>) => {
  const said: Array<string> = []
  const logger = Logger.make(({ message }) => void said.push(String(message)))
  const layers = EachSecond.layer.pipe(
    Layer.provideMerge(TestClock.layer()),
    Layer.provideMerge(Logger.layer([logger])),
  )
  return body.pipe(
    Effect.provide(layers),
    Effect.scoped,
    Effect.map((value) => ({ value, said })),
    Effect.runPromise,
  )
}

test("all look at each whole second, with its time", async () => {
  const { value } = await ticking(
    Effect.gen(function* () {
      const seconds = yield* EachSecond
      const seen: Array<Moment> = []
      yield* TestClock.adjust(300)
      yield* seconds.look("look", (moment) => void seen.push(moment))
      yield* TestClock.adjust(700)
      yield* TestClock.adjust(999)
      yield* TestClock.adjust(1)
      return seen.map(({ at }) => at)
    }),
  )
  expect(value).toEqual([1_000, 2_000])
})

test("one that fails is told once a minute, and looks again; the others look all the same", async () => {
  const { said, value } = await ticking(
    Effect.gen(function* () {
      const seconds = yield* EachSecond
      let looks = 0
      yield* seconds.look("find the sense", () => {
        throw new Error("none")
      })
      yield* seconds.look("reach the end", () => Effect.die("no end"))
      yield* seconds.look("look", () => void looks++)
      yield* TestClock.adjust(70_000)
      return looks
    }),
  )
  expect(value).toBe(70)
  expect(said.filter((line) => line.startsWith("Cannot find the sense"))).toHaveLength(2)
  expect(said.filter((line) => line.startsWith("Cannot reach the end"))).toHaveLength(2)
})

test("one does not look again before what it gave to do is done, and holds up nobody", async () => {
  const { value } = await ticking(
    Effect.gen(function* () {
      const seconds = yield* EachSecond
      const done = yield* Deferred.make<void>()
      const looks = { slow: 0, other: 0 }
      yield* seconds.look("work", () => {
        looks.slow++
        return Deferred.await(done)
      })
      yield* seconds.look("look", () => void looks.other++)
      yield* TestClock.adjust(3_000)
      const before = { ...looks }
      yield* Deferred.succeed(done, undefined)
      yield* TestClock.adjust(1_000)
      return [before, looks]
    }),
  )
  expect(value).toEqual([
    { slow: 1, other: 3 },
    { slow: 2, other: 4 },
  ])
})

test("nobody looks behind the end of the scope it was asked in, and what was begun ends with it", async () => {
  const { value } = await ticking(
    Effect.gen(function* () {
      const seconds = yield* EachSecond
      const own = yield* Scope.make()
      const seen: Array<string> = []
      const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => seen.push("interrupted")))
      yield* Scope.provide(
        seconds.look("work", () => (seen.push("look"), work)),
        own,
      )
      yield* TestClock.adjust(1_000)
      yield* Scope.close(own, Exit.void)
      yield* TestClock.adjust(2_000)
      return seen
    }),
  )
  expect(value).toEqual(["look", "interrupted"])
})
