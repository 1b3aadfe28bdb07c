import { expect } from "bun:test"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Probe } from "../../src/domain/Probe.ts"
import { type ProbeRole, type ProbeState, unasked } from "../../src/domain/ProbeState.ts"
import { monotonicMs } from "../../src/node/Monotonic.ts"
import { probeProcess } from "../../src/node/supervisor/probes/ProbeProcess.ts"
import { it } from "../support/effect.ts"

const tcp: Probe = { kind: "tcp", port: 80, periodMs: 10_000, timeoutMs: 1_000, rise: 1, fall: 2, delayMs: 5_000 }

/** A process under one probe, whose answers the test decides. `told`: what was said of it, with the second. */
const watched = Effect.fnUntraced(function* (
  role: ProbeRole,
  over: Partial<Probe> = {},
  first: ProbeState = unasked(role),
) {
  const startedAt = yield* monotonicMs
  const seconds = Effect.map(monotonicMs, (now) => Math.round((now - startedAt) / 100) / 10)
  const watch = {
    ok: true,
    asked: [] as Array<number>,
    told: [] as Array<string>,
    takesMs: 0,
  }
  yield* probeProcess({
    role,
    startedAt,
    first,
    probe: { ...tcp, ...over } as Probe,
    ask: Effect.gen(function* () {
      watch.asked.push(yield* seconds)
      if (watch.takesMs > 0) yield* Effect.sleep(watch.takesMs)
      return { ok: watch.ok, text: watch.ok ? "accepted" : "refused" }
    }),
    good: Effect.map(seconds, (at) => void watch.told.push(`${at} good`)),
    bad: (reason) => Effect.map(seconds, (at) => void watch.told.push(`${at} ${reason}`)),
  }).pipe(Effect.forkScoped)
  yield* TestClock.adjust(0)
  return watch
})

it.effect(
  "a process is not asked before its delay is over, and not ready before it has answered well",
  Effect.gen(function* () {
    const watch = yield* watched("readiness")
    expect(watch.told).toEqual([])
    yield* TestClock.adjust(26_000)
    expect(watch.asked).toEqual([5, 15, 25])
    expect(watch.told).toEqual(["5 good"])
  }),
)

it.effect(
  "one that goes bad is not ready any more, with the last answer as the reason, and is ready again later",
  Effect.gen(function* () {
    const watch = yield* watched("readiness", { delayMs: 0 })
    yield* TestClock.adjust(1_000)
    watch.ok = false
    yield* TestClock.adjust(10_000)
    expect(watch.told).toEqual(["0 good"])
    yield* TestClock.adjust(20_000)
    watch.ok = true
    yield* TestClock.adjust(10_000)
    expect(watch.told.slice(1)).toEqual(["20 readiness: refused", "40 good"])
  }),
)

it.effect(
  "a liveness probe says nothing of a process that lives, and says it anew of one that nobody could replace",
  Effect.gen(function* () {
    const watch = yield* watched("liveness", { delayMs: 0 })
    yield* TestClock.adjust(25_000)
    expect(watch.told).toEqual([])
    watch.ok = false
    yield* TestClock.adjust(40_000)
    expect(watch.told).toEqual(["40 liveness: refused, 2 times in a row", "60 liveness: refused, 2 times in a row"])
    const hasty = yield* watched("liveness", { delayMs: 0, fall: 1 })
    yield* TestClock.adjust(5_000)
    hasty.ok = false
    yield* TestClock.adjust(20_000)
    expect(hasty.told).toEqual(["10 liveness: refused", "20 liveness: refused"])
  }),
)

it.effect(
  "slow answers never overlap: the period is from the end of one to the start of the next",
  Effect.gen(function* () {
    const watch = yield* watched("liveness", { delayMs: 0, periodMs: 1_000 })
    watch.takesMs = 800
    yield* TestClock.adjust(6_000)
    expect(watch.asked).toEqual([0, 1, 2.8, 4.6])
  }),
)

it.effect(
  "a process that was ready before is not unready for one bad answer",
  Effect.gen(function* () {
    const ready = { isGood: true, row: 0, last: undefined }
    const watch = yield* watched("readiness", { delayMs: 0, fall: 3 }, ready)
    watch.ok = false
    yield* TestClock.adjust(15_000)
    expect(watch.told).toEqual(["0 good"])
    yield* TestClock.adjust(15_000)
    expect(watch.told).toEqual(["0 good", "30 readiness: refused"])
  }),
)

it.effect(
  "nobody is asked any more when the watch ends",
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void>()
    let asked = 0
    const fiber = yield* probeProcess({
      role: "liveness",
      startedAt: 0,
      probe: { ...tcp, delayMs: 0 },
      first: unasked("liveness"),
      ask: Effect.suspend(() => {
        asked += 1
        return Effect.never
      }).pipe(Effect.onInterrupt(() => Deferred.succeed(ended, undefined))),
      good: Effect.void,
      bad: () => Effect.void,
    }).pipe(Effect.timeoutOption("3 seconds"), Effect.forkScoped)
    yield* TestClock.adjust(60_000)
    yield* Deferred.await(ended)
    expect(asked).toBe(1)
    expect(fiber.pollUnsafe()).toBeDefined()
  }),
)
