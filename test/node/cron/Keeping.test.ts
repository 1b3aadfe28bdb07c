import { expect, setDefaultTimeout } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { testCron } from "./TestCron.ts"

setDefaultTimeout(60_000)

const hour = 3_600_000
const day = 24 * hour

/** A node that looks at its clock every ten hours, with a run of a task that is due once a year. */
const begin = Effect.gen(function* () {
  yield* TestClock.setTime(Date.parse("2026-03-01T12:30:00Z"))
  const cron = yield* testCron({ lookMs: 10 * hour })
  const run = Effect.gen(function* () {
    yield* cron.service().start("job", "ann")
    yield* cron.settle
  })
  const kept = Effect.map(cron.service().history("", 1_000), ({ runs }) => runs.length)
  const pass = Effect.fnUntraced(function* (ms: number) {
    for (let passed = 0; passed < ms; passed += 12 * hour) yield* cron.turn(12 * hour)
  })
  yield* cron.apply(cronTask("job", { keepMs: 3 * day }))
  yield* run
  return { cron, kept, pass, run }
})

it.effect(
  "a run that is older than it is to be kept stays until its task runs again",
  Effect.gen(function* () {
    const { kept, pass } = yield* begin
    yield* pass(2 * day)
    expect(yield* kept).toBe(1)
    yield* pass(2 * day)
    expect(yield* kept).toBe(0)
  }),
)

it.effect(
  "nothing is thrown away any more after a clock that was ahead was put back",
  Effect.gen(function* () {
    const { cron, kept, pass, run } = yield* begin
    yield* cron.putClock(60 * day)
    yield* pass(day)
    yield* cron.putClock(-60 * day)
    yield* run
    yield* pass(5 * day)
    expect(yield* kept).toBe(0)
  }),
)

it.effect(
  "what a task has done that was taken away is lost within a week, or kept for ever",
  Effect.gen(function* () {
    const { cron, kept, pass } = yield* begin
    yield* cron.apply()
    yield* pass(6 * day)
    expect(yield* kept).toBe(1)
    yield* pass(2 * day)
    expect(yield* kept).toBe(0)
  }),
)
