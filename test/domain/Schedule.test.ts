import { expect, test } from "bun:test"
import { Result } from "effect"
import type { Schedule } from "../../src/domain/Cron.ts"
import { nextTimes, type Plan, planOf, scheduleFault } from "../../src/domain/Schedule.ts"
import { dayMs, WallClock, zoneNames } from "./WallClock.ts"

const cron = (expression: string, timeZone = "UTC"): Schedule => ({ kind: "cron", expression, timeZone })
const plan = (schedule: Schedule, anchor = 0): Plan => Result.getOrThrow(planOf(schedule, anchor))
const at = (text: string) => Date.parse(text)
const next = (expression: string, timeZone: string, after: string, count: number) =>
  nextTimes(plan(cron(expression, timeZone)), at(after), count).map((ms) => new Date(ms).toISOString().slice(0, 16))

const runs = (schedule: Plan, from: number, to: number) => {
  const found: Array<number> = []
  for (let last = from - 1; ;) {
    const run = schedule.next(last)
    if (run === undefined || run >= to) return found
    found.push(run)
    last = run
  }
}

const from = at("2016-01-01T00:00:00Z")
const to = at("2026-01-01T00:00:00Z")

test.each(zoneNames)("in %s no slot of ten years is skipped, doubled or run thousands of times", (zone) => {
  const clock = new WallClock(zone)
  for (const expression of ["30 2 * * *", "0 0 * * *", "*/20 0-3 * * 0,6", "15 */6 * * *", "0 1,2,3 29-31 3,10 *"]) {
    const found = runs(plan(cron(expression, zone)), from, to)
    const expected = clock.runs(expression, from, to)
    expect([expression, found.length]).toEqual([expression, expected.length])
    expect(found.find((run, index) => run !== expected[index])).toBeUndefined()
  }
})

test.each(["America/Havana", "Australia/Lord_Howe", "Africa/Casablanca"])(
  "every quarter of an hour goes on through all changes of %s",
  (zone) => {
    const clock = new WallClock(zone)
    const [start, end] = [at("2019-01-01T00:00:00Z"), at("2020-01-01T00:00:00Z")]
    const found = runs(plan(cron("*/15 * * * *", zone)), start, end)
    expect(found).toEqual(clock.runs("*/15 * * * *", start, end))
    expect(found.every((run, index) => index === 0 || run - (found[index - 1] ?? 0) === 15 * 60_000)).toBe(true)
  },
)

test("months that are read minute by minute agree with those of which only the changes are", () => {
  const [start, end] = [at("2024-03-20T00:00:00Z"), at("2024-05-01T00:00:00Z")]
  for (const zone of ["Asia/Beirut", "Pacific/Chatham", "Africa/Casablanca"]) {
    const expected = new WallClock(zone).runs("*/30 * * * *", start, end, true)
    expect(runs(plan(cron("*/30 * * * *", zone)), start, end)).toEqual(expected)
  }
})

test("a day that a zone has left out runs once, at its end", () => {
  expect(next("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 4)).toEqual([
    "2011-12-29T19:00",
    "2011-12-30T10:00",
    "2011-12-30T19:00",
    "2011-12-31T19:00",
  ])
})

const changes: ReadonlyArray<readonly [what: string, expression: string, zone: string, after: string, times: string]> =
  [
    [
      "a time that is left out runs at the jump",
      "30 2 * * *",
      "America/New_York",
      "2025-03-09T00:00Z",
      "09T07:00 10T06:30",
    ],
    [
      "times that are left out run as one",
      "*/15 2 * * *",
      "America/New_York",
      "2025-03-09T00:00Z",
      "09T07:00 10T06:00",
    ],
    [
      "one that falls on the jump runs once",
      "0 2,3 * * *",
      "America/New_York",
      "2025-03-09T00:00Z",
      "09T07:00 10T06:00",
    ],
    ["midnight is left out", "0 0 * * *", "America/Havana", "2025-03-08T12:00Z", "09T05:00 10T04:00"],
    ["half an hour is left out", "10 2 * * *", "Australia/Lord_Howe", "2025-10-04T00:00Z", "04T15:30 05T15:10"],
    [
      "the hour that is left out is that of an hourly task",
      "0 * * * *",
      "Europe/Berlin",
      "2025-03-29T23:30Z",
      "30T00:00 30T01:00 30T02:00",
    ],
    ["a time that comes twice runs once", "30 1 * * *", "America/New_York", "2025-11-01T12:00Z", "02T05:30 03T06:30"],
    ["also when it is asked in between", "30 1 * * *", "America/New_York", "2025-11-02T05:45Z", "03T06:30 04T06:30"],
    [
      "an hourly task runs in both hours",
      "30 * * * *",
      "America/New_York",
      "2025-11-02T05:00Z",
      "02T05:30 02T06:30 02T07:30",
    ],
    ["an evening that comes twice", "30 23 * * *", "Asia/Beirut", "2025-10-25T12:00Z", "25T20:30 26T21:30"],
    ["leap days", "0 0 29 2 *", "UTC", "2096-03-01T00:00Z", "29T00:00 29T00:00"],
    ["the last of a leap day is no 1 March", "59 23 29 2 *", "UTC", "2097-01-01T00:00Z", "29T23:59"],
  ]
test.each(changes)("%s", (_, expression, zone, after, times) => {
  const expected = times.split(" ")
  expect(next(expression, zone, after, expected.length).map((time) => time.slice(8))).toEqual(expected)
})

