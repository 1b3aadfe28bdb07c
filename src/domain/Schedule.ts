import { Result } from "effect"
import type { Schedule } from "./Cron.ts"
import { type CronExpression, nextWallTime, readExpression, type ScheduleFault } from "./CronExpression.ts"
import { TimeZone, zonesLike } from "./TimeZone.ts"

/** When a task is due. Times are milliseconds since 1970. */
export interface Plan {
  /** The first time after `after`; undefined: there is none. */
  readonly next: (after: number) => number | undefined
}

/**
 * The plan of a schedule. `anchor`: when its task was made or enabled; an interval counts from there, so its first run
 * is one interval later, and nothing that stops and starts again moves it.
 */
export const planOf = (schedule: Schedule, anchor: number): Result.Result<Plan, ScheduleFault> => {
  if (schedule.kind === "interval") return Result.succeed(intervalPlan(schedule.everySeconds * 1_000, anchor))
  return Result.gen(function* () {
    const expression = yield* readExpression(schedule.expression)
    const zone = yield* findZone(schedule.timeZone)
    return { next: (after: number) => nextInZone(expression, zone, after) }
  })
}

/** What is wrong with a schedule; undefined: nothing. */
export const scheduleFault = (schedule: Schedule): ScheduleFault | undefined =>
  Result.match(planOf(schedule, 0), { onSuccess: () => undefined, onFailure: (fault) => fault })

/** The next times after `after`, at most `count`. `anchor`: see `planOf`. */
export const nextTimes = (plan: Plan, after: number, count: number): ReadonlyArray<number> => {
  const times: Array<number> = []
  let last = after
  while (times.length < count) {
    const next = plan.next(last)
    if (next === undefined) break
    times.push(next)
    last = next
  }
  return times
}

const intervalPlan = (everyMs: number, anchor: number): Plan => ({
  next: (after) => anchor + Math.max(1, Math.floor((after - anchor) / everyMs) + 1) * everyMs,
})

const findZone = (name: string): Result.Result<TimeZone, ScheduleFault> => {
  const zone = TimeZone.find(name)
  if (zone !== undefined) return Result.succeed(zone)
  const like = zonesLike(name)
  const hint = like.length === 0 ? "an IANA name such as Europe/Berlin, Asia/Shanghai or UTC" : like.join(" or ")
  const message = `${JSON.stringify(name)} is no time zone, expected ${hint}`
  return Result.fail({ field: "timeZone", value: name, message })
}

/**
 * The first moment after `after` at which a task is due.
 *
 * Where clocks are put forward, the wall times that are left out come together at the moment of the jump: one run. Where
 * they are put back, a wall time that comes twice counts the first time only; but what runs in every hour runs on
 * through both.
 */
const nextInZone = (expression: CronExpression, zone: TimeZone, after: number): number | undefined => {
  let at = after + 1
  for (;;) {
    const span = zone.spanAt(at)
    const shown = at - span.from > putBackMax ? -Infinity : span.from + zone.spanAt(span.from - 1).offset
    if (at === span.from && fitsGap(expression, shown, span.from + span.offset)) return at
    const wall = nextWallTime(expression, Math.max(at + span.offset, expression.everyHour ? -Infinity : shown))
    if (wall === undefined) return undefined
    if (wall < span.to + span.offset) return wall - span.offset
    at = span.to
  }
}

/** No clock was ever put back by more. */
const putBackMax = 24 * 3_600_000

/** Whether a time fits that the clock leaves out; `to` is not one of them. */
const fitsGap = (expression: CronExpression, from: number, to: number): boolean =>
  from < to && (nextWallTime(expression, from) ?? Infinity) < to
