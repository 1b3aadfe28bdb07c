const minuteMs = 60_000
export const dayMs = 86_400_000

/** The zones of the long runs: each kind of trouble with clocks that there is. */
export const zoneNames = [
  // Summer time in the north and the south.
  "America/New_York",
  "America/Los_Angeles",
  "America/St_Johns",
  "Europe/Berlin",
  "Europe/London",
  "Europe/Lisbon",
  "Australia/Sydney",
  "Pacific/Auckland",
  "Pacific/Chatham",
  // Half an hour of it.
  "Australia/Lord_Howe",
  // Clocks that jump at midnight, or back over it.
  "Asia/Beirut",
  "America/Havana",
  "America/Asuncion",
  "America/Santiago",
  "Africa/Cairo",
  "Asia/Gaza",
  "America/Nuuk",
  // Rules that were changed.
  "Africa/Casablanca",
  "Europe/Istanbul",
  "Europe/Volgograd",
  "America/Mexico_City",
  "America/Sao_Paulo",
  "Asia/Tehran",
  "Africa/Juba",
  "Pacific/Fiji",
  // None, at odd hours, and on both sides of the date line.
  "Asia/Shanghai",
  "Asia/Kathmandu",
  "UTC",
  "Pacific/Apia",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
]

type Fields = readonly [minute: string, hour: string, day: string, month: string, weekday: string]

/** Numbers, `*`, lists, ranges and steps, read in the plainest way there is. */
const fits = (field: string, value: number): boolean =>
  field.split(",").some((item) => {
    const [range = "", step = "1"] = item.split("/")
    const [from = "0", to = from] = range === "*" ? ["0", "99"] : range.split("-")
    const begin = range === "*" && field.startsWith("*") ? Math.min(value, 0) : Number(from)
    return value >= Number(from) && value <= Number(to) && (value - begin) % Number(step) === 0
  })

/**
 * A wall clock that is read minute by minute, and a cron daemon that looks at it each minute: it runs what fits, and
 * what fits a time that the clock has jumped over. A time that it has shown before it runs only for tasks of every hour.
 */
export class WallClock {
  /** UTC days on which nothing happens to the clock: its offset; otherwise each minute's. */
  readonly #days = new Map<number, number | Int32Array>()
  readonly #format: Intl.DateTimeFormat
  #last = { ms: NaN, offset: 0 }

  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
    })
  }

  /** What the clock shows less UTC, in minutes. */
  #offset(ms: number): number {
    if (ms === this.#last.ms) return this.#last.offset
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = this.#format.format(ms).split(/\D+/).map(Number)
    this.#last = { ms, offset: (Date.UTC(year, month - 1, day, hour, minute) - ms) / minuteMs }
    return this.#last.offset
  }

  #day(day: number, everyMinute: boolean): number | Int32Array {
    const known = this.#days.get(day)
    if (known !== undefined && !(everyMinute && typeof known === "number")) return known
    const start = day * dayMs
    const offset = this.#offset(start)
    const quiet = !everyMinute && [0.5, 1].every((part) => this.#offset(start + part * dayMs) === offset)
    const read = quiet ? offset : Int32Array.from({ length: 1_440 }, (_, at) => this.#offset(start + at * minuteMs))
    this.#days.set(day, read)
    return read
  }

  /** All runs in [from, to), whole UTC days. */
  runs(expression: string, from: number, to: number, everyMinute = false): Array<number> {
    const wanted = new Wanted(expression)
    const found: Array<number> = []
    let shown = from / minuteMs + this.#offset(from) - 1
    for (let utc = from / minuteMs, end = to / minuteMs; utc < end; utc += 1_440) {
      const day = this.#day(utc / 1_440, everyMinute)
      if (typeof day === "number" && shown === utc + day - 1) {
        // Nothing happens to the clock on this day.
        for (const wall of wanted.between(utc + day, utc + day + 1_440)) found.push((wall - day) * minuteMs)
        shown += 1_440
        continue
      }
      for (let at = 0; at < 1_440; at++) {
        const wall = utc + at + (typeof day === "number" ? day : (day[at] ?? 0))
        let runs = (wanted.everyHour || wall > shown) && wanted.fits(wall)
        for (let skipped = shown + 1; skipped < wall && !runs; skipped++) runs = wanted.fits(skipped)
        if (runs) found.push((utc + at) * minuteMs)
        if (wall > shown) shown = wall
      }
    }
    return found
  }
}

/** What an expression wants, by minutes of a wall clock since 1970. */
class Wanted {
  readonly everyHour: boolean
  readonly #fields: Fields
  readonly #minutes: ReadonlyArray<boolean>
  readonly #fitting: ReadonlyArray<number>
  readonly #dates = new Map<number, boolean>()

  constructor(expression: string) {
    const fields = expression.split(" ") as unknown as Fields
    const [minute, hour] = fields
    this.#fields = fields
    this.everyHour = Array.from({ length: 24 }, (_, at) => fits(hour, at)).every(Boolean)
    this.#minutes = Array.from({ length: 1_440 }, (_, at) => fits(minute, at % 60) && fits(hour, Math.floor(at / 60)))
    this.#fitting = Array.from(this.#minutes.keys()).filter((at) => this.#minutes[at])
  }

  fits(wall: number): boolean {
    const day = Math.floor(wall / 1_440)
    return this.#minutes[wall - day * 1_440] === true && this.#fitsDate(day)
  }

  between(from: number, to: number): ReadonlyArray<number> {
    const days = [Math.floor(from / 1_440), Math.floor((to - 1) / 1_440)].filter((day) => this.#fitsDate(day))
    const all = [...new Set(days)].flatMap((day) => this.#fitting.map((at) => day * 1_440 + at))
    return all.filter((wall) => wall >= from && wall < to)
  }

  #fitsDate(wallDay: number): boolean {
    const known = this.#dates.get(wallDay)
    if (known !== undefined) return known
    const [, , dayField, month, weekday] = this.#fields
    const date = new Date(wallDay * dayMs)
    const ofMonth = dayField === "*" ? undefined : fits(dayField, date.getUTCDate())
    const ofWeek = weekday === "*" ? undefined : fits(weekday, date.getUTCDay())
    const either = ofMonth === undefined ? ofWeek : ofWeek === undefined ? ofMonth : ofMonth || ofWeek
    const fit = fits(month, date.getUTCMonth() + 1) && either !== false
    this.#dates.set(wallDay, fit)
    return fit
  }
}
