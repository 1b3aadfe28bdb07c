import { Result } from "effect"
import { civilDate, daysToMonth, weekdayOf } from "./CivilDate.ts"

/** The five fields, in their order. */
export type CronField = "minute" | "hour" | "day" | "month" | "weekday"

/** Why a schedule can't be used; the message names what is wrong, its value, and what to write instead. */
export interface ScheduleFault {
  readonly field: "expression" | "timeZone"
  /** Of the expression. */
  readonly part?: CronField
  /** What is wrong as such: one of its fields, how many it has, its `@name`, or that such a day never comes. */
  readonly kind?: FaultKind
  /** What was written there. */
  readonly value: string
  readonly message: string
}
export type FaultKind = "field" | "count" | "name" | "never"

/** What an expression asks for. Lists are sorted; days of the week begin with Sunday as 0. */
export interface CronExpression {
  readonly minutes: ReadonlyArray<number>
  readonly hours: ReadonlyArray<number>
  readonly days: ReadonlyArray<number>
  readonly months: ReadonlyArray<number>
  readonly weekdays: ReadonlyArray<number>
  /** Both days are given: one of them is enough. Otherwise, as in crontab(5), both must fit. */
  readonly eitherDay: boolean
  /** It runs in every hour, so it goes by the time that passes and not by what a clock shows. */
  readonly everyHour: boolean
}

type FieldRule = {
  readonly part: CronField
  readonly name: string
  readonly minimum: number
  readonly maximum: number
  readonly names: ReadonlyArray<string>
}

const none: ReadonlyArray<string> = []
const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

const rules: ReadonlyArray<FieldRule> = [
  { part: "minute", name: "minute", minimum: 0, maximum: 59, names: none },
  { part: "hour", name: "hour", minimum: 0, maximum: 23, names: none },
  { part: "day", name: "day of the month", minimum: 1, maximum: 31, names: none },
  { part: "month", name: "month", minimum: 1, maximum: 12, names: monthNames },
  // 7 is Sunday too, so that `5-7` is a range.
  { part: "weekday", name: "day of the week", minimum: 0, maximum: 7, names: weekdayNames },
]

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
}

/** Of each month, in a leap year. */
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

class Refused extends Error {
  readonly fault: Omit<ScheduleFault, "message" | "field">
  constructor(message: string, fault: Omit<ScheduleFault, "message" | "field">) {
    super(message)
    this.fault = fault
  }
}

/** Reads five fields (numbers, names, `*`, lists, ranges, steps) or a name such as `@daily`. */
export const readExpression = (text: string): Result.Result<CronExpression, ScheduleFault> => {
  try {
    return Result.succeed(parse(text))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return Result.fail({ field: "expression", message: error.message, ...error.fault })
  }
}

const parse = (text: string): CronExpression => {
  const fields = fieldsOf(text.trim())
  const [minutes = [], hours = [], days = [], months = [], weekdays = []] = rules.map((rule, index) =>
    readField(fields[index] ?? "", rule),
  )
  const isOpen = (index: number) => fields[index]?.startsWith("*") === true
  const expression = {
    minutes,
    hours,
    days,
    months,
    weekdays: [...new Set(weekdays.map((day) => day % 7))].toSorted((a, b) => a - b),
    eitherDay: !isOpen(2) && !isOpen(4),
    everyHour: hours.length === 24,
  }
  refuseNever(expression, fields[2] ?? "", fields[3] ?? "")
  return expression
}

const fieldsOf = (text: string): ReadonlyArray<string> => {
  if (text.startsWith("@")) return nickname(text.toLowerCase()).split(" ")
  const fields = text === "" ? [] : text.split(/\s+/)
  if (fields.length === 5) return fields
  const given = `${JSON.stringify(text)} has ${fields.length} field${fields.length === 1 ? "" : "s"}, expected 5: minute, hour, day of the month, month, day of the week`
  const fault = { kind: "count", value: text } as const
  if (fields.length < 6) throw new Refused(given, fault)
  const rest = fields.slice(1, 6).join(" ")
  throw new Refused(
    `${given}; seconds and years can't be given: write ${rest}, or an interval for every so many seconds`,
    fault,
  )
}

const nickname = (text: string): string => {
  const meaning = nicknames[text]
  if (meaning !== undefined) return meaning
  const known = Object.keys(nicknames).join(", ")
  const fault = { kind: "name", value: text } as const
  if (text === "@reboot") throw new Refused(`"@reboot" is no time: make it a service, or use one of ${known}`, fault)
  throw new Refused(`${JSON.stringify(text)} is not known, expected one of ${known}`, fault)
}

const readField = (text: string, rule: FieldRule): ReadonlyArray<number> => {
  const found = new Set(text.split(",").flatMap((item) => readItem(item, text, rule)))
  return [...found].toSorted((a, b) => a - b)
}

const refuse = ({ name, part }: FieldRule, value: string, expected: string): never => {
  throw new Refused(`${name} is ${JSON.stringify(value)}, expected ${expected}`, { kind: "field", part, value })
}

