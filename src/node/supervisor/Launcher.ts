import { Context, Effect, Layer } from "effect"
import type { DataFolder } from "../DataFolder.ts"
import { commandLauncher } from "./CommandLauncher.ts"
import type { Launched, LaunchFailed, LaunchRequest } from "./Launched.ts"
import { workerLauncher } from "./WorkerLauncher.ts"

/** Starts a process of a set: a worker for a module, a program for a command. */
export class Launcher extends Context.Service<
  Launcher,
  { readonly launch: (request: LaunchRequest) => Effect.Effect<Launched, LaunchFailed> }
>()("muster/node/supervisor/Launcher") {
  /** `entry`: another main.ts for the workers to run, from source only. */
  static readonly layer = (folder: DataFolder, entry?: string) =>
    Layer.effect(
      Launcher,
      Effect.gen(function* () {
        const launchWorker = yield* workerLauncher(folder, entry)
        const launchCommand = yield* commandLauncher(entry)
        return Launcher.of({
          launch: (request) =>
            request.assignment.spec.kind === "command" ? launchCommand(request) : launchWorker(request),
        })
      }),
    )
}
