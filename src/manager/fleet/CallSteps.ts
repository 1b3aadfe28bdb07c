import { mergeBuckets, quantile, type SparseBuckets, subtractBuckets } from "../../domain/Histogram.ts"
import type { ProcessStats } from "../../protocol/NodeManager.ts"

/** What happened to a method between two looks, on all nodes together. */
export type MethodStep = {
  readonly perSecond: number
  readonly calls: number
  readonly errors: Readonly<Record<string, number>>
  readonly latency: SparseBuckets
}

export type CallStep = {
  readonly at: number
  readonly perSecond: number
  readonly errorsPerSecond: number
  readonly p50: number | null
  readonly p99: number | null
  readonly methods: ReadonlyMap<string, MethodStep>
}

/** The process sets of a service by their place, as they were at one look. */
export type Readings = ReadonlyMap<string, ProcessStats>

type Figures = ProcessStats["stats"]["methods"][string]

/** Runs of queued tasks are counted beside the calls, under `tasks.<name>`; they are no calls. */
export const isTask = (name: string): boolean => name.startsWith("tasks.")

const nothing: Figures = { calls: 0, running: 0, errors: {}, latency: [], maxMicros: 0, totalMicros: 0 }

/** A set that was started anew counts from 0 again: then all that it tells is new. */
const isAnew = (before: ProcessStats, after: ProcessStats) =>
  after.stats.start_time !== before.stats.start_time || after.stats.request_count < before.stats.request_count

const methodStep = (after: Figures, earlier: Figures | undefined, seconds: number): MethodStep => {
  const before = earlier === undefined || earlier.calls > after.calls ? nothing : earlier
  const calls = after.calls - before.calls
  const errors: Record<string, number> = {}
  for (const [code, count] of Object.entries(after.errors)) {
    const more = count - (before.errors[code] ?? 0)
    if (more > 0) errors[code] = more
  }
  return { perSecond: calls / seconds, calls, errors, latency: subtractBuckets(after.latency, before.latency) }
}

const addCounts = (one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>) => {
  const sum: Record<string, number> = { ...one }
  for (const [code, count] of Object.entries(other)) sum[code] = (sum[code] ?? 0) + count
  return sum
}

const together = (one: MethodStep | undefined, other: MethodStep): MethodStep =>
  one === undefined
    ? other
    : {
        perSecond: one.perSecond + other.perSecond,
        calls: one.calls + other.calls,
        errors: addCounts(one.errors, other.errors),
        latency: mergeBuckets(one.latency, other.latency),
      }

export const sumCounts = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Of what is called, not of what is queued. */
export const callsOf = (methods: ReadonlyMap<string, MethodStep>): ReadonlyArray<MethodStep> =>
  [...methods].flatMap(([name, step]) => (isTask(name) ? [] : [step]))

/** What all nodes did between two looks; undefined when no process set was seen twice. */
export const callStep = (before: Readings, after: Readings, at: number): CallStep | undefined => {
  const methods = new Map<string, MethodStep>()
  let errorsPerSecond = 0
  let seen = false
  for (const [place, now] of after) {
    const earlier = before.get(place)
    const seconds = earlier === undefined ? 0 : (now.at - earlier.at) / 1_000
    // Not heard of since, or a clock that was put back.
    if (earlier === undefined || seconds <= 0) continue
    seen = true
    const base = isAnew(earlier, now) ? {} : earlier.stats.methods
    for (const [name, figures] of Object.entries(now.stats.methods)) {
      const step = methodStep(figures, base[name], seconds)
      if (step.calls === 0) continue
      if (!isTask(name)) errorsPerSecond += sumCounts(step.errors) / seconds
      methods.set(name, together(methods.get(name), step))
    }
  }
  if (!seen) return undefined
  const all = callsOf(methods)
  const latency = all.reduce<SparseBuckets>((sum, step) => mergeBuckets(sum, step.latency), [])
  const perSecond = all.reduce((sum, step) => sum + step.perSecond, 0)
  const [p50 = null, p99 = null] = [quantile(latency, 0.5), quantile(latency, 0.99)]
  return { at, perSecond, errorsPerSecond, p50, p99, methods }
}

/** Looks of the chart, and of the table's figures. A look each two seconds: five minutes, and half of one. */
export const stepEveryMs = 2_000
export const stepsMax = 150
export const recentSteps = 15

/** One more step; those that are too old go, and histograms that no figure needs any more. */
export const withStep = (steps: ReadonlyArray<CallStep>, step: CallStep): ReadonlyArray<CallStep> => {
  const kept = [...steps, step].slice(-stepsMax)
  const old = kept.at(-recentSteps - 1)
  if (old === undefined) return kept
  const bare = new Map([...old.methods].map(([name, method]) => [name, { ...method, latency: [] }]))
  return kept.with(-recentSteps - 1, { ...old, methods: bare })
}