/** One of a list: `*`, `5`, `1-5`, each with a step or without. */
const readItem = (item: string, field: string, rule: FieldRule): ReadonlyArray<number> => {
  const { maximum, minimum } = rule
  const [range = "", step, ...more] = item.split("/")
  if (item === "" || more.length > 0)
    return refuse(rule, field, `a list such as ${minimum},${minimum + 5} or a step such as */5`)
  const every = step === undefined ? 1 : readStep(step, item, rule)
  if (range === "*") return sequence(minimum, rule.part === "weekday" ? 6 : maximum, every)
  const [first = "", last, ...rest] = range.split("-")
  if (rest.length > 0) return refuse(rule, item, `a range such as ${minimum}-${maximum}`)
  const from = readNumber(first, item, rule)
  if (last === undefined) {
    if (step === undefined) return [from]
    return refuse(rule, item, `a range before the step: ${from}-${maximum}/${every}`)
  }
  const to = readNumber(last, item, rule)
  if (from > to) return refuse(rule, item, `the lower end first: ${wrapped(from, to, rule)}`)
  return sequence(from, to, every)
}

const wrapped = (from: number, to: number, { maximum, minimum, part }: FieldRule) => {
  if (part === "weekday") return to === 0 ? `${from}-7` : `${from}-7,1-${to}`
  return `${from}-${maximum},${minimum}-${to}`
}

const readStep = (step: string, item: string, rule: FieldRule): number => {
  const every = Number(step)
  if (!/^\d+$/.test(step) || every === 0)
    return refuse(rule, item, `a step that is a number from 1: */${rule.part === "minute" ? 5 : 2}`)
  if (every <= rule.maximum) return every
  // It would run once in each hour, day, …, which nobody means by it.
  return refuse(rule, item, `a step of at most ${rule.maximum}; use an interval for more`)
}

const readNumber = (word: string, item: string, rule: FieldRule): number => {
  const { maximum, minimum, names, part } = rule
  const named = names.indexOf(word.toLowerCase())
  if (named >= 0) return named + minimum
  const value = Number(word)
  if (/^\d+$/.test(word) && value >= minimum && value <= maximum) return value
  const example =
    part === "month"
      ? " or a name (jan … dec)"
      : part === "weekday"
        ? " (0 and 7 are Sunday) or a name (sun … sat)"
        : ""
  return refuse(rule, item, `${minimum} to ${maximum}${example}`)
}

const sequence = (from: number, to: number, step: number): ReadonlyArray<number> =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)

const refuseNever = ({ days, eitherDay, months }: CronExpression, day: string, month: string) => {
  if (eitherDay || days.some((one) => months.some((in_) => one <= (monthDays[in_ - 1] ?? 0)))) return
  throw new Refused(
    `day of the month is ${JSON.stringify(day)} and month is ${JSON.stringify(month)}, a day that never comes: it would never run`,
    { kind: "never", part: "day", value: `${day} ${month}` },
  )
}

const minuteMs = 60_000
const dayMs = 86_400_000
/** The longest there is between two runs is far below: 12 years for a 29 February on a given weekday is 40. */
const yearsMax = 100

const firstFrom = (sorted: ReadonlyArray<number>, from: number): number | undefined => sorted.find((one) => one >= from)

/** The first minute of the day that fits, from this one on. */
const minuteOfDay = ({ hours, minutes }: CronExpression, from: number): number | undefined => {
  const hour = firstFrom(hours, Math.floor(from / 60))
  if (hour === undefined) return undefined
  const minute = hour * 60 >= from ? minutes[0] : firstFrom(minutes, from % 60)
  if (minute !== undefined) return hour * 60 + minute
  const next = firstFrom(hours, hour + 1)
  return next === undefined ? undefined : next * 60 + (minutes[0] ?? 0)
}

/**
 * The first time on a wall clock that fits, from `wall` on. Wall times are milliseconds since 1970 on that very clock,
 * as if it were one of UTC: they know nothing of summer time. Undefined: it never comes.
 */
export const nextWallTime = (expression: CronExpression, wall: number): number | undefined => {
  const { days, eitherDay, months, weekdays } = expression
  const start = Math.ceil(wall / minuteMs) * minuteMs
  let day = Math.floor(start / dayMs)
  let from = (start - day * dayMs) / minuteMs
  const last = day + yearsMax * 366
  while (day < last) {
    const date = civilDate(day)
    if (!months.includes(date.month)) {
      day = date.month === 12 ? daysToMonth(date.year + 1, 1) : daysToMonth(date.year, date.month + 1)
      from = 0
      continue
    }
    const fitsDay = days.includes(date.day)
    const fitsWeekday = weekdays.includes(weekdayOf(day))
    if (eitherDay ? fitsDay || fitsWeekday : fitsDay && fitsWeekday) {
      const minute = minuteOfDay(expression, from)
      if (minute !== undefined) return day * dayMs + minute * minuteMs
    }
    day += 1
    from = 0
  }
  return undefined
}