const meanings: ReadonlyArray<readonly [expression: string, same: string]> = [
  ["@daily", "0 0 * * *"],
  ["@WEEKLY", "0 0 * * sun"],
  ["0 0 1 JAN,jul mon-fri", "0 0 1 1,7 1-5"],
  ["0 12 * * 5-7", "0 12 * * 0,5,6"],
  ["0 12 * * */2", "0 12 * * 0,2,4,6"],
  ["10-30/10 */8 * * *", "10,20,30 0,8,16 * * *"],
  ["  0\t0  * * 7 ", "0 0 * * 0"],
]
test.each(meanings)("%s means %s", (expression, same) => {
  expect(next(expression, "UTC", "2025-01-01T00:00:00Z", 20)).toEqual(next(same, "UTC", "2025-01-01T00:00:00Z", 20))
})

test("of two days one is enough, unless one is any day or a step of any", () => {
  expect(next("0 0 13 * 5", "UTC", "2026-02-01T00:00Z", 3).map((time) => time.slice(5, 10))).toEqual([
    "02-06",
    "02-13",
    "02-20",
  ])
  expect(next("0 0 */2 * 5", "UTC", "2026-02-01T00:00Z", 3).map((time) => time.slice(5, 10))).toEqual([
    "02-13",
    "02-27",
    "03-13",
  ])
})

const refusals: ReadonlyArray<readonly [expression: string, message: string]> = [
  ["", '"" has 0 fields, expected 5: minute, hour, day of the month, month, day of the week'],
  ["* * *", '"* * *" has 3 fields, expected 5: minute, hour, day of the month, month, day of the week'],
  [
    "*/5 * * * * *",
    '"*/5 * * * * *" has 6 fields, expected 5: minute, hour, day of the month, month, day of the week; seconds and years can\'t be given: write * * * * *, or an interval for every so many seconds',
  ],
  ["60 * * * *", 'minute is "60", expected 0 to 59'],
  ["* 24 * * *", 'hour is "24", expected 0 to 23'],
  ["* * 0 * *", 'day of the month is "0", expected 1 to 31'],
  ["* * * janu *", 'month is "janu", expected 1 to 12 or a name (jan … dec)'],
  ["* * * * 8", 'day of the week is "8", expected 0 to 7 (0 and 7 are Sunday) or a name (sun … sat)'],
  ["*/0 * * * *", 'minute is "*/0", expected a step that is a number from 1: */5'],
  ["*/90 * * * *", 'minute is "*/90", expected a step of at most 59; use an interval for more'],
  ["5/15 * * * *", 'minute is "5/15", expected a range before the step: 5-59/15'],
  ["0 22-2 * * *", 'hour is "22-2", expected the lower end first: 22-23,0-2'],
  ["0 0 * * sat-sun", 'day of the week is "sat-sun", expected the lower end first: 6-7'],
  ["0 0 L * *", 'day of the month is "L", expected 1 to 31'],
  ["1,, * * * *", 'minute is "1,,", expected a list such as 0,5 or a step such as */5'],
  ["1-2-3 * * * *", 'minute is "1-2-3", expected a range such as 0-59'],
  ["0 0 31 2 *", 'day of the month is "31" and month is "2", a day that never comes: it would never run'],
  [
    "0 0 31 4,jun,9,11 *",
    'day of the month is "31" and month is "4,jun,9,11", a day that never comes: it would never run',
  ],
  [
    "@reboot",
    '"@reboot" is no time: make it a service, or use one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly',
  ],
  ["@noon", '"@noon" is not known, expected one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly'],
]
test.each(refusals)("%p is refused, and told how it is written", (expression, message) => {
  expect(scheduleFault(cron(expression))).toMatchObject({ field: "expression", message })
})

test("a time zone that there is not is refused, with one that was meant", () => {
  expect(scheduleFault(cron("* * * * *", "Berlin"))).toEqual({
    field: "timeZone",
    value: "Berlin",
    message: '"Berlin" is no time zone, expected Europe/Berlin',
  })
  for (const zone of ["", "Mars/Base", "+05:00", "../etc"]) {
    expect(scheduleFault(cron("* * * * *", zone))?.message).toBe(
      `${JSON.stringify(zone)} is no time zone, expected an IANA name such as Europe/Berlin, Asia/Shanghai or UTC`,
    )
  }
  expect(scheduleFault(cron("* * * * *", "europe/berlin"))).toBeUndefined()
})

test("an interval counts from its anchor, whenever it is asked", () => {
  const { next: after } = plan({ kind: "interval", everySeconds: 90 }, 1_000)
  expect([0, 1_000, 50_000, 90_999, 91_000, 271_000].map(after)).toEqual([
    91_000, 91_000, 91_000, 91_000, 181_000, 361_000,
  ])
})

test("ten runs are foretold in order, and none of what never comes", () => {
  const dues = nextTimes(plan(cron("0 9 * * 1-5", "Asia/Shanghai")), at("2026-01-01T00:00:00Z"), 10)
  expect(dues).toHaveLength(10)
  expect(dues.every((due, index) => index === 0 || due > (dues[index - 1] ?? 0))).toBe(true)
})

test("the next time is found in a few microseconds", () => {
  const schedule = plan(cron("*/15 * * * *", "America/New_York"))
  runs(schedule, from, from + 30 * dayMs)
  const startedAt = performance.now()
  const found = runs(schedule, from, from + 365 * dayMs)
  // It takes about 1; the machine may be busy.
  expect((performance.now() - startedAt) / found.length).toBeLessThan(0.1)
})
