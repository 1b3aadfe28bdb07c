import { Context, Effect, Layer } from "effect"
import type { CronTask } from "../../domain/Cron.ts"
import type { DataFolder } from "../DataFolder.ts"
import { commandRuns } from "./CommandRuns.ts"
import { methodRuns } from "./MethodRuns.ts"
import type { AdoptedRun, RunningAction, StartFailed } from "./RunningAction.ts"
import type { RunOutput } from "./RunOutput.ts"

/** Does what cron tasks say. */
export class CronRunner extends Context.Service<
  CronRunner,
  {
    readonly start: (task: CronTask, runId: string) => Effect.Effect<RunningAction, StartFailed>
    /** Takes up a run of an agent before this one; undefined: it has gone with its host. */
    readonly adopt: (run: AdoptedRun) => Effect.Effect<RunningAction | undefined>
    /** What a run of an agent before this one had said. */
    readonly said: (runId: string) => Effect.Effect<RunOutput>
    /** Clears up after runs that are over; those in `running` are not. */
    readonly sweep: (running: ReadonlySet<string>) => Effect.Effect<void>
  }
>()("muster/node/cron/CronRunner") {
  /** `entry`: another main.ts to become the programs of other users, from source only. */
  static readonly layer = (folder: DataFolder, entry?: string) =>
    Layer.effect(
      CronRunner,
      Effect.gen(function* () {
        const commands = yield* commandRuns(entry)
        const methods = yield* methodRuns(folder)
        return CronRunner.of({
          start: (task, runId) =>
            task.action.kind === "command"
              ? commands.start(task.id, task.action, runId)
              : methods.start(task.action, task.timeoutMs),
          adopt: commands.adopt,
          said: commands.said,
          sweep: commands.sweep,
        })
      }),
    )
}
