import { expect, setDefaultTimeout } from "bun:test"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { nextTimes, planOf } from "../../../src/domain/Schedule.ts"
import { dayMs, zoneNames } from "../../domain/WallClock.ts"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { testCron } from "./TestCron.ts"

setDefaultTimeout(120_000)

const from = Date.parse("2016-01-01T00:00:00Z")
const to = Date.parse("2026-01-01T00:00:00Z")
/** On the Sundays on which most clocks are changed, at the hour at which they are. */
const expression = "30 2 * 3,10 0"

it.effect(
  "in ten years and all zones, agents that come and go skip a time or run it twice",
  Effect.gen(function* () {
    yield* TestClock.setTime(from - 1)
    const cron = yield* testCron({ lookMs: 2_000_000_000, inMemory: true })
    const tasks = zoneNames.map((timeZone) =>
      cronTask(timeZone.replaceAll("/", "-"), {
        schedule: { kind: "cron", expression, timeZone },
        missed: "all",
        keepRuns: 10,
      }),
    )
    yield* cron.apply(...tasks)
    for (let now = from; now < to;) {
      const stepMs = Math.min(61 * dayMs + 3_600_000, to - now)
      yield* TestClock.adjust(stepMs)
      yield* cron.settle
      now += stepMs
      yield* cron.down
      yield* cron.up
    }
    for (const { name, schedule } of tasks) {
      // That these are the right ones is seen in domain/Schedule.test.ts.
      const plan = Result.getOrThrow(planOf(schedule, from))
      const due = nextTimes(plan, from - 1, 95).filter((time) => time < to)
      expect([name, cron.times(name)]).toEqual([name, due])
    }
    expect(cron.most()).toBe(1)
  }),
)
