import { expect, setDefaultTimeout } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { failed, testCron } from "./TestCron.ts"

setDefaultTimeout(60_000)

const minute = 60_000
const hour = 60 * minute
const start = Date.parse("2026-03-01T12:00:30Z")
const everyMinute = { kind: "cron", expression: "* * * * *", timeZone: "UTC" } as const
const at = (text: string) => Date.parse(`2026-03-01T${text}Z`)

const begin = Effect.gen(function* () {
  yield* TestClock.setTime(start)
  return yield* testCron()
})

it.effect(
  "two runs at once despite skip",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", 2.5 * minute)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, overlap: "skip", timeoutMs: 0 }))
    for (let turn = 0; turn < 20; turn++) yield* cron.turn(30_000)
    expect(cron.most()).toBe(1)
    expect(cron.times("job")).toEqual([at("12:01"), at("12:04"), at("12:07"), at("12:10")].map((time) => time))
    const runs = yield* cron.runs("job")
    const skipped = runs.filter(({ state }) => state === "skipped")
    expect(skipped.map(({ dueAt }) => dueAt).slice(0, 2)).toEqual([at("12:02"), at("12:03")])
    expect(skipped[0]).toMatchObject({
      startedAt: null,
      reason: "a run of 2026-03-01T12:01:00.000Z still goes on",
    })
  }),
)

it.effect(
  "a queued run is lost, or begins beside another",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", 1.5 * minute)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, overlap: "queue", timeoutMs: 0 }))
    for (let turn = 0; turn < 12; turn++) yield* cron.turn(30_000)
    expect(cron.most()).toBe(1)
    expect(cron.times("job")).toEqual([at("12:01:00"), at("12:02:30"), at("12:04:00"), at("12:05:30")])
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual([
      at("12:01:00"),
      at("12:02:00"),
      at("12:03:00"),
      at("12:04:00"),
    ])
  }),
)

it.effect(
  "a replaced run goes on",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, overlap: "replace", timeoutMs: 0 }))
    yield* cron.turn(minute)
    yield* cron.turn(minute)
    expect(cron.most()).toBe(1)
    expect((yield* cron.runs("job")).map(({ reason, state }) => [state, reason])).toEqual([
      ["stopped", "the next run has replaced it"],
      ["running", null],
    ])
  }),
)

it.effect(
  "runs that may overlap wait for each other",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, overlap: "allow", timeoutMs: 0 }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(minute)
    expect(cron.most()).toBe(3)
  }),
)

it.effect(
  "a run goes on beyond its timeout",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, timeoutMs: 20_000 }))
    yield* cron.turn(30_000)
    yield* cron.turn(20_000)
    expect((yield* cron.runs("job"))[0]).toMatchObject({ state: "timeout", reason: "not over within 20 s" })
  }),
)

it.effect(
  "a failed run is not tried again, or too often",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.ends.set("job", [failed, failed, failed])
    yield* cron.apply(
      cronTask("job", { schedule: { kind: "interval", everySeconds: 3_600 }, retries: 2, retryDelayMs: 10_000 }),
    )
    yield* cron.turn(hour)
    for (let turn = 0; turn < 10; turn++) yield* cron.turn(5_000)
    expect((yield* cron.runs("job")).map(({ attempt, cause, state }) => [cause, attempt, state])).toEqual([
      ["schedule", 1, "failed"],
      ["retry", 2, "failed"],
      ["retry", 3, "failed"],
    ])
    expect(cron.times("job").map((time) => time - start)).toEqual([hour, hour + 10_000, hour + 20_000])
    yield* cron.turn(hour)
    expect((yield* cron.runs("job")).at(-1)).toMatchObject({ attempt: 1, state: "ok" })
  }),
)

it.effect(
  "a run that took too long is not tried again",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(
      cronTask("job", {
        schedule: { kind: "interval", everySeconds: 3_600 },
        timeoutMs: 20_000,
        retries: 1,
        retryDelayMs: 10_000,
      }),
    )
    yield* cron.turn(hour)
    for (let turn = 0; turn < 8; turn++) yield* cron.turn(10_000)
    expect((yield* cron.runs("job")).map(({ attempt, state }) => [attempt, state])).toEqual([
      [1, "timeout"],
      [2, "timeout"],
    ])
  }),
)

it.effect(
  "a retry begins beside the run that came next",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.ends.set("job", [failed])
    cron.takes.set("job", 10_000)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, retries: 1, retryDelayMs: 55_000, overlap: "allow" }))
    for (let turn = 0; turn < 16; turn++) yield* cron.turn(10_000)
    expect(cron.most()).toBe(1)
    expect((yield* cron.runs("job")).find(({ cause }) => cause === "retry")).toMatchObject({
      state: "skipped",
      reason: "the next run came before this one",
    })
  }),
)

it.effect(
  "what can't be started is said to have run",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("unstartable", { schedule: everyMinute }))
    yield* cron.turn(minute)
    expect((yield* cron.runs("unstartable"))[0]).toMatchObject({
      state: "failed",
      exitCode: null,
      reason: "command nothing is in no folder of PATH",
    })
  }),
)

