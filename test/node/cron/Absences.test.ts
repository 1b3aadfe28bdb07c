import { expect, setDefaultTimeout } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { failed, testCron } from "./TestCron.ts"

setDefaultTimeout(60_000)

const minute = 60_000
const hour = 60 * minute
const everyHour = { kind: "cron", expression: "0 * * * *", timeZone: "UTC" } as const
const at = (text: string) => Date.parse(`2026-03-01T${text}Z`)

/** At half past noon. */
const begin = Effect.gen(function* () {
  yield* TestClock.setTime(at("12:30"))
  return yield* testCron()
})

const away = (cron: Effect.Success<typeof begin>, ms: number) =>
  cron.down.pipe(Effect.andThen(cron.turn(ms)), Effect.andThen(cron.up))

it.effect(
  "runs that were missed are made up for, though they are to be left out",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "skip" }))
    yield* away(cron, 5 * hour)
    expect(cron.times("job")).toEqual([])
    expect((yield* cron.runs("job"))[0]).toMatchObject({
      state: "skipped",
      cause: "missed",
      dueAt: at("17:00"),
      reason: "missed: nothing was there to run those from 2026-03-01T13:00:00.000Z to 2026-03-01T17:00:00.000Z",
    })
    yield* cron.turn(hour)
    expect(cron.times("job")).toEqual([at("18:00")])
  }),
)

it.effect(
  "five runs that were missed run five times instead of once",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "once" }))
    yield* away(cron, 5 * hour)
    expect(cron.times("job")).toEqual([at("17:30")])
    expect((yield* cron.runs("job"))[0]).toMatchObject({ state: "ok", cause: "missed", dueAt: at("17:00") })
    yield* away(cron, 5 * minute)
    expect(cron.times("job")).toHaveLength(1)
  }),
)

it.effect(
  "runs that are made up for begin at once, out of order, or more than a hundred",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", 1_000)
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "all", keepRuns: 1_000 }))
    yield* away(cron, 120 * hour)
    for (let turn = 0; turn < 110; turn++) yield* cron.turn(1_000)
    expect(cron.most()).toBe(1)
    const runs = (yield* cron.runs("job")).filter(({ state }) => state === "ok")
    expect(runs).toHaveLength(100)
    expect(runs.every(({ dueAt }, index) => index === 0 || dueAt - (runs[index - 1]?.dueAt ?? 0) === hour)).toBe(true)
    expect(runs.at(-1)?.dueAt).toBe(at("12:00") + 120 * hour)
    expect((yield* cron.runs("job")).find(({ state }) => state === "skipped")?.reason).toBe(
      "missed: nothing was there to run those from 2026-03-01T13:00:00.000Z to 2026-03-02T08:00:00.000Z",
    )
  }),
)

it.effect(
  "a new agent within the minute counts a run as missed",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "skip" }))
    yield* cron.turn(29 * minute + 50_000)
    yield* away(cron, 30_000)
    expect((yield* cron.runs("job")).map(({ cause, dueAt }) => [cause, dueAt])).toEqual([["schedule", at("13:00")]])
  }),
)

it.effect(
  "an agent that starts again and again runs a time twice, or shifts an interval",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(
      cronTask("job", { schedule: everyHour }),
      cronTask("tick", { schedule: { kind: "interval", everySeconds: 3_600 } }),
    )
    for (let turn = 0; turn < 60; turn++) yield* away(cron, 7 * minute)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual(
      Array.from({ length: 7 }, (_, nth) => at("13:00") + nth * hour),
    )
    expect((yield* cron.runs("tick")).map(({ dueAt }) => dueAt)).toEqual(
      Array.from({ length: 7 }, (_, nth) => at("13:30") + nth * hour),
    )
  }),
)

it.effect(
  "a run that waits for its retry or its turn is forgotten by the next agent",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", 10 * hour)
    yield* cron.apply(cronTask("job", { schedule: everyHour, overlap: "queue", timeoutMs: 0 }))
    yield* cron.turn(hour)
    yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(1)
    yield* away(cron, minute)
    expect((yield* cron.runs("job")).map(({ dueAt, state }) => [dueAt, state])).toEqual([
      [at("13:00"), "stopped"],
      [at("14:00"), "running"],
    ])
  }),
)

