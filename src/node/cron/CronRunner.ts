import { Context, Data, Effect, Layer } from "effect"
import type { CronTask } from "../../domain/Cron.ts"
import type { ProcessIdentity } from "../../platform/ProcessTable.ts"
import type { DataFolder } from "../DataFolder.ts"
import { commandRuns } from "./CommandRuns.ts"
import { methodRuns } from "./MethodRuns.ts"
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
}

/** Does what cron tasks say. */
export class CronRunner extends Context.Service<
  CronRunner,
  {
    readonly start: (task: CronTask, runId: string) => Effect.Effect<RunningAction, StartFailed>
    /** Takes up a run of an agent before this one; undefined: it has ended. */
    readonly adopt: (run: AdoptedRun) => Effect.Effect<RunningAction | undefined>
    /** Clears up after runs that are over; those in `running` are not. */
    readonly sweep: (running: ReadonlySet<string>) => Effect.Effect<void>
  }
>()("muster/node/cron/CronRunner") {
  /** `entry`: another main.ts to become the programs of other users, from source only. */
  static readonly layer = (folder: DataFolder, entry?: string) =>
    Layer.effect(
      CronRunner,
      Effect.gen(function* () {
        const commands = yield* commandRuns(folder, entry)
        const methods = yield* methodRuns(folder)
        return CronRunner.of({
          start: (task, runId) =>
            task.action.kind === "command"
              ? commands.start(task.id, task.action, runId)
              : methods.start(task.action, task.timeoutMs),
          adopt: commands.adopt,
          sweep: commands.sweep,
        })
      }),
    )
}

export type AdoptedRun = {
  readonly id: string
  readonly taskId: string
  readonly process: RunProcess
  readonly output: RunOutput
}
