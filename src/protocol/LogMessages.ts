import { Schema } from "effect"
import { logLevels } from "../domain/LogLevel.ts"

const Stream = Schema.Literals(["out", "err"])
export type LogStreamName = typeof Stream.Type

/** By output, `tasks/0 out`: how many bytes of all that it ever said were read. */
const Positions = Schema.Record(Schema.String, Schema.Finite)

/**
 * Asks for log lines of one process set, in time order over its instances. Answered by a stream of LogBatch. `tail`: the
 * last so many lines of what matches; without it, from `from` on. `follow`: goes on with what comes.
 */
export const LogsRequest = Schema.Struct({
  name: Schema.String,
  /** Instances by slot, as in the status: `0`, `tasks/0`. Left out: all. */
  places: Schema.optionalKey(Schema.Array(Schema.String)),
  stream: Schema.optionalKey(Stream),
  /** Milliseconds since 1970. */
  from: Schema.optionalKey(Schema.Int),
  to: Schema.optionalKey(Schema.Int),
  tail: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))),
  follow: Schema.optionalKey(Schema.Boolean),
  /** Lines that contain this text, whatever its case. */
  search: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(1_000))),
  /** Lines that are at least so grave, by the rule of `lineLevel`. A node that is older tells all. */
  level: Schema.optionalKey(Schema.Literals(logLevels)),
  /**
   * Goes on after what was read before: `positions` of the last batch of a former call with the same places and filters.
   * Neither `from` nor `tail` counts then. Outputs that it does not name are read from their beginning.
   */
  after: Schema.optionalKey(Positions),
  /** At most so many lines. */
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 }))),
})
export type LogsRequest = typeof LogsRequest.Type

export const LogLine = Schema.Struct({
  /** When the agent has got it, milliseconds since 1970. */
  at: Schema.Finite,
  place: Schema.String,
  stream: Stream,
  /** Without the end of the line; cut at 64 KiB. */
  text: Schema.String,
})
export type LogLine = typeof LogLine.Type

/**
 * Lines in the order of their times. `caughtUp`: what follows is new. `dropped`: lines that a slow reader has missed.
 * `positions`: how far each output was read that has moved since the batch before.
 */
export const LogBatch = Schema.Struct({
  positions: Positions,
  lines: Schema.Array(LogLine),
  caughtUp: Schema.Boolean,
  dropped: Schema.Int,
})
export type LogBatch = typeof LogBatch.Type

/** The log files of a process set on the node's disk. */
export const LogFiles = Schema.Struct({
  files: Schema.Array(
    Schema.Struct({
      place: Schema.String,
      stream: Stream,
      path: Schema.String,
      bytes: Schema.Finite,
      from: Schema.NullOr(Schema.Finite),
      to: Schema.NullOr(Schema.Finite),
    }),
  ),
})
export type LogFiles = typeof LogFiles.Type
