import { test } from "bun:test"
import { Effect, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"

const Silent = Logger.layer([])
const Turned = Layer.mergeAll(TestClock.layer(), Silent)

/** Tests written as effects: scoped, with silent logs. A failure is thrown with its own stack. */
export const it = {
  /** On a clock that only `TestClock.adjust` turns. Not for code that waits for real sockets or processes. */
  effect: <E>(name: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
    test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(Turned)))),
  /** On the real clock. */
  live: <E>(name: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
    test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(Silent)))),
}