it.effect(
  "all tasks of a minute begin in its first second despite jitter",
  Effect.gen(function* () {
    const cron = yield* begin
    const tasks = Array.from({ length: 20 }, (_, nth) =>
      cronTask(`job-${nth}`, { schedule: everyMinute, jitterMs: 30_000 }),
    )
    yield* cron.apply(...tasks)
    for (let turn = 0; turn < 60; turn++) yield* cron.turn(1_000)
    const delays = cron.begun.map((run) => run.at - at("12:01:00"))
    expect(delays).toHaveLength(20)
    expect(delays.every((delay) => delay >= 0 && delay <= 30_000)).toBe(true)
    expect(new Set(delays).size).toBeGreaterThan(5)
  }),
)

it.effect(
  "an edit runs what was due before it",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: { kind: "cron", expression: "0 18 * * *", timeZone: "UTC" } }))
    yield* cron.turn(hour)
    yield* cron.apply(
      cronTask("job", { schedule: { kind: "cron", expression: "30 12 * * *", timeZone: "UTC" }, missed: "all" }),
    )
    yield* cron.turn(hour)
    expect(cron.times("job")).toEqual([])
    yield* cron.apply(cronTask("job", { enabled: false, schedule: everyMinute }))
    yield* cron.turn(hour)
    yield* cron.apply(cronTask("job", { schedule: everyMinute, missed: "all" }))
    yield* cron.turn(2 * minute)
    expect(cron.times("job")).toHaveLength(2)
  }),
)

it.effect(
  "a run that waits for its time begins after its schedule was changed, or its retry after it was switched off",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.ends.set("job", [failed])
    yield* cron.apply(cronTask("job", { schedule: everyMinute, jitterMs: 10 * minute, retries: 1, retryDelayMs: hour }))
    yield* cron.turn(30_001)
    expect(cron.times("job")).toEqual([])
    yield* cron.apply(cronTask("job", { retries: 1, retryDelayMs: hour }))
    yield* cron.turn(11 * minute)
    expect((yield* cron.runs("job")).map(({ reason, state }) => [state, reason])).toEqual([
      ["skipped", "the schedule was changed"],
    ])
    yield* cron.service().start("job", "ann")
    yield* cron.turn(minute)
    yield* cron.apply(cronTask("job", { enabled: false, retries: 1, retryDelayMs: hour }))
    yield* cron.turn(2 * hour)
    expect((yield* cron.runs("job")).slice(1).map(({ cause, reason, state }) => [cause, state, reason])).toEqual([
      ["manual", "failed", "exited with code 1"],
      ["retry", "skipped", "the task was switched off"],
    ])
  }),
)

it.effect(
  "a change of something else than the schedule shifts an interval",
  Effect.gen(function* () {
    const cron = yield* begin
    const schedule = { kind: "interval", everySeconds: 600 } as const
    yield* cron.apply(cronTask("job", { schedule }))
    yield* cron.turn(9 * minute)
    yield* cron.apply(cronTask("job", { schedule, timeoutMs: 5_000 }))
    yield* cron.turn(2 * minute)
    expect(cron.times("job")).toEqual([start + 10 * minute])
  }),
)

it.effect(
  "a manual run begins beside another despite skip",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { timeoutMs: 0 }))
    const { start: run } = cron.service()
    const { runId } = yield* run("job", "ann")
    yield* cron.settle
    const refused = yield* Effect.flip(run("job", "bob"))
    expect(refused.message).toBe("it is not run: a run of 2026-03-01T12:00:30.000Z still goes on")
    expect(yield* Effect.map(Effect.flip(run("other", "bob")), ({ message }) => message)).toBe(
      'this node has no cron task "other"',
    )
    const stopped = yield* cron.service().stop(runId, "cat")
    expect(stopped).toMatchObject({ cause: "manual", state: "stopped", by: "cat", reason: "it was stopped" })
    expect(cron.most()).toBe(1)
  }),
)

it.effect(
  "more than a hundred runs of one task wait for their turn",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", hour)
    yield* cron.apply(cronTask("job", { overlap: "queue", timeoutMs: 0 }))
    for (let nth = 0; nth < 101; nth++) yield* cron.service().start("job", "ann")
    const refused = yield* Effect.flip(cron.service().start("job", "ann"))
    expect(refused.message).toBe("it is not run: 100 runs wait already")
  }),
)

it.effect(
  "a run that comes due while the agent ends is lost, or begins all the same",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("slow", hour)
    cron.stopsIn.set("slow", 6_000)
    yield* cron.apply(cronTask("slow", { timeoutMs: 0 }), cronTask("job", { schedule: everyMinute }))
    yield* cron.service().start("slow", "ann")
    yield* cron.turn(27_000)
    const ending = yield* Effect.forkChild(cron.down)
    yield* cron.turn(4_000)
    expect(cron.times("job")).toEqual([])
    yield* cron.turn(4_000)
    yield* Fiber.join(ending)
    yield* cron.up
    expect((yield* cron.runs("job")).map(({ dueAt, state }) => [dueAt, state])).toEqual([[at("12:01:00"), "ok"]])
  }),
)
