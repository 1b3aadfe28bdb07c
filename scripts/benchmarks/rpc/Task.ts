/** What a load process is asked to do: for `ms` milliseconds, or until `calls` calls are answered. */
export interface Task {
  /** Callers at once, each with one call after the other. */
  readonly width?: number
  readonly ms?: number
  readonly calls?: number
  /** Calls per second that are begun however many are open; in place of `width`. */
  readonly rate?: number
  /** Each call is timed, which costs the client a little. */
  readonly latency?: boolean
}

/** What it did. `p50`, `p99`, `max`: milliseconds from call to answer, null where they were not asked for. */
export interface Outcome {
  readonly calls: number
  readonly ms: number
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}
