import { Database } from "bun:sqlite"
import { expect, setDefaultTimeout } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { testCron } from "./TestCron.ts"

setDefaultTimeout(60_000)

const minute = 60_000
const hour = 60 * minute
const start = Date.parse("2026-03-01T12:00:30Z")
const everyMinute = { kind: "cron", expression: "* * * * *", timeZone: "UTC" } as const

/** A node that looks at its clock only once a day by itself. */
const begin = Effect.gen(function* () {
  yield* TestClock.setTime(start)
  return yield* testCron({ lookMs: 24 * hour })
})

it.effect(
  "a run waits for the next look at the clock, or its task does when it is new",
  Effect.gen(function* () {
    const cron = yield* begin
    yield* cron.apply(cronTask("yearly"))
    yield* cron.turn(30 * minute)
    yield* cron.apply(cronTask("yearly"), cronTask("job", { schedule: everyMinute }))
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(minute)
    const due = start + 30 * minute + 30_000
    expect(cron.times("job")).toEqual([due, due + minute, due + 2 * minute])
  }),
)

it.effect(
  "tasks run again when their history can be read again",
  Effect.gen(function* () {
    yield* TestClock.setTime(start)
    const cron = yield* testCron({ lookMs: 10_000 })
    yield* cron.apply(cronTask("job", { schedule: everyMinute }))
    yield* cron.turn(minute)
    expect(cron.times("job")).toHaveLength(1)

    const history = (sql: string) =>
      Effect.sync(() => {
        using database = new Database(cron.folder.cron.history)
        database.run(sql)
      })
    yield* history("ALTER TABLE run RENAME TO hidden")
    // Which times have run is asked for then.
    yield* cron.putClock(-4 * hour)
    yield* cron.turn(minute)
    yield* cron.turn(minute)
    expect(cron.times("job")).toHaveLength(1)

    yield* history("ALTER TABLE hidden RENAME TO run")
    for (let turn = 0; turn < 3; turn++) yield* cron.turn(minute)
    expect(cron.times("job").length).toBeGreaterThan(2)
  }),
)
