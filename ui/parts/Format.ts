import type { Language } from "../messages/Messages.ts"

const cached = <Formatter>(make: (lang: Language) => Formatter) => {
  const made = new Map<Language, Formatter>()
  return (lang: Language): Formatter => {
    const known = made.get(lang)
    if (known !== undefined) return known
    const formatter = make(lang)
    made.set(lang, formatter)
    return formatter
  }
}

const numbers = cached((lang) => new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }))
const finerNumbers = cached((lang) => new Intl.NumberFormat(lang, { maximumFractionDigits: 2 }))
const relatives = cached((lang) => new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" }))
const absolutes = cached((lang) => new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" }))

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

export const formatNumber = (lang: Language, value: number, digits: 1 | 2 = 1) =>
  (digits === 1 ? numbers : finerNumbers)(lang).format(value)

/** "4 min. ago", "in 3 sec."; assets/times.js keeps the same steps. */
export const formatRelative = (lang: Language, time: number, now: number) => {
  const distance = time - now
  const size = Math.abs(distance)
  const format = (unit: "second" | "minute" | "hour" | "day", length: number) =>
    relatives(lang).format(Math.round(distance / length), unit)
  if (size < minute) return format("second", 1000)
  if (size < hour) return format("minute", minute)
  return size < day ? format("hour", hour) : format("day", day)
}

export const formatAbsolute = (lang: Language, time: number) => absolutes(lang).format(time)