it.effect(
  "runs that wait for their turn are taken up by the next agent in another order",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.takes.set("job", 10 * hour)
    yield* cron.apply(cronTask("job", { schedule: everyHour, overlap: "queue", timeoutMs: 0 }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(hour)
    yield* away(cron, minute)
    expect((yield* cron.runs("job")).map(({ dueAt, state }) => [dueAt, state])).toEqual([
      [at("13:00"), "stopped"],
      [at("14:00"), "running"],
    ])
  }),
)

it.effect(
  "a clock that is put back runs a time twice",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(hour)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual([at("13:00"), at("14:00"), at("15:00")])
    yield* cron.putClock(-2 * hour)
    for (let turn = 0; turn < 4; turn++) yield* cron.turn(hour)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual(
      ["13:00", "14:00", "15:00", "16:00", "17:00"].map(at),
    )
  }),
)

it.effect(
  "a clock that was a year ahead stops a task for a year, or runs what has run",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "once" }))
    yield* cron.turn(hour)
    yield* cron.putClock(10 * hour)
    yield* cron.turn(minute)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual(["13:00", "23:00"].map(at))
    yield* cron.putClock(-10 * hour)
    for (let turn = 0; turn < 11; turn++) yield* cron.turn(hour)
    const dues = (yield* cron.runs("job")).map(({ dueAt }) => dueAt)
    expect(new Set(dues).size).toBe(dues.length)
    expect(dues).toContain(at("14:00"))
    expect(dues).toContain(at("22:00"))
    expect(dues).toContain(at("24:00"))
  }),
)

it.effect(
  "a time that ran by a clock that was ahead runs again, or one that it left out never runs",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "skip" }))
    yield* cron.putClock(10 * hour)
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(hour)
    expect((yield* cron.runs("job")).filter(({ state }) => state === "ok").map(({ dueAt }) => dueAt)).toEqual(
      ["23:00", "24:00"].map(at).concat(at("24:00") + hour),
    )
    yield* cron.putClock(-10 * hour)
    for (let turn = 0; turn < 12; turn++) yield* cron.turn(hour)
    const dues = (yield* cron.runs("job")).filter(({ state }) => state === "ok").map(({ dueAt }) => dueAt)
    expect(new Set(dues).size).toBe(dues.length)
    expect(dues).toContain(at("22:00"))
  }),
)

it.effect(
  "a clock that is put back by far and was right runs what was left out before it, when it is right again",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "once" }))
    yield* away(cron, 5 * hour)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual([at("17:00")])
    yield* cron.putClock(-5 * hour)
    yield* cron.turn(minute)
    yield* cron.putClock(5 * hour)
    yield* cron.turn(minute)
    expect((yield* cron.runs("job")).map(({ dueAt }) => dueAt)).toEqual([at("17:00")])
  }),
)

it.effect(
  "a clock that is put back a little runs a time twice of which the history is gone",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, keepRuns: 1 }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(3)
    yield* cron.putClock(-2 * hour)
    yield* cron.turn(hour)
    yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(3)
  }),
)

it.effect(
  "an edit after the clock was put back runs a time twice",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, keepRuns: 1 }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(hour)
    yield* cron.putClock(-2 * hour)
    yield* cron.apply(cronTask("job", { schedule: { ...everyHour, expression: "0 */1 * * *" }, keepRuns: 1 }))
    yield* cron.turn(hour)
    yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(3)
    yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(4)
  }),
)

it.effect(
  "a task that was made while the clock was ahead waits until then for its interval",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.putClock(10 * hour)
    yield* cron.apply(cronTask("tick", { schedule: { kind: "interval", everySeconds: 3_600 } }))
    yield* cron.putClock(-10 * hour)
    yield* cron.turn(minute)
    yield* cron.turn(hour)
    expect(cron.times("tick")).toHaveLength(1)
  }),
)

