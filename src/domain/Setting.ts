/** What a number of a setting counts. It decides how a form asks for it and how a page shows it. */
export type SettingUnit = "count" | "bytes" | "ms"

/** One number that an operator may set: its bounds, and what it is when nobody has set it. */
export interface Setting {
  readonly unit: SettingUnit
  readonly minimum: number
  readonly maximum: number
  readonly default: number
  /** What 0 stands for, where it is no number like the others. */
  readonly zero?: "never" | "off" | "automatic" | "unlimited"
}

const KiB = 1024
const MiB = 1024 * KiB
const second = 1_000
const hour = 3_600 * second
const day = 24 * hour

/**
 * How the workers of a service answer calls: every number that an operator may set, in the order in which a form shows
 * them. Bytes and milliseconds. The form, the Schema, the check and the help all come from this table.
 */
export const rpcSettings = {
  /** Separate processes that run queued tasks. */
  taskWorkers: { unit: "count", minimum: 0, maximum: 64, default: 0 },
  /** A worker is replaced after it has answered so many calls, */
  maxRequests: { unit: "count", minimum: 0, maximum: 1_000_000_000, default: 0, zero: "never" },
  /** and a random number of further ones, so that not all workers go at once. */
  maxRequestsJitter: { unit: "count", minimum: 0, maximum: 1_000_000_000, default: 0 },
  /** A worker is replaced when its resident memory is above this. */
  maxRssBytes: { unit: "bytes", minimum: 0, maximum: 1024 * 1024 * MiB, default: 0, zero: "unlimited" },
  /** A worker is replaced when it is so old, give or take a tenth. */
  maxLifetimeMs: { unit: "ms", minimum: 0, maximum: 366 * day, default: 0, zero: "unlimited" },
  /** How long a new worker may take until it is ready. */
  startTimeoutMs: { unit: "ms", minimum: 100, maximum: hour, default: 10 * second },
  /** A worker whose event loop is stuck for so long is replaced. */
  heartbeatTimeoutMs: { unit: "ms", minimum: 0, maximum: hour, default: 10 * second, zero: "off" },
  /** Largest frame that is taken from a caller. */
  maxFrameBytes: { unit: "bytes", minimum: 64 * KiB, maximum: 64 * MiB, default: 2 * MiB },
  /** Connections of one worker. */
  maxConnections: { unit: "count", minimum: 1, maximum: 1_000_000, default: 10_000 },
  /** Calls that run at once, on one connection */
  maxInFlightPerConnection: { unit: "count", minimum: 16, maximum: 65_536, default: 1_024 },
  /** and in one worker. */
  maxInFlight: { unit: "count", minimum: 1, maximum: 1_000_000, default: 10_000 },
  /** Answers that may wait for a caller that does not read them, on one connection. */
  maxWriteBufferBytes: { unit: "bytes", minimum: 64 * KiB, maximum: 1024 * MiB, default: 8 * MiB },
  /** A connection without a call for so long is closed. */
  idleTimeoutMs: { unit: "ms", minimum: 0, maximum: 30 * day, default: 0, zero: "never" },
  /** A connection that has not said HELLO by then is closed. */
  helloTimeoutMs: { unit: "ms", minimum: 100, maximum: 60 * second, default: 3 * second },
  /** Connections that may wait for a worker to accept them, for each worker. */
  backlog: { unit: "count", minimum: 1, maximum: 65_535, default: 1_024 },
  /** A call that takes longer is logged. */
  slowCallMs: { unit: "ms", minimum: 0, maximum: hour, default: second, zero: "off" },
  /** Results of calls with an idempotency key are kept so long. */
  idempotencyWindowMs: { unit: "ms", minimum: 0, maximum: day, default: 600 * second, zero: "off" },
  /** Tasks that may wait on a node; more are refused at once. */
  taskQueueMax: { unit: "count", minimum: 1, maximum: 1_000_000, default: 10_000 },
  /** How long one run of a task may take. */
  taskTimeoutMs: { unit: "ms", minimum: 100, maximum: 7 * day, default: 60 * second },
  /** Runs of a task in all, before it is put with the dead letters. */
  taskAttemptsMax: { unit: "count", minimum: 1, maximum: 100, default: 5 },
} as const satisfies Readonly<Record<string, Setting>>

export type RpcSettingName = keyof typeof rpcSettings
export type RpcNumbers = { readonly [Name in RpcSettingName]: number }

export const rpcSettingNames = Object.keys(rpcSettings) as ReadonlyArray<RpcSettingName>

/** Each setting at its default. */
export const rpcDefaults = Object.fromEntries(
  rpcSettingNames.map((name) => [name, rpcSettings[name].default]),
) as RpcNumbers
