type Tone = "info" | "ok" | "warn" | "bad"

export type Series = {
  readonly tone: Tone
  readonly label: string
  /** What it is now. */
  readonly value: string
  /** Drawn with a filled area under it. */
  readonly filled?: boolean
  /** One for each time; null: nothing to tell. */
  readonly values: ReadonlyArray<number | null>
}

type ChartProps = {
  title: string
  /** What the picture says, for who can't see it. */
  label: string
  times: ReadonlyArray<number>
  now: number
  spanMs: number
  /** A longer silence is a gap in the line. */
  gapMs: number
  series: ReadonlyArray<Series>
  format: (value: number) => string
  /** Its upper end, from the highest value; left out: a round number. */
  maximumOf?: (value: number) => number
  /** Under the left end, and under the right one. */
  ends: readonly [string, string]
}

const width = 600
const height = 120

/** 1, 2 or 5 with noughts, so that half of it is a number to read. */
export const niceMaximum = (value: number): number => {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const digit = [1, 2, 5, 10].find((one) => value <= one * power) ?? 10
  return digit * power
}

/** The same in the unit that sizes are told in, a round number of which is none of bytes. */
export const niceBytes = (value: number): number => {
  const unit = value < 1 ? 1 : 1024 ** Math.floor(Math.log2(value) / 10)
  return niceMaximum(value / unit) * unit
}

type Point = { readonly x: number; readonly y: number }

/** The parts of a line between its gaps, in the picture's own units; what is older than the span is left out. */
export const lineParts = (
  { gapMs, now, spanMs, times }: Pick<ChartProps, "times" | "now" | "spanMs" | "gapMs">,
  values: ReadonlyArray<number | null>,
  maximum: number,
): ReadonlyArray<ReadonlyArray<Point>> => {
  const parts: Array<Array<Point>> = []
  let last: number | undefined
  for (const [index, at] of times.entries()) {
    const value = values[index] ?? null
    const x = 1 - (now - at) / spanMs
    if (value === null || x < 0) {
      last = undefined
      continue
    }
    if (last === undefined || (x - last) * spanMs > gapMs) parts.push([])
    parts.at(-1)?.push({ x: x * width, y: height - (Math.min(value, maximum) / maximum) * height })
    last = x
  }
  return parts
}

const draw = (points: ReadonlyArray<Point>) =>
  points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")

const Line = ({ part, series }: { part: ReadonlyArray<Point>; series: Series }) => {
  const [first, last] = [part[0], part.at(-1)]
  if (first === undefined || last === undefined) return null
  // A single look is a dot: a line of no length, with round ends.
  const line = part.length === 1 ? `${draw(part)}h0.01` : draw(part)
  return (
    <>
      {series.filled === true && part.length > 1 && (
        <path
          class={`area-${series.tone}`}
          d={`${line}L${last.x.toFixed(1)} ${height}L${first.x.toFixed(1)} ${height}Z`}
        />
      )}
      <path class={`line line-${series.tone}`} d={line} />
    </>
  )
}

/** Lines over time, drawn by the server: nothing of it needs a script. Its legend has the values of now. */
export const TimeChart = (props: ChartProps) => {
  const { ends, format, label, maximumOf = niceMaximum, series, title } = props
  const highest = series.flatMap(({ values }) => values).reduce<number>((max, value) => Math.max(max, value ?? 0), 0)
  const maximum = maximumOf(highest)
  return (
    <section class="card chart-card" aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        <ul class="legend">
          {series.map(({ label: name, tone, value }) => (
            <li>
              <i class={`legend-mark mark-${tone}`} aria-hidden="true"></i>
              <span class="quiet">{name}</span> <b>{value}</b>
            </li>
          ))}
        </ul>
      </header>
      <div class="chart" role="img" aria-label={label}>
        <div class="chart-y">
          <span>{format(maximum)}</span>
          <span>{format(maximum / 2)}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
          {[0, 0.5, 1].map((share) => (
            <path class="grid-line" d={`M0 ${share * height}H${width}`} />
          ))}
          {series.flatMap((one) =>
            lineParts(props, one.values, maximum).map((part) => <Line part={part} series={one} />),
          )}
        </svg>
        <div class="chart-x">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </div>
      </div>
    </section>
  )
}

const sparkHeight = 24

/** More than a line of this width shows, and every row is sent again with each look. */
const sparkPointsMax = 50

/** Means of so many values at a time, counted from the end, which is now. */
const thinned = (values: ReadonlyArray<number>, size: number): ReadonlyArray<number> => {
  const means: Array<number> = []
  for (let end = values.length; end > 0; end -= size) {
    const part = values.slice(Math.max(0, end - size), end)
    means.unshift(part.reduce((sum, value) => sum + value, 0) / part.length)
  }
  return means
}

/**
 * A small line without numbers: the row beside it has them. `count`: of the values that would fill it. Nothing where
 * nothing happened, so that the row of a method that nobody calls stays the same.
 */
export const Spark = ({ values, count, tone }: { values: ReadonlyArray<number>; count: number; tone: Tone }) => {
  const size = Math.max(1, Math.ceil(count / sparkPointsMax))
  const shown = thinned(values.slice(-count), size)
  const highest = shown.reduce((max, value) => Math.max(max, value), 0)
  const places = Math.max(1, Math.ceil(count / size) - 1)
  const points = shown.map((value, index) => ({
    x: 100 - ((shown.length - 1 - index) / places) * 100,
    y: sparkHeight - 1 - (value / Math.max(highest, 1e-9)) * (sparkHeight - 2),
  }))
  return (
    <svg
      class="spark"
      viewBox={`0 0 100 ${sparkHeight}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {highest > 0 && points.length > 1 && <path class={`line line-${tone}`} d={draw(points)} />}
    </svg>
  )
}
