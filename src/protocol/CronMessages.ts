import { Schema } from "effect"

/** What came of a run. `lost`: the agent ended while it ran, and nobody knows. `skipped`: by the task's overlap policy. */
export const RunState = Schema.Literals(["running", "ok", "failed", "timeout", "stopped", "skipped", "lost"])
export type RunState = typeof RunState.Type

/** Why it began: its time, a time that was missed, a retry, a person. */
const RunCause = Schema.Literals(["schedule", "missed", "retry", "manual"])

/** One run of a cron task. Times are milliseconds since 1970. */
export const CronRun = Schema.Struct({
  id: Schema.String,
  taskId: Schema.String,
  cause: RunCause,
  /** When it was due; of a manual run, when it was asked for. */
  dueAt: Schema.Int,
  /** null: skipped. */
  startedAt: Schema.NullOr(Schema.Int),
  endedAt: Schema.NullOr(Schema.Int),
  state: RunState,
  attempt: Schema.Int,
  exitCode: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  /** Why it failed, or was skipped. */
  reason: Schema.NullOr(Schema.String),
  /** Who asked for a manual run, or stopped it. */
  by: Schema.NullOr(Schema.String),
  outputBytes: Schema.Int,
})
export type CronRun = typeof CronRun.Type

/** What a node says of a task in its status. */
export const CronTaskStatus = Schema.Struct({
  id: Schema.String,
  /** null: it is not enabled, or its schedule has no next time. */
  nextAt: Schema.NullOr(Schema.Int),
  running: Schema.Int,
  last: Schema.NullOr(CronRun),
})
export type CronTaskStatus = typeof CronTaskStatus.Type

/** The runs of one task, the newest first; `before`: those older than this one. */
export const CronRunsRequest = Schema.Struct({
  taskId: Schema.String,
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })),
  before: Schema.optionalKey(Schema.String),
})
export const CronRuns = Schema.Struct({ runs: Schema.Array(CronRun), total: Schema.Int })
export type CronRuns = typeof CronRuns.Type

/** Runs that ended after `after`, oldest first: with it the manager fills in what it has missed. */
export const CronHistoryRequest = Schema.Struct({
  /** The `cursor` of the last answer; empty: from the beginning. */
  after: Schema.String,
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })),
})
export const CronHistory = Schema.Struct({ runs: Schema.Array(CronRun), cursor: Schema.String, more: Schema.Boolean })
export type CronHistory = typeof CronHistory.Type

export const CronRunRequest = Schema.Struct({ runId: Schema.String })
/** stdout and stderr together, as they came: the first and the last 64 KiB. */
export const CronOutput = Schema.Struct({
  head: Schema.String,
  tail: Schema.String,
  /** Bytes between them that were not kept. */
  omitted: Schema.Int,
})
export type CronOutput = typeof CronOutput.Type

/** Runs it now, by its overlap policy. `by`: who asked. */
export const CronStartRequest = Schema.Struct({ taskId: Schema.String, by: Schema.String })
export const CronStarted = Schema.Struct({ runId: Schema.String })
/** Ends a run; answers when it has ended. */
export const CronStopRequest = Schema.Struct({ runId: Schema.String, by: Schema.String })
