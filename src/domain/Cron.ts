import { Effect, Schema } from "effect"
import { CommandLine } from "./CommandLine.ts"
import { Revision } from "./EndpointList.ts"
import { ServiceName } from "./ServiceName.ts"

const whole = (minimum: number, maximum: number, unit: string, byDefault: number) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { message: `must be a whole number from ${minimum} to ${maximum}${unit}` }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(byDefault)))

const day = 86_400_000

/** When a cron task runs. `expression`: five fields, in the time of `timeZone` (IANA). Checked by domain/Schedule.ts. */
export const Schedule = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("interval"),
    everySeconds: Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: 31_536_000 }, { message: "must be 1 to 31536000 (a year) seconds" }),
    ),
  }),
  Schema.Struct({ kind: Schema.Literal("cron"), expression: Schema.String, timeZone: Schema.String }),
])
export type Schedule = typeof Schedule.Type

/** What a cron task does. */
export const CronAction = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("command"),
    command: CommandLine,
    /** Empty: the agent's own. */
    user: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed(""))),
    cwd: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\//, { message: "must be an absolute path" }))),
    env: Schema.Record(Schema.String, Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  }),
  /** Calls a service by the endpoint list on the task's node; `args` is JSON, an array. */
  Schema.Struct({
    kind: Schema.Literal("method"),
    service: ServiceName,
    method: Schema.String.check(
      Schema.isPattern(/^[A-Za-z$][\w$]*(?:\.[A-Za-z$][\w$]*)?$/, { message: "is not a method" }),
    ),
    args: Schema.Array(Schema.Unknown).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  }),
])
export type CronAction = typeof CronAction.Type

/** When a run is due and the last one still runs: let it be, wait for its end, end it first, run beside it. */
export const Overlap = Schema.Literals(["skip", "queue", "replace", "allow"])
export type Overlap = typeof Overlap.Type

/** What becomes of runs that were due while the agent was not there: nothing, one for all, each of them (at most 100). */
export const MissedRuns = Schema.Literals(["skip", "once", "all"])
export type MissedRuns = typeof MissedRuns.Type

/** One task that runs again and again on one node. */
export const CronTask = Schema.Struct({
  /** A ULID; stays for ever. */
  id: Schema.String,
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
      message: "must be 1 to 63 letters, digits, dots, dashes or underscores",
    }),
  ),
  enabled: Schema.Boolean,
  schedule: Schedule,
  action: CronAction,
  overlap: Overlap.pipe(Schema.withDecodingDefaultKey(Effect.succeed("skip" as const))),
  missed: MissedRuns.pipe(Schema.withDecodingDefaultKey(Effect.succeed("once" as const))),
  /** A run that takes longer is ended; 0: it may take for ever. */
  timeoutMs: whole(0, 30 * day, " milliseconds", 3_600_000),
  /** Runs again after a failure, */
  retries: whole(0, 100, "", 0),
  /** after so long. */
  retryDelayMs: whole(0, day, " milliseconds", 10_000),
  /** Each run begins up to so much later than it is due, by chance. */
  jitterMs: whole(0, day, " milliseconds", 0),
  /** Runs that are kept, */
  keepRuns: whole(1, 100_000, "", 200),
  /** and how long. */
  keepMs: whole(60_000, 3_660 * day, " milliseconds", 30 * day),
})
export type CronTask = typeof CronTask.Type

/** All cron tasks of one node. `revision` grows with each change of the set. */
export const CronSet = Schema.Struct({ revision: Revision, tasks: Schema.Array(CronTask) })
export type CronSet = typeof CronSet.Type
