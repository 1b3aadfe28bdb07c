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
  /** It was up. */
  isUp: Schema.Boolean,
  /** It was asked to end. */
  isLeaving: Schema.Boolean,
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
})
export type EndRecord = typeof EndRecord.Type

/** The listening sockets of a set, by slot, in the order in which the kernel has them. */
export const SocketRecord = Schema.Struct({
  bootId: Schema.String,
  set: Schema.String,
  order: Schema.Array(Schema.Int),
})
export type SocketRecord = typeof SocketRecord.Type

const assignmentOf = Schema.decodeUnknownOption(ProcessAssignment)

/** What the run was started from, if we can read it. */
export const launchedFrom = ({ assignment }: RunRecord): ProcessAssignment | undefined =>
  Option.getOrUndefined(assignmentOf(assignment))
