import { mergeBuckets } from "../domain/Histogram.ts"
import { emptyStats, type MethodFigures, type StatsSnapshot } from "./Stats.ts"

type Counts = Readonly<Record<string, number | undefined>>

const addCounts = (one: Counts, other: Counts): Readonly<Record<string, number>> => {
  const sum: Record<string, number> = {}
  for (const counts of [one, other])
    for (const [name, count = 0] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

const addMethod = (one: MethodFigures | undefined, other: MethodFigures): MethodFigures =>
  one === undefined
    ? other
    : {
        calls: one.calls + other.calls,
        running: one.running + other.running,
        errors: addCounts(one.errors, other.errors),
        latency: mergeBuckets(one.latency, other.latency),
        maxMicros: Math.max(one.maxMicros, other.maxMicros),
        totalMicros: one.totalMicros + other.totalMicros,
      }

const add = (one: StatsSnapshot, other: StatsSnapshot): StatsSnapshot => {
  const { methods: mine, ...numbers } = one
  const { methods: theirs, ...more } = other
  const methods: Record<string, MethodFigures> = { ...mine }
  for (const [name, figures] of Object.entries(theirs)) methods[name] = addMethod(methods[name], figures)
  const starts = [one.start_time, other.start_time].filter((at) => at > 0)
  return {
    ...(addCounts(numbers, more) as Omit<StatsSnapshot, "methods">),
    start_time: starts.length === 0 ? 0 : Math.min(...starts),
    loop_lag_ms: Math.max(one.loop_lag_ms, other.loop_lag_ms),
    methods,
  }
}

/** All together: counts added, the earliest start, the longest lag. */
export const addStats = (snapshots: ReadonlyArray<StatsSnapshot>): StatsSnapshot => snapshots.reduce(add, emptyStats)