it.effect(
  "a clock that is put forward runs all that it has skipped, or none",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(
      cronTask("once", { schedule: everyHour, missed: "once" }),
      cronTask("skip", { schedule: everyHour, missed: "skip" }),
      cronTask("all", { schedule: everyHour, missed: "all" }),
    )
    yield* cron.turn(minute)
    yield* cron.putClock(5 * hour)
    yield* cron.turn(minute)
    expect(["once", "skip", "all"].map((name) => cron.times(name).length)).toEqual([1, 0, 5])
  }),
)

it.effect(
  "a task that was taken away by an agent which was killed at once is made up for when it comes back",
  Effect.gen(function* () {
    const cron = yield* begin
    cron.ends.set("job", [failed])
    const job = cronTask("job", { schedule: everyHour, retries: 1, retryDelayMs: 6 * hour })
    yield* cron.apply(job)
    yield* cron.turn(hour)
    expect((yield* cron.runs("job")).map(({ state }) => state)).toEqual(["failed"])
    yield* cron.down
    // The set was on the disk, and nothing else.
    yield* Effect.promise(() => Bun.write(cron.folder.cron.set, JSON.stringify({ revision: 2, tasks: [] })))
    yield* cron.up
    yield* cron.turn(5 * hour)
    yield* cron.service().apply({ revision: 3, tasks: [job] })
    yield* cron.settle
    yield* away(cron, 10 * minute)
    expect(cron.times("job")).toHaveLength(1)
    yield* cron.turn(20 * minute)
    expect(cron.times("job")).toHaveLength(2)
  }),
)

it.effect(
  "the history of a task that was taken away by an agent which was killed at once stays for ever",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job"))
    yield* cron.service().start("job", "ann")
    yield* cron.turn(minute)
    yield* cron.down
    yield* Effect.promise(() => Bun.write(cron.folder.cron.set, JSON.stringify({ revision: 2, tasks: [] })))
    yield* cron.up
    expect(yield* cron.runs("job")).toHaveLength(1)
    yield* cron.putClock(8 * 24 * hour)
    yield* cron.turn(2 * minute)
    expect(yield* cron.runs("job")).toEqual([])
  }),
)

it.effect(
  "whoever reads the history misses what has ended after the clock was put back",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job"))
    yield* cron.service().start("job", "ann")
    yield* cron.turn(minute)
    const { cursor } = yield* cron.service().history("", 10)
    yield* cron.putClock(-2 * hour)
    yield* away(cron, minute)
    const { runId } = yield* cron.service().start("job", "ann")
    yield* cron.turn(minute)
    expect((yield* cron.service().history(cursor, 10)).runs).toMatchObject([{ id: runId, state: "ok" }])
  }),
)

it.effect(
  "a set that is older is taken",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job"))
    yield* cron.apply(cronTask("job"), cronTask("other"))
    yield* away(cron, minute)
    const refused = yield* Effect.flip(cron.service().apply({ revision: 1, tasks: [] }))
    expect(refused.message).toBe("cron set revision 1 is older than 2, which this node has")
    expect((yield* cron.service().statuses).map(({ id }) => id)).toEqual(["job", "other"])
  }),
)

it.effect(
  "a schedule that never comes is taken without a word",
  Effect.gen(function* () {
    const cron = yield* begin
    const schedule = { kind: "cron", expression: "0 0 31 2 *", timeZone: "UTC" } as const
    const refused = yield* Effect.flip(
      cron.service().apply({ revision: 1, tasks: [cronTask("a"), cronTask("b", { schedule })] }),
    )
    expect(refused.message).toBe(
      'tasks.1 (b): schedule.expression: day of the month is "31" and month is "2", a day that never comes: it would never run',
    )
  }),
)

it.effect(
  "a damaged history keeps the tasks from running, or runs the past",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("job", { schedule: everyHour, missed: "all" }))
    yield* cron.turn(hour)
    const { cursor } = yield* cron.service().history("", 10)
    yield* cron.down
    yield* Effect.promise(() => Bun.write(cron.folder.cron.history, "this is no database ".repeat(500)))
    yield* cron.turn(5 * hour)
    yield* cron.up
    expect(cron.times("job")).toHaveLength(1)
    yield* cron.turn(hour)
    expect(cron.times("job")).toHaveLength(2)
    // Who has read the lost one up to there sees what comes now.
    expect((yield* cron.service().history(cursor, 10)).runs).toHaveLength(1)
  }),
)
