import { now } from "../rpc/Deadlines.ts"
import type { ListedEndpoint } from "./EndpointFile.ts"
import type { EndpointPool } from "./EndpointPool.ts"
import type { EndpointSet } from "./EndpointSet.ts"
import type { WorkerLane } from "./WorkerLane.ts"

/** One worker of an endpoint, as this client sees it. Times in milliseconds. */
export interface WorkerStats {
  readonly id: number
  readonly pid: number
  /**
   * `draining`: finishes its calls and gets no new ones. `ejected`: gets no calls for `ejectedMs`. `probing`: one call
   * tells.
   */
  readonly state: "open" | "draining" | "ejected" | "probing"
  readonly ejectedMs: number
  readonly inFlight: number
  /** The part of the client's calls that its weight asks for, 0 to 1. */
  readonly share: number
  /** How many times slower than usual it answers, of late; 1 is as usual. */
  readonly slowness: number
  readonly calls: number
  readonly failures: Readonly<Record<string, number>>
  readonly ejections: number
}

export interface EndpointStats extends ListedEndpoint {
  /** `idle`: no call has needed it yet. `away`: it can't be reached; it is tried again by itself. */
  readonly state: "idle" | "connecting" | "open" | "away"
  /** Why the last try to connect failed. */
  readonly reason: string | undefined
  /** Of all its workers so far, also of those that are not reached just now. */
  readonly calls: number
  readonly failures: Readonly<Record<string, number>>
  /** Those that are reached. */
  readonly workers: ReadonlyArray<WorkerStats>
}

export interface ClientStats {
  readonly service: string
  /** `open`: no worker can be called just now. `half-open`: some are left out, or tried. `closed`: all is well. */
  readonly circuit: "closed" | "half-open" | "open"
  readonly endpoints: ReadonlyArray<EndpointStats>
  readonly inFlight: number
  readonly calls: number
  readonly failures: Readonly<Record<string, number>>
  readonly retries: number
  readonly hedges: number
  /** Retries and hedges that the budget allows now. */
  readonly retriesLeft: number
  /** The usual time of each method that was called, in milliseconds. */
  readonly usualMs: Readonly<Record<string, number>>
}

export interface StatsSource {
  readonly service: string
  readonly endpoints: EndpointSet
  readonly retries: number
  readonly hedges: number
  readonly retriesLeft: number
  readonly usualMs: Readonly<Record<string, number>>
}

export const statsOf = ({ endpoints: set, ...figures }: StatsSource): ClientStats => {
  const time = now()
  const total = set.weight
  const endpoints = Array.from(set.pools, (pool) => endpointStats(pool, total, time))
  const workers = endpoints.flatMap((endpoint) => endpoint.workers)
  const failures: Record<string, number> = {}
  for (const endpoint of endpoints) addTo(failures, Object.entries(endpoint.failures))
  return {
    ...figures,
    circuit: circuitOf(endpoints),
    endpoints,
    inFlight: workers.reduce((sum, { inFlight }) => sum + inFlight, 0),
    calls: endpoints.reduce((sum, { calls }) => sum + calls, 0),
    failures,
  }
}

const circuitOf = (endpoints: ReadonlyArray<EndpointStats>): ClientStats["circuit"] => {
  const usable = endpoints.filter(({ weight }) => weight > 0)
  const isWell = ({ state, workers }: EndpointStats) =>
    state !== "away" && workers.every((worker) => worker.state === "open" || worker.state === "draining")
  if (usable.length > 0 && usable.every(isWell)) return "closed"
  return usable.some(({ state }) => state !== "away") ? "half-open" : "open"
}

const addTo = (sums: Record<string, number>, counts: Iterable<readonly [string, number]>) => {
  for (const [code, count] of counts) sums[code] = (sums[code] ?? 0) + count
}

const endpointStats = (pool: EndpointPool, total: number, time: number): EndpointStats => {
  const failures: Record<string, number> = {}
  let calls = 0
  for (const worker of pool.known) {
    calls += worker.calls
    addTo(failures, worker.failures)
  }
  return {
    ...pool.endpoint,
    state: stateOf(pool),
    reason: pool.failure?.message,
    calls,
    failures,
    workers: [...pool.lanes, ...pool.leaving].map((lane) => workerStats(lane, total, time)),
  }
}

const stateOf = (pool: EndpointPool): EndpointStats["state"] => {
  if (pool.isAway) return "away"
  if (pool.lanes.length > 0) return "open"
  return pool.isConnecting ? "connecting" : "idle"
}

const workerStats = (lane: WorkerLane, total: number, time: number): WorkerStats => {
  const { inFlight, isLeaving, worker } = lane
  const { calls, ejectedUntil, ejections, failures, id, isOut, pid } = worker
  const ejectedMs = Math.max(0, ejectedUntil - time)
  lane.look(time)
  return {
    id,
    pid,
    state: workerState(isLeaving, isOut, ejectedMs),
    ejectedMs: Math.round(ejectedMs),
    inFlight,
    share: isLeaving || isOut || total === 0 ? 0 : lane.weight / total,
    slowness: Math.round(lane.slowness * 100) / 100,
    calls,
    failures: Object.fromEntries(failures),
    ejections,
  }
}

const workerState = (isLeaving: boolean, isOut: boolean, ejectedMs: number): WorkerStats["state"] => {
  if (isLeaving) return "draining"
  if (!isOut) return "open"
  return ejectedMs > 0 ? "ejected" : "probing"
}
