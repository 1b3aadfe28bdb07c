import type { ErrorCode } from "../domain/ErrorCode.ts"
import type { SparseBuckets } from "../domain/Histogram.ts"
import type { RpcSettings } from "../domain/RpcSettings.ts"

/** What became of the calls of one method, since the start. */
export interface MethodFigures {
  readonly calls: number
  /** Calls that run now. */
  readonly running: number
  /** Answers that were errors, by code. */
  readonly errors: { readonly [Code in ErrorCode]?: number }
  /** How long the answers took, from the arrival of the request; a stream counts to its end. */
  readonly latency: SparseBuckets
  /** Microseconds. */
  readonly maxMicros: number
  readonly totalMicros: number
}

/**
 * The figures of one worker or, added up, of all workers of a process set on a node. Swoole's names where it has one.
 * Counts are since the start of the process set: those of workers that have left are kept.
 */
export interface StatsSnapshot {
  /** Milliseconds since 1970. */
  readonly start_time: number
  readonly connection_num: number
  readonly accept_count: number
  readonly close_count: number
  /** Connections and calls that were refused by a limit. */
  readonly abort_count: number
  readonly worker_num: number
  readonly idle_worker_num: number
  readonly task_worker_num: number
  readonly request_count: number
  readonly response_count: number
  readonly total_recv_bytes: number
  readonly total_send_bytes: number
  /** Calls that run now. */
  readonly concurrency: number
  /** Tasks that run, that wait, and that were given up, on this node. */
  readonly tasking_num: number
  readonly task_queue_num: number
  readonly task_dead_num: number
  readonly rss_bytes: number
  /** The longest time in the last second that an event loop was late. Milliseconds. */
  readonly loop_lag_ms: number
  readonly methods: Readonly<Record<string, MethodFigures>>
}

/** How the workers are run: the process spec, less what only the node needs. */
export interface StatsSettings extends RpcSettings {
  /** Worker processes of the set. */
  readonly workers: number
  readonly drainTimeoutMs: number
}

/** What the method `stats` answers. */
export interface StatsAnswer extends StatsSnapshot {
  readonly settings: StatsSettings
}

export const emptyStats: StatsSnapshot = {
  start_time: 0,
  connection_num: 0,
  accept_count: 0,
  close_count: 0,
  abort_count: 0,
  worker_num: 0,
  idle_worker_num: 0,
  task_worker_num: 0,
  request_count: 0,
  response_count: 0,
  total_recv_bytes: 0,
  total_send_bytes: 0,
  concurrency: 0,
  tasking_num: 0,
  task_queue_num: 0,
  task_dead_num: 0,
  rss_bytes: 0,
  loop_lag_ms: 0,
  methods: {},
}
