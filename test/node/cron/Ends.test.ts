import { expect, setDefaultTimeout } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { failed, testCron, type TestCronOptions } from "./TestCron.ts"

setDefaultTimeout(60_000)

const minute = 60_000
const hour = 60 * minute
const everyMinute = { kind: "cron", expression: "* * * * *", timeZone: "UTC" } as const

const begin = Effect.fnUntraced(function* (options: TestCronOptions = {}) {
  yield* TestClock.setTime(Date.parse("2026-03-01T12:00:30Z"))
  return yield* testCron(options)
})

it.effect(
  "a stop of a run that is just being started is forgotten",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.takes.set("job", hour)
    cron.startsIn.set("job", 5_000)
    yield* cron.apply(cronTask("job", { timeoutMs: 0 }))
    const { runId } = yield* cron.service().start("job", "ann")
    const stopped = yield* Effect.forkChild(cron.service().stop(runId, "bob"))
    yield* cron.turn(1_000)
    expect(stopped.pollUnsafe()).toBeUndefined()
    yield* cron.turn(5_000)
    expect(yield* Fiber.join(stopped)).toMatchObject({ state: "stopped", by: "bob", reason: "it was stopped" })
  }),
)

it.effect(
  "a run that ends well while it is asked to end counts as stopped",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.takes.set("job", 10_000)
    cron.stopsIn.set("job", 6_000)
    yield* cron.apply(cronTask("job"))
    const { runId } = yield* cron.service().start("job", "ann")
    yield* cron.turn(8_000)
    const stopped = yield* Effect.forkChild(cron.service().stop(runId, "bob"))
    yield* cron.turn(2_000)
    expect(yield* Fiber.join(stopped)).toMatchObject({ state: "ok", reason: null })
  }),
)

it.effect(
  "a stop that comes after the timeout takes its place",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.takes.set("job", hour)
    cron.stopsIn.set("job", 10_000)
    yield* cron.apply(cronTask("job", { timeoutMs: 5_000 }))
    const { runId } = yield* cron.service().start("job", "ann")
    yield* cron.turn(7_000)
    const stopped = yield* Effect.forkChild(cron.service().stop(runId, "bob"))
    yield* cron.turn(9_000)
    expect(yield* Fiber.join(stopped)).toMatchObject({ state: "timeout", reason: "not over within 5 s" })
  }),
)

it.effect(
  "a run that was about to take the place of another goes on after its task was taken away",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.takes.set("job", hour)
    cron.stopsIn.set("job", 6_000)
    yield* cron.apply(cronTask("job", { timeoutMs: 0, overlap: "replace" }))
    yield* cron.service().start("job", "ann")
    yield* cron.settle
    const second = yield* Effect.forkChild(cron.service().start("job", "ann"))
    yield* cron.turn(1_000)
    const removed = yield* Effect.forkChild(cron.apply())
    while ((yield* cron.service().revision) < 2) yield* cron.settle
    yield* cron.settle
    for (let turn = 0; turn < 20; turn++) yield* cron.turn(1_000)
    yield* Fiber.join(removed)
    yield* Fiber.join(second)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["stopped", "stopped"])
  }),
)

it.effect(
  "a retry that goes on is ended as one that has not begun when the next run comes",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.ends.set("job", [failed])
    cron.takes.set("job", 40_000)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, retries: 1, retryDelayMs: 5_000, overlap: "allow" }))
    const states = Effect.map(cron.runs("job"), (runs) => runs.map(({ cause, state }) => [cause, state]))
    for (let turn = 0; turn < 20; turn++) yield* cron.turn(5_000)
    expect(yield* states).toEqual([
      ["schedule", "failed"],
      ["retry", "running"],
      ["schedule", "running"],
    ])
    for (let turn = 0; turn < 4; turn++) yield* cron.turn(5_000)
    expect(yield* states).toEqual([
      ["schedule", "failed"],
      ["retry", "ok"],
      ["schedule", "running"],
    ])
  }),
)

it.effect(
  "a run that waits for its turn begins beside another, as those before it were allowed to",
  Effect.gen(function* () {
    const cron = yield* begin()
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { timeoutMs: 0, overlap: "allow" }))
    yield* cron.service().start("job", "ann")
    yield* cron.turn(hour / 2)
    yield* cron.service().start("job", "ann")
    yield* cron.apply(cronTask("job", { timeoutMs: 0, overlap: "queue" }))
    yield* cron.service().start("job", "ann")
    yield* cron.turn(hour / 2)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["ok", "running"])
    yield* cron.turn(hour / 2)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["ok", "ok", "running"])
  }),
)

it.effect(
  "a run that is taken up by the next agent gets all of its time again",
  Effect.gen(function* () {
    const cron = yield* begin({ leaves: true })
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { timeoutMs: 60_000 }))
    yield* cron.service().start("job", "ann")
    yield* cron.turn(50_000)
    yield* cron.down
    yield* cron.turn(5_000)
    yield* cron.up
    yield* cron.turn(4_000)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["running"])
    yield* cron.turn(1_000)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["timeout"])
  }),
)

it.effect(
  "more of a history is kept than is asked for, or skipped runs drive out those that ran",
  Effect.gen(function* () {
    const cron = yield* begin()
    yield* cron.apply(cronTask("job", { schedule: everyMinute, keepRuns: 2, timeoutMs: 0 }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(minute)
    const states = Effect.map(cron.runs("job"), (runs) => runs.map(({ state }) => state))
    expect(yield* states).toEqual(["ok", "ok"])
    cron.takes.set("job", 10 * minute)
    for (let turn = 0; turn < 6; turn++) yield* cron.turn(minute)
    expect(yield* states).toEqual(["ok", "ok", "running", "skipped", "skipped"])
    // A skipped one tells nothing of how the task does.
    yield* cron.down
    yield* cron.up
    expect((yield* cron.service().statuses)[0]?.last).toMatchObject({ state: "stopped" })
  }),
)
