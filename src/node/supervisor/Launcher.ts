import { Context, Effect, Layer } from "effect"
import { identityOf } from "../../platform/ProcessTree.ts"
import type { DataFolder } from "../DataFolder.ts"
import { type LeftRun, type Run, Runs } from "../running/Runs.ts"
import { commandLauncher } from "./CommandLauncher.ts"
import type { Launched, LaunchFailed, LaunchRequest } from "./Launched.ts"
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
        const commands = yield* commandLauncher(entry)
        const fork = Effect.runForkWith(yield* Effect.context<never>())
        const of = ({ assignment }: LaunchRequest) => (assignment.spec.kind === "command" ? commands : workers)

        const follow = ({ exited, ready }: Launched, run: Run, isUp: boolean) => {
          fork(
            Effect.andThen(
              exited,
              Effect.sync(() => run.ended()),
            ),
          )
          if (!isUp)
            fork(
              Effect.raceFirst(
                Effect.andThen(
                  ready,
                  Effect.sync(() => run.up()),
                ),
                exited,
              ),
            )
        }

        return Launcher.of({
          launch: Effect.fnUntraced(function* (request) {
            const run = yield* runs.begin({ ...request, hasSocket: request.fd !== undefined })
            const launch = of(request).launch({ ...request, run })
            const launched = yield* Effect.tapError(launch, () => Effect.sync(() => run.ended()))
            const identity = identityOf(launched.pid)
            if (identity !== undefined) run.started(identity)
            follow(launched, run, false)
            return launched
          }, Effect.uninterruptible),
          adopt: Effect.fnUntraced(function* ({ child, record, run }, request) {
            const known = { ...record, wasOver: child.wasOver }
            const launched = yield* of(request).adopt(child, { ...request, run }, known)
            follow(launched, run, record.isUp)
            return launched
          }),
        })
      }),
    )
}
