import { quantile, subtractBuckets } from "../../domain/Histogram.ts"
import { addStats } from "../../protocol/MergeStats.ts"
import type { MethodFigures, StatsSnapshot } from "../../protocol/Stats.ts"

/** How the workers of an endpoint are run, by the names of the process spec. */
export type Settings = Readonly<Record<string, unknown>>

/** What one endpoint answered, or why it did not. */
export type EndpointStats =
  | { readonly endpoint: string; readonly stats: StatsSnapshot; readonly settings: Settings | undefined }
  | { readonly endpoint: string; readonly error: string }

/** One look at all endpoints. */
export interface Look {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly endpoints: ReadonlyArray<EndpointStats>
}

/** One method over all endpoints. Times in microseconds; undefined when there were no calls. */
export interface MethodRow {
  readonly name: string
  readonly calls: number
  readonly running: number
  readonly errors: Readonly<Record<string, number>>
  /** Calls per second since the look before; undefined when there was none. */
  readonly perSecond: number | undefined
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly "p99.9": number | undefined
}

type Methods = ReadonlyMap<string, MethodFigures>

/** Each method's figures; with a look before it, its times and errors are of what came in between. */
export const methodRows = (look: Look, before: Look | undefined): ReadonlyArray<MethodRow> => {
  const now = methodsOf(look)
  // A process set that was started anew meanwhile, or an endpoint that was away, has no difference.
  const earlier = before === undefined || setsOf(before) !== setsOf(look) ? undefined : methodsOf(before)
  const seconds = before === undefined ? 0 : (look.at - before.at) / 1_000
  return [...now]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, figures]) => rowOf(name, earlier === undefined ? figures : since(figures, earlier.get(name)), figures))
    .map(({ newCalls, ...row }) => ({
      ...row,
      perSecond: earlier === undefined || seconds <= 0 ? undefined : newCalls / seconds,
    }))
}

const rowOf = (
  name: string,
  { calls: newCalls, errors, latency }: MethodFigures,
  { calls, running }: MethodFigures,
) => ({
  name,
  calls,
  newCalls,
  running,
  errors: errors as Readonly<Record<string, number>>,
  p50: quantile(latency, 0.5),
  p99: quantile(latency, 0.99),
  "p99.9": quantile(latency, 0.999),
})

const methodsOf = ({ endpoints }: Look): Methods =>
  new Map(Object.entries(addStats(endpoints.flatMap((one) => ("stats" in one ? [one.stats] : []))).methods))

/** Which process sets have answered. */
const setsOf = ({ endpoints }: Look): string =>
  endpoints.map((one) => `${one.endpoint} ${"stats" in one ? one.stats.start_time : "-"}`).join()

const since = (now: MethodFigures, before: MethodFigures | undefined): MethodFigures =>
  before === undefined
    ? now
    : {
        ...now,
        calls: now.calls - before.calls,
        errors: less(now.errors, before.errors),
        latency: subtractBuckets(now.latency, before.latency),
        totalMicros: now.totalMicros - before.totalMicros,
      }

type Errors = MethodFigures["errors"]

/** Without the codes that come to nothing. */
const less = (now: Errors, before: Errors): Errors => {
  const earlier: Readonly<Record<string, number>> = before
  const counts = Object.entries(now).map(([code, count]) => [code, count - (earlier[code] ?? 0)] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
