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

const clocks = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
})

/** `14:05:03.120`, for lines of a log. */
export const formatClock = (time: number) => clocks.format(time)

const shares = cached((lang) => new Intl.NumberFormat(lang, { style: "percent", maximumFractionDigits: 2 }))
const wholes = cached((lang) => new Intl.NumberFormat(lang, { maximumFractionDigits: 0 }))

/** 0 to 1 as per cent: small shares are not rounded away. */
export const formatShare = (lang: Language, share: number) => shares(lang).format(share)

/** A number a second: two digits that count where it is small. */
export const formatRate = (lang: Language, rate: number) => {
  if (rate >= 100) return wholes(lang).format(rate)
  return formatNumber(lang, rate, rate < 1 ? 2 : 1)
}

/** A time in microseconds, in the unit that fits: `420 µs`, `1.3 ms`, `2.1 s`. */
export const formatMicros = (lang: Language, micros: number) => {
  if (micros < 1_000) return `${wholes(lang).format(micros)} µs`
  if (micros < 1_000_000) return `${formatRate(lang, micros / 1_000)} ms`
  return `${formatRate(lang, micros / 1_000_000)} s`
}

const sizeUnits = ["B", "KiB", "MiB", "GiB", "TiB"] as const

/** `12.4 MiB` */
export const formatBytes = (lang: Language, bytes: number) => {
  const step = bytes < 1 ? 0 : Math.min(sizeUnits.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** step
  return `${value >= 100 ? wholes(lang).format(value) : formatNumber(lang, value)} ${sizeUnits[step]}`
}
