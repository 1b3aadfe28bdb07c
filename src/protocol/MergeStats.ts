import type { ErrorCode } from "../domain/ErrorCode.ts"
import { mergeBuckets } from "../domain/Histogram.ts"
import { emptyStats, type MethodFigures, type StatsSnapshot } from "./Stats.ts"

const numbersOf = (stats: StatsSnapshot) =>
  Object.entries(stats).filter(
    (entry): entry is [Exclude<keyof StatsSnapshot, "methods">, number] => entry[0] !== "methods",
  )

/** Where a sum of several workers would mean nothing. */
const together: { readonly [Name in keyof StatsSnapshot]?: (one: number, other: number) => number } = {
  start_time: (one, other) => (one === 0 || other === 0 ? Math.max(one, other) : Math.min(one, other)),
  loop_lag_ms: Math.max,
}

const sum = (one: number, other: number) => one + other

const mergeErrors = (one: MethodFigures["errors"], other: MethodFigures["errors"]): MethodFigures["errors"] => {
  const merged: { [Code in ErrorCode]?: number } = { ...one }
  for (const [code, count] of Object.entries(other) as ReadonlyArray<[ErrorCode, number]>)
    merged[code] = (merged[code] ?? 0) + count
  return merged
}

const mergeMethod = (one: MethodFigures, other: MethodFigures): MethodFigures => ({
  calls: one.calls + other.calls,
  running: one.running + other.running,
  errors: mergeErrors(one.errors, other.errors),
  latency: mergeBuckets(one.latency, other.latency),
  maxMicros: Math.max(one.maxMicros, other.maxMicros),
  totalMicros: one.totalMicros + other.totalMicros,
})

/** The figures of both together: counts and gauges are added, the earlier start and the longer lag are kept. */
export const mergeStats = (one: StatsSnapshot, other: StatsSnapshot): StatsSnapshot => {
  const methods: Record<string, MethodFigures> = { ...one.methods }
  for (const [name, figures] of Object.entries(other.methods)) {
    const known = methods[name]
    methods[name] = known === undefined ? figures : mergeMethod(known, figures)
  }
  const numbers = numbersOf(one).map(([name, value]) => [name, (together[name] ?? sum)(value, other[name])] as const)
  return { ...one, ...Object.fromEntries(numbers), methods }
}

/** All together: counts added, the earliest start, the longest lag. */
export const addStats = (snapshots: ReadonlyArray<StatsSnapshot>): StatsSnapshot =>
  snapshots.reduce(mergeStats, emptyStats)

/** What stays of a worker's figures when it has left: what it counted, and that its connections are closed. */
export const whatRemains = (stats: StatsSnapshot): StatsSnapshot => ({
  ...emptyStats,
  start_time: stats.start_time,
  accept_count: stats.accept_count,
  close_count: stats.close_count + stats.connection_num,
  abort_count: stats.abort_count,
  request_count: stats.request_count,
  response_count: stats.response_count,
  total_recv_bytes: stats.total_recv_bytes,
  total_send_bytes: stats.total_send_bytes,
  methods: Object.fromEntries(
    Object.entries(stats.methods).map(([name, figures]) => [name, { ...figures, running: 0 }]),
  ),
})
