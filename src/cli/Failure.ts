import { Data } from "effect"

/** Every way out of the program: 0 done, 1 asked and failed, 2 not even asked. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const

/** A command line, a variable or a setting that can't be used: one line, exit code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** What was asked for did not work: one line, exit code 1. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly message: string
  /** For `--json`. */
  readonly data?: unknown
}> {}
