import type { CallErrors, CallsView, MethodRow, PoisonRow, RecentCalls, WorkerRow } from "../../domain/CallFigures.ts"
import { mergeBuckets, quantile, type SparseBuckets } from "../../domain/Histogram.ts"
import type { Problem } from "../../domain/Problem.ts"
import { addStats } from "../../protocol/MergeStats.ts"
import type { ProcessStats } from "../../protocol/NodeManager.ts"
import { type MethodInfo, parametersText } from "../../protocol/Reflection.ts"
import {
  type CallStep,
  callsOf,
  isTask,
  type MethodStep,
  recentSteps,
  stepEveryMs,
  stepsMax,
  sumCounts,
} from "./CallSteps.ts"

/** What is known of a service's calls: one entry for each process set. */
export type CallReadings = {
  readonly now: number
  readonly steps: ReadonlyArray<CallStep>
  readonly places: ReadonlyArray<{ readonly nodeName: string; readonly stats: ProcessStats }>
  readonly silent: ReadonlyArray<{ readonly nodeName: string; readonly problem: Problem }>
}

const methodsShownMax = 200
const poisonShownMax = 100

const recentOf = (steps: ReadonlyArray<MethodStep>, looks: number): RecentCalls => {
  if (looks === 0) return { perSecond: null, errorShare: null, p50: null, p99: null }
  const calls = steps.reduce((sum, step) => sum + step.calls, 0)
  const failed = steps.reduce((sum, step) => sum + sumCounts(step.errors), 0)
  const latency = steps.reduce<SparseBuckets>((sum, step) => mergeBuckets(sum, step.latency), [])
  return {
    perSecond: steps.reduce((sum, step) => sum + step.perSecond, 0) / looks,
    errorShare: calls === 0 ? null : failed / calls,
    p50: quantile(latency, 0.5) ?? null,
    p99: quantile(latency, 0.99) ?? null,
  }
}

const errorsOf = (total: Readonly<Record<string, number>>, steps: ReadonlyArray<MethodStep>): CallErrors =>
  Object.entries(total)
    .filter(([, count]) => count > 0)
    .map(([code, count]) => ({
      code,
      total: count,
      recent: steps.reduce((sum, step) => sum + (step.errors[code] ?? 0), 0),
    }))
    .toSorted((a, b) => b.total - a.total || (a.code < b.code ? -1 : 1))

type Figures = ProcessStats["stats"]["methods"][string]

const idle: Figures = { calls: 0, running: 0, errors: {}, latency: [], maxMicros: 0, totalMicros: 0 }

type Described = ReadonlyMap<string, MethodInfo>

const methodRow = (name: string, figures: Figures, described: Described, steps: ReadonlyArray<CallStep>): MethodRow => {
  const recent = steps.slice(-recentSteps)
  const mine = recent.flatMap((step) => step.methods.get(name) ?? [])
  const info = described.get(name)
  return {
    name,
    signature: info === undefined ? "" : parametersText(info),
    description: info?.description ?? null,
    kind: info?.kind ?? (isTask(name) ? "task" : "unary"),
    running: figures.running,
    ...recentOf(mine, recent.length),
    errors: errorsOf(figures.errors, mine),
    since: {
      calls: figures.calls,
      p50: quantile(figures.latency, 0.5) ?? null,
      p99: quantile(figures.latency, 0.99) ?? null,
      p999: quantile(figures.latency, 0.999) ?? null,
      max: figures.maxMicros,
    },
    spark: steps.map((step) => step.methods.get(name)?.perSecond ?? 0),
  }
}

const workerRows = ({ places }: CallReadings): ReadonlyArray<WorkerRow> =>
  places.flatMap(({ nodeName, stats }) =>
    stats.workers.map((worker) => ({
      nodeName,
      name: stats.name,
      slot: worker.slot,
      kind: worker.kind,
      pid: worker.pid,
      requests: worker.request_count,
      connections: worker.connection_num,
      inFlight: worker.concurrency,
      rssBytes: worker.rss_bytes,
      loopLagMs: worker.loop_lag_ms,
    })),
  )

const poisonRows = ({ places }: CallReadings): ReadonlyArray<PoisonRow> =>
  places
    .flatMap(({ nodeName, stats }) => stats.poison.map((poison) => ({ nodeName, ...poison })))
    .slice(0, poisonShownMax)

/** The methods that the nodes tell of; where versions differ, as the first node has it. */
export const methodsOf = (places: ReadonlyArray<{ readonly stats: ProcessStats }>): ReadonlyArray<MethodInfo> => {
  const found = new Map<string, MethodInfo>()
  for (const { stats } of places)
    for (const method of stats.methods) if (!found.has(method.name)) found.set(method.name, method)
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const minuteMs = 60_000
const longestMs = stepEveryMs * stepsMax

/** Wide enough for what there is: a chart of ten seconds would be a stroke at its right end. */
const spanOf = (steps: ReadonlyArray<CallStep>, now: number): number => {
  const age = now - (steps[0]?.at ?? now)
  return [minuteMs, 2 * minuteMs].find((span) => age <= span) ?? longestMs
}

/** What a page shows of the readings. */
export const callsView = (readings: CallReadings): CallsView => {
  const { now, places, silent, steps } = readings
  const total = addStats(places.map(({ stats }) => stats.stats))
  const described = new Map(methodsOf(places).map((method) => [method.name, method]))
  const names = [...new Set([...described.keys(), ...Object.keys(total.methods)])].toSorted()
  const recent = steps.slice(-recentSteps)
  const all = recent.flatMap((step) => callsOf(step.methods))
  return {
    known: places.length > 0,
    now,
    spanMs: spanOf(steps, now),
    stepMs: stepEveryMs,
    points: steps.map(({ at, errorsPerSecond, p50, p99, perSecond }) => ({ at, errorsPerSecond, p50, p99, perSecond })),
    totals: {
      ...recentOf(all, recent.length),
      running: total.concurrency,
      connections: total.connection_num,
      workers: total.worker_num,
      idleWorkers: total.idle_worker_num,
      rssBytes: total.rss_bytes,
      loopLagMs: total.loop_lag_ms,
      calls: Object.entries(total.methods).reduce((sum, [name, { calls }]) => (isTask(name) ? sum : sum + calls), 0),
      refused: total.abort_count,
    },
    methods: names
      .slice(0, methodsShownMax)
      .map((name) => methodRow(name, total.methods[name] ?? idle, described, steps)),
    more: Math.max(0, names.length - methodsShownMax),
    workers: workerRows(readings),
    poison: poisonRows(readings),
    silent,
  }
}
