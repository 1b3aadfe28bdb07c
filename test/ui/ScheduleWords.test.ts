import { expect, test } from "bun:test"
import { scheduleWords } from "../../ui/pages/cron/ScheduleWords.ts"
import { contextOf } from "../support/galleryFixtures.ts"

const page = contextOf("en", "light")
const cron = (expression: string) => scheduleWords(page, { kind: "cron", expression, timeZone: "UTC" })

test("usual expressions are said in words, and the others as they are", () => {
  const said = {
    "* * * * *": "Every minute",
    "*/5 * * * *": "Every 5 minutes",
    "5 * * * *": "Every hour at :05",
    "30 3 * * *": "Every day at 03:30",
    "@daily": "Every day at 00:00",
    "30 3 * * 1-5": "Monday to Friday at 03:30",
    "30 3 * * 0": "Every Sunday at 03:30",
    "30 3 * * 7": "Every Sunday at 03:30",
    "@weekly": "Every Sunday at 00:00",
    "0 4 15 * *": "On day 15 of each month at 04:00",
  }
  for (const [expression, words] of Object.entries(said)) expect(cron(expression)).toMatchObject({ words, expression })
  for (const expression of ["*/7 * * * *", "0 4 15 * 1", "0 4 1,15 * *", "0 4 * 6 *", "1-5 4 * * *", "* 4 * * *", "x"])
    expect(cron(expression)).toEqual({ words: expression, expression: null, zone: "UTC" })
})

test("intervals are said in the unit that fits", () => {
  const every = (everySeconds: number) => scheduleWords(page, { kind: "interval", everySeconds }).words
  expect([1, 90, 60, 300, 3_600, 7_200, 86_400, 172_800].map(every)).toEqual([
    "Every second",
    "Every 90 seconds",
    "Every minute",
    "Every 5 minutes",
    "Every hour",
    "Every 2 hours",
    "Every day",
    "Every 2 days",
  ])
})
