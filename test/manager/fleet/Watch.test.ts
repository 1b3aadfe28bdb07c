import { describe, expect } from "bun:test"
import { Clock, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeWatch } from "../../../src/manager/fleet/Watch.ts"
import { it } from "../../support/effect.ts"

const watching = Effect.fnUntraced(function* (look: (key: string) => Effect.Effect<void> = () => Effect.void) {
  const seen: Array<string> = []
  const forgotten: Array<string> = []
  const watch = yield* makeWatch({
    everyMs: 2_000,
    lingerMs: 5_000,
    look: (key) =>
      Effect.andThen(
        Effect.sync(() => void seen.push(key)),
        look(key),
      ),
    forget: (key) => void forgotten.push(key),
  })
  const viewer = Effect.fnUntraced(function* (key: string) {
    const scope = yield* Scope.make()
    yield* Scope.provide(watch.watch(key), scope)
    return { leave: Scope.close(scope, Exit.void) }
  })
  const taken = Effect.sync(() => seen.splice(0).length)
  return { watch, viewer, taken, forgotten }
})

describe("a watch", () => {
  it.effect(
    "looks once for all who watch, at once and then every two seconds",
    Effect.gen(function* () {
      const { taken, viewer } = yield* watching()
      yield* viewer("a")
      yield* viewer("a")
      yield* TestClock.adjust(1)
      expect(yield* taken).toBe(1)
      yield* TestClock.adjust("6 seconds")
      expect(yield* taken).toBe(3)
    }),
  )

  it.effect(
    "goes on while one is left, then lingers, then forgets and looks no more",
    Effect.gen(function* () {
      const { forgotten, taken, viewer, watch } = yield* watching()
      const one = yield* viewer("a")
      const other = yield* viewer("a")
      yield* TestClock.adjust("3 seconds")
      yield* one.leave
      yield* TestClock.adjust("20 seconds")
      expect(yield* taken).toBe(12)
      yield* other.leave
      yield* TestClock.adjust("4 seconds")
      expect(yield* watch.watched).toEqual(["a"])
      yield* TestClock.adjust("4 seconds")
      expect(forgotten).toEqual(["a"])
      yield* taken
      yield* TestClock.adjust("1 minute")
      expect(yield* taken).toBe(0)
      expect(yield* watch.watched).toEqual([])
    }),
  )

  it.effect(
    "of who only came by ends by itself, and whoever comes back in time finds it",
    Effect.gen(function* () {
      const { forgotten, viewer, watch } = yield* watching()
      yield* watch.touch("a")
      yield* TestClock.adjust("4 seconds")
      yield* viewer("a")
      yield* TestClock.adjust("1 minute")
      expect(forgotten).toEqual([])
      yield* watch.touch("b")
      yield* TestClock.adjust("8 seconds")
      expect(forgotten).toEqual(["b"])
    }),
  )

  it.effect(
    "is not ended by a look that fails",
    Effect.gen(function* () {
      const { taken, viewer } = yield* watching(() => Effect.die("no"))
      yield* viewer("a")
      yield* TestClock.adjust("4 seconds")
      expect(yield* taken).toBe(3)
    }),
  )

  it.effect(
    "is not held up by a clock that is put back, and not ended by one that is put forward",
    Effect.gen(function* () {
      let skewMs = 0
      const clock = yield* Clock.Clock
      const skewed: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + skewMs,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + skewMs),
      }
      yield* Effect.gen(function* () {
        const { forgotten, taken, viewer, watch } = yield* watching(() => Effect.sync(() => void (skewMs -= 3_600_000)))
        yield* viewer("a")
        yield* TestClock.adjust("6 seconds")
        expect(yield* taken).toBe(4)
        yield* watch.touch("b")
        skewMs += 24 * 3_600_000
        yield* TestClock.adjust("4 seconds")
        expect(forgotten).toEqual([])
        yield* TestClock.adjust("4 seconds")
        expect(forgotten).toEqual(["b"])
      }).pipe(Effect.provideService(Clock.Clock, skewed))
    }),
  )
})
