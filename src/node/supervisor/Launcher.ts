import { Context, Effect, Layer } from "effect"
import { identityOf } from "../../platform/ProcessTree.ts"
import type { DataFolder } from "../DataFolder.ts"
import { type LeftRun, Runs } from "../running/Runs.ts"
import { commandLauncher } from "./CommandLauncher.ts"
import type { Launched, LaunchFailed, LaunchRequest, RunRequest } from "./Launched.ts"
import { workerLauncher } from "./WorkerLauncher.ts"

/** Starts a process of a set: a worker for a module, a program for a command. */
export class Launcher extends Context.Service<
  Launcher,
  {
    readonly launch: (request: LaunchRequest) => Effect.Effect<Launched, LaunchFailed>
    /** The same for one that an agent before this one has started by `request`. */
    readonly adopt: (left: LeftRun, request: LaunchRequest) => Effect.Effect<Launched>
  }
>()("muster/node/supervisor/Launcher") {
  /** `entry`: another main.ts for the workers to run, from source only. */
  static readonly layer = (folder: DataFolder, entry?: string) =>
    Layer.effect(
      Launcher,
      Effect.gen(function* () {
        const runs = yield* Runs
        const workers = yield* workerLauncher(folder, entry)
        const launchCommand = yield* commandLauncher
        const fork = Effect.runForkWith(yield* Effect.context<never>())

        const launch = (request: RunRequest) =>
          request.assignment.spec.kind === "command" ? launchCommand(request) : workers.launch(request)

        return Launcher.of({
          launch: Effect.fnUntraced(function* (request) {
            const run = yield* runs.begin({ ...request, hasSocket: request.fd !== undefined })
            const launched = yield* launch({ ...request, run }).pipe(
              Effect.tapError(() => Effect.sync(() => run.ended())),
            )
            const identity = identityOf(launched.pid)
            if (identity !== undefined) run.started(identity)
            fork(
              Effect.andThen(
                launched.exited,
                Effect.sync(() => run.ended()),
              ),
            )
            fork(
              Effect.raceFirst(
                Effect.andThen(
                  launched.ready,
                  Effect.sync(() => run.up()),
                ),
                launched.exited,
              ),
            )
            return launched
          }, Effect.uninterruptible),
          adopt: Effect.fnUntraced(function* (left, request) {
            const { child, record, run } = left
            const launched = yield* workers.adopt(child, { ...request, run }, record)
            fork(
              Effect.andThen(
                launched.exited,
                Effect.sync(() => run.ended()),
              ),
            )
            if (!record.isUp)
              fork(
                Effect.raceFirst(
                  Effect.andThen(
                    launched.ready,
                    Effect.sync(() => run.up()),
                  ),
                  launched.exited,
                ),
              )
            return launched
          }),
        })
      }),
    )
}
