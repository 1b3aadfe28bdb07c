const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })

/** `12,345` */
export const count = (value: number): string => grouped.format(value)

/** `8.4` below 100, whole above. */
export const rate = (perSecond: number): string =>
  perSecond > 0 && perSecond < 100 ? perSecond.toFixed(1) : count(perSecond)

/** Microseconds as `0.21 ms`, `12.3 ms`, `850 ms` or `2.31 s`: three digits that count. */
export const micros = (value: number | undefined): string => {
  if (value === undefined) return "-"
  const ms = value / 1_000
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`
  return duration(ms)
}

/** Milliseconds, in the unit that a person would use: `850 ms`, `2.31 s`, `4 min 10 s`, `3 h 20 min`, `5 min`. */
export const duration = (ms: number): string => {
  if (ms < 1_000) return `${ms.toFixed(0)} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3_600) return inTwo([Math.floor(whole / 60), "min"], [whole % 60, "s"])
  const hours = Math.floor(whole / 3_600)
  if (hours >= 48) return `${Math.floor(hours / 24)} days`
  return inTwo([hours, "h"], [Math.floor((whole % 3_600) / 60), "min"])
}

type Amount = readonly [value: number, unit: string]

const inTwo = (large: Amount, small: Amount) => [large, ...(small[0] === 0 ? [] : [small])].flat().join(" ")

/** `48.2 MB` */
export const bytes = (value: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)))
  const amount = value / 1_000 ** power
  return `${power === 0 || amount >= 100 ? amount.toFixed(0) : amount.toFixed(1)} ${units[power]}`
}
