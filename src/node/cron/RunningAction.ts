import { Data, type Effect } from "effect"
import type { ProcessIdentity } from "../../platform/ProcessTable.ts"
import type { RunOutput } from "./RunOutput.ts"

/** The run could not even begin. */
export class StartFailed extends Data.TaggedError("StartFailed")<{ readonly reason: string }> {}

/** How what a run does has ended by itself. */
export type RunOutcome = {
  /** `lost`: it has ended, and nobody knows how. */
  readonly state: "ok" | "failed" | "timeout" | "lost"
  readonly exitCode: number | null
  readonly signal: string | null
  readonly reason: string | null
}

/** A process that a run is; `uid`: by whom it runs, where that is not the agent's own. */
export type RunProcess = ProcessIdentity & { readonly uid: number | undefined }

export interface RunningAction {
  /** null: it is no process, so it does not outlive the agent. */
  readonly process: RunProcess | null
  readonly output: RunOutput
  /** Returns when it has ended, and all it has said is in `output`. */
  readonly ended: Effect.Effect<RunOutcome>
  /** Ends it and all it has started: asks, and then kills. Returns when that is done, or can't be. */
  readonly stop: Effect.Effect<void>
  /** To be run when how it ended and what it said are in the history. */
  readonly written: Effect.Effect<void>
}

/** A run of an agent before this one, that is a process. */
export type AdoptedRun = {
  readonly id: string
  readonly taskId: string
  readonly process: RunProcess
}
