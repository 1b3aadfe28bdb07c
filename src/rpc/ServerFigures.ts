/** What a server has counted since it was made. */
export interface ServerFigures {
  /** Open now. */
  readonly connections: number
  readonly accepted: number
  readonly closed: number
  /** Connections and calls that were refused by a limit. */
  readonly aborted: number
  /** REQUEST and ONEWAY frames. */
  readonly requests: number
  /** Final frames of calls. */
  readonly responses: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Calls that run now. */
  readonly concurrency: number
}

/** Bytes in and out, counted by the links of one side. */
export interface Traffic {
  receivedBytes: number
  sentBytes: number
}

/** The counts themselves, which the connections add to. */
export class Counts implements Traffic {
  accepted = 0
  closed = 0
  aborted = 0
  requests = 0
  responses = 0
  receivedBytes = 0
  sentBytes = 0
  /** Calls that a handler has answered, in any way. */
  served = 0
  /** Calls whose handler has not settled. */
  running = 0
}
