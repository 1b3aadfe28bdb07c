const dayMs = 86_400_000
/** Changes are looked for by the day, in pieces of a year. */
const pieceDays = 366
const pieceMs = pieceDays * dayMs

/** A stretch of time in which a zone's clocks are as far from UTC. Milliseconds since 1970; `to` is not in it. */
export interface Span {
  readonly from: number
  readonly to: number
  /** What is added to UTC, in milliseconds. */
  readonly offset: number
}

/** The spans of a year, in their order. */
type Piece = { readonly first: Span; readonly others: ReadonlyArray<Span> }

const zones = new Map<string, TimeZone>()

/** An IANA time zone, by the runtime's own data. What was found out of it is kept. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat
  readonly #pieces = new Map<number, Piece>()

  /** Undefined: there is none of that name. */
  static find(name: string): TimeZone | undefined {
    const known = zones.get(name)
    if (known !== undefined) return known
    // An offset is taken for a zone too, but knows no summer time: nobody should have it by mistake.
    if (!/^[A-Za-z][\w+/-]*$/.test(name)) return undefined
    try {
      const zone = new TimeZone(name)
      zones.set(name, zone)
      return zone
    } catch {
      return undefined
    }
  }

  private constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" })
  }

  /** The span that holds this moment. It may end where the offset goes on as it was. */
  spanAt(ms: number): Span {
    const number = Math.floor(ms / pieceMs)
    let piece = this.#pieces.get(number)
    if (piece === undefined) {
      piece = this.#readPiece(number)
      this.#pieces.set(number, piece)
    }
    let found = piece.first
    for (const span of piece.others) if (span.from <= ms) found = span
    return found
  }

  #readPiece(number: number): Piece {
    const spans: Array<Span> = []
    const end = (number + 1) * pieceMs
    let from = number * pieceMs
    let offset = this.#offsetAt(from)
    for (let before = from; before < end; before += dayMs) {
      const after = this.#offsetAt(before + dayMs)
      if (after === offset) continue
      const to = this.#changeBetween(before, before + dayMs, offset)
      spans.push({ from, to, offset })
      from = to
      offset = after
    }
    const last = { from, to: end, offset }
    const [first = last, ...others] = spans
    return { first, others: first === last ? [] : [...others, last] }
  }

  /** The first second that has another offset than `offset`; `before` has it, `after` has not. */
  #changeBetween(before: number, after: number, offset: number): number {
    let low = before / 1_000
    let high = after / 1_000
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#offsetAt(middle * 1_000) === offset) low = middle
      else high = middle
    }
    return high * 1_000
  }

  #offsetAt(ms: number): number {
    // `11/2/2025, GMT-04:00`; UTC itself is `GMT`, and of old there are seconds.
    const [, sign, hours, minutes, seconds = "0"] =
      /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(this.#format.format(ms)) ?? []
    if (sign === undefined) return 0
    const amount = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000
    return sign === "-" ? -amount : amount
  }
}

/** Names of zones that somebody may have meant by `name`. */
export const zonesLike = (name: string): ReadonlyArray<string> => {
  const wanted = name.trim().toLowerCase().replaceAll(" ", "_")
  if (wanted === "") return []
  return Intl.supportedValuesOf("timeZone")
    .filter((zone) => zone.toLowerCase().includes(wanted))
    .slice(0, 3)
}
