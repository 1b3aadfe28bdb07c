import { Option, Schema } from "effect"
import { ProcessAssignment } from "../../domain/ProcessSpec.ts"

/**
 * What the agent keeps of each process that it starts, so that the next agent knows it again. Written before the start
 * without `process`, and then with it: between the two it is found by its mark, which has the run's id.
 */
export const RunRecord = Schema.Struct({
  run: Schema.String,
  /** Its MUSTER_RUN. */
  mark: Schema.String,
  bootId: Schema.String,
  set: Schema.String,
  kind: Schema.Literals(["calls", "tasks"]),
  slot: Schema.Int,
  /** Processes of its kind in the set, when it was started. */
  count: Schema.Int,
  /** Milliseconds since 1970. */
  startedAt: Schema.Finite,
  /** It was given a listening socket. */
  hasSocket: Schema.Boolean,
  process: Schema.optionalKey(Schema.Struct({ pid: Schema.Int, startTime: Schema.String })),
  /** The folder of the control group that it was started in. */
  cgroup: Schema.optionalKey(Schema.String),
  /** It was up. */
  isUp: Schema.Boolean,
  /** It was asked to end. */
  isLeaving: Schema.Boolean,
  /** So long it may take to do so: until then, in milliseconds since the host's start. */
  drainUntil: Schema.optionalKey(Schema.Finite),
  /** Which version of the spec and of its module: later ones are larger. An older agent has not counted. */
  generation: Schema.optionalKey(Schema.Int),
  /** Bad ends in its slot before it. */
  restarts: Schema.optionalKey(Schema.Int),
  /** What it was started from; of an agent of another version it may be something that we can't read. */
  assignment: Schema.Unknown,
})
export type RunRecord = typeof RunRecord.Type

/** An instance that has ended by itself, and is to stay down. */
export const EndRecord = Schema.Struct({
  bootId: Schema.String,
  set: Schema.String,
  kind: Schema.Literals(["calls", "tasks"]),
  slot: Schema.Int,
  reason: Schema.String,
  good: Schema.Boolean,
  /** When it had, in milliseconds since 1970; an older agent has not kept it. */
  since: Schema.optional(Schema.Finite),
  /** What had ended; an older agent has not kept it. */
  assignment: Schema.optionalKey(Schema.Unknown),
})
export type EndRecord = typeof EndRecord.Type

/** An instance has failed, and waits for its next try, or for a person; or it was tried again since. */
export const FailureRecord = Schema.Struct({
  bootId: Schema.String,
  set: Schema.String,
  kind: Schema.Literals(["calls", "tasks"]),
  slot: Schema.Int,
  state: Schema.Literals(["BACKOFF", "FATAL"]),
  past: Schema.Struct({ failures: Schema.Int, ends: Schema.Int }),
  /** Milliseconds since the host's start; null: until a person starts it. */
  until: Schema.NullOr(Schema.Finite),
  reason: Schema.String,
  restarts: Schema.Int,
  /** When it failed, in milliseconds since 1970; an older agent has not kept it. */
  since: Schema.optional(Schema.Finite),
  /** What failed. */
  assignment: Schema.Unknown,
})
export type FailureRecord = typeof FailureRecord.Type

/** The listening sockets of a set, by slot, in the order in which the kernel has them. */
export const SocketRecord = Schema.Struct({
  bootId: Schema.String,
  set: Schema.String,
  order: Schema.Array(Schema.Int),
})
export type SocketRecord = typeof SocketRecord.Type

const assignmentOf = Schema.decodeUnknownOption(ProcessAssignment)

/** What the run was started from, if we can read it. */
export const launchedFrom = ({ assignment }: { readonly assignment?: unknown }): ProcessAssignment | undefined =>
  Option.getOrUndefined(assignmentOf(assignment))

/** Where it stands among those of its slot, and of its set. */
export const lineageOf = ({ generation = 0, restarts = 0 }: RunRecord) => ({ generation, restarts })
