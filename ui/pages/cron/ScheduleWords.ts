import type { Schedule } from "../../../src/domain/Cron.ts"
import type { PageContext } from "../../ViewModels.ts"

const names: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
}
/** A Sunday. */
const sunday = Date.UTC(2023, 0, 1)
const dayMs = 86_400_000

const weekday = (lang: string, day: number) =>
  new Intl.DateTimeFormat(lang, { weekday: "long", timeZone: "UTC" }).format(sunday + (day % 7) * dayMs)

const everyWords = ({ t }: PageContext, seconds: number) => {
  const { every } = t.cron
  if (seconds % 86_400 === 0) return seconds === 86_400 ? every.day : every.days(seconds / 86_400)
  if (seconds % 3_600 === 0) return seconds === 3_600 ? every.hour : every.hours(seconds / 3_600)
  if (seconds % 60 === 0) return seconds === 60 ? every.minute : every.minutes(seconds / 60)
  return seconds === 1 ? every.second : every.seconds(seconds)
}

const number = (text: string | undefined, most: number) =>
  text !== undefined && /^\d{1,2}$/.test(text) && Number(text) <= most ? Number(text) : undefined

const two = (value: number) => String(value).padStart(2, "0")

/** What runs in every hour. 60 must be a multiple of a step: otherwise the last one of an hour is shorter. */
const withinHour = (page: PageContext, minutes: string): string | undefined => {
  const { at, every } = page.t.cron
  if (minutes === "*") return every.minute
  const step = Number(/^\*\/(\d{1,2})$/.exec(minutes)?.[1])
  if (60 % step === 0) return everyWords(page, step * 60)
  const minute = number(minutes, 59)
  return minute === undefined ? undefined : at.hourly(two(minute))
}

const onDays = (page: PageContext, days: string, weekdays: string, time: string): string | undefined => {
  const { at } = page.t.cron
  const day = number(days, 31)
  if (weekdays === "*") return days === "*" ? at.daily(time) : day === undefined ? undefined : at.monthly(day, time)
  if (days !== "*") return undefined
  if (weekdays === "1-5" || weekdays.toUpperCase() === "MON-FRI") return at.weekdays(time)
  const which = number(weekdays, 7)
  return which === undefined ? undefined : at.weekly(weekday(page.lang, which), time)
}

/** The usual expressions in words; undefined for the others. */
const cronWords = (page: PageContext, expression: string): string | undefined => {
  const fields = (names[expression.trim()] ?? expression).trim().split(/\s+/)
  const [minutes = "", hours = "", days = "", months = "", weekdays = ""] = fields
  if (fields.length !== 5 || months !== "*") return undefined
  if (hours === "*") return days === "*" && weekdays === "*" ? withinHour(page, minutes) : undefined
  const [minute, hour] = [number(minutes, 59), number(hours, 23)]
  if (minute === undefined || hour === undefined) return undefined
  return onDays(page, days, weekdays, `${two(hour)}:${two(minute)}`)
}

/** A schedule as one says it: in words where there are any, and its expression where that says more. */
export const scheduleWords = (
  page: PageContext,
  schedule: Schedule,
): { readonly words: string; readonly expression: string | null; readonly zone: string | null } => {
  if (schedule.kind === "interval")
    return { words: everyWords(page, schedule.everySeconds), expression: null, zone: null }
  const words = cronWords(page, schedule.expression)
  return {
    words: words ?? schedule.expression,
    expression: words === undefined ? null : schedule.expression,
    zone: schedule.timeZone,
  }
}
