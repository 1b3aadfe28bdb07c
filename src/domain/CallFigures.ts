import type { Problem } from "./Problem.ts"

/*
 * The figures of a service's calls, as a page shows them. Rates are a second, latencies in microseconds; `null`: there
 * is nothing to tell yet.
 */

/** One step of the last minutes: what happened between two looks at the service. */
export type CallPoint = {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly perSecond: number
  readonly errorsPerSecond: number
  readonly p50: number | null
  readonly p99: number | null
}

/** Of the last half minute. */
export type RecentCalls = {
  readonly perSecond: number | null
  /** 0 to 1. */
  readonly errorShare: number | null
  readonly p50: number | null
  readonly p99: number | null
}

export type CallErrors = ReadonlyArray<{
  readonly code: string
  /** In the last half minute, and since the start. */
  readonly recent: number
  readonly total: number
}>

export type MethodRow = RecentCalls & {
  readonly name: string
  readonly signature: string
  readonly description: string | null
  /** `task`: runs of a queued task. */
  readonly kind: "unary" | "stream" | "task"
  readonly running: number
  readonly errors: CallErrors
  /** Since the start of the processes. */
  readonly since: {
    readonly calls: number
    readonly p50: number | null
    readonly p99: number | null
    readonly p999: number | null
    readonly max: number
  }
  /** Calls a second, one number a step. */
  readonly spark: ReadonlyArray<number>
}

export type WorkerRow = {
  readonly nodeName: string
  /** The process set on its node: `<service>@<port>`. */
  readonly name: string
  readonly slot: number
  readonly kind: "calls" | "tasks"
  readonly pid: number
  readonly requests: number
  readonly connections: number
  readonly inFlight: number
  readonly rssBytes: number
  readonly loopLagMs: number
}

/** A call that is refused, since it was in flight when workers crashed. */
export type PoisonRow = {
  readonly nodeName: string
  readonly hash: string
  readonly method: string
  readonly crashes: number
}

export type CallsView = {
  /** False: no node has told its figures yet. */
  readonly known: boolean
  readonly now: number
  /** Of the chart, to the left of now. */
  readonly spanMs: number
  /** Between two steps. */
  readonly stepMs: number
  readonly points: ReadonlyArray<CallPoint>
  readonly totals: RecentCalls & {
    readonly running: number
    readonly connections: number
    readonly workers: number
    readonly idleWorkers: number
    readonly rssBytes: number
    readonly loopLagMs: number
    /** Answered since the start. */
    readonly calls: number
    readonly refused: number
  }
  readonly methods: ReadonlyArray<MethodRow>
  /** Methods that are not shown. */
  readonly more: number
  readonly workers: ReadonlyArray<WorkerRow>
  readonly poison: ReadonlyArray<PoisonRow>
  /** Nodes that did not tell their figures. */
  readonly silent: ReadonlyArray<{ readonly nodeName: string; readonly problem: Problem }>
}
