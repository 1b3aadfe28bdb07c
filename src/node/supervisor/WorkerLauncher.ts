import { Context, Data, Deferred, Effect, Layer } from "effect"
import { usesTls } from "../../domain/Loopback.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import { type Child, type Exit, spawnSelf } from "../../platform/ChildProcess.ts"
import { dirname, join } from "../../platform/Paths.ts"
import { type WorkerSettings, workerSettingsVariable } from "../../protocol/WorkerLink.ts"
import type { DataFolder } from "../DataFolder.ts"
import { AgentSocket } from "./AgentSocket.ts"
import { WorkerRegistry } from "./WorkerRegistry.ts"

/** The process could not even be started. */
export class LaunchFailed extends Data.TaggedError("LaunchFailed")<{ readonly reason: string }> {}

export type LaunchRequest = {
  readonly assignment: ProcessAssignment
  readonly slot: number
  readonly count: number
  /** The slot's listening socket. */
  readonly fd: number
}

/** A worker process that was started. */
export interface LaunchedWorker {
  readonly pid: number
  /** Returns when it accepts calls; never, when it does not come to that. */
  readonly ready: Effect.Effect<void>
  /** Returns with the reason when it has ended. */
  readonly exited: Effect.Effect<string>
  /** Asks it to drain and end. */
  readonly terminate: Effect.Effect<void>
  /** Ends it and all it has started, at once. */
  readonly kill: Effect.Effect<void>
}

const inheritedFd = 3

const exitReason = ({ code, signal }: Exit, failure: string | undefined) => {
  if (failure !== undefined) return failure
  return signal === null ? `exited with code ${code ?? 0}` : `killed by ${signal}`
}

export class WorkerLauncher extends Context.Service<
  WorkerLauncher,
  { readonly launch: (request: LaunchRequest) => Effect.Effect<LaunchedWorker, LaunchFailed> }
>()("muster/node/supervisor/WorkerLauncher") {
  /** Starts this program in its role `worker`. `entry`: another main.ts to run, from source only. */
  static readonly layer = (folder: DataFolder, entry?: string) =>
    Layer.effect(
      WorkerLauncher,
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const socket = yield* AgentSocket

        const settingsOf = ({ assignment, count, slot }: LaunchRequest): WorkerSettings => ({
          service: assignment.spec.service,
          name: assignment.name,
          kind: "calls",
          slot,
          count,
          module: assignment.spec.module,
          listenFd: inheritedFd,
          agentSocket: socket.path,
          ...(usesTls(assignment.spec.tls, assignment.listen.ip) ? { tls: { dir: folder.tls } } : {}),
          drainTimeoutMs: assignment.spec.drainTimeoutMs,
          dataDir: folder.root,
          rpc: assignment.spec.rpc,
          poison: [],
        })

        const spawn = (request: LaunchRequest): Child => {
          const { name, spec } = request.assignment
          return spawnSelf(["--role=worker", `--worker=${name}/${request.slot}`], {
            env: {
              NODE_ENV: "production",
              ...spec.env,
              [workerSettingsVariable]: JSON.stringify(settingsOf(request)),
            },
            cwd: dirname(spec.module),
            logFile: join(folder.logs, `${name}.log`),
            fds: [request.fd],
            ...(entry === undefined ? {} : { entry }),
          })
        }

        return WorkerLauncher.of({
          launch: Effect.fn("WorkerLauncher.launch")(function* (request) {
            const child = yield* Effect.try({
              try: () => spawn(request),
              catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
            })
            const { pid } = child.identity
            const registered = yield* registry.add(pid, { name: request.assignment.name, slot: request.slot })
            const ended = Deferred.makeUnsafe<string>()
            child.onExit((exit) => {
              // What the worker has started must not live on without it.
              child.signalGroup("SIGKILL")
              Deferred.doneUnsafe(ended, Effect.succeed(exitReason(exit, registered.failure)))
            })
            return {
              pid,
              ready: Effect.asVoid(Deferred.await(registered.ready)),
              exited: Effect.ensuring(Deferred.await(ended), registry.remove(pid)),
              terminate: Effect.sync(() => void child.signal("SIGTERM")),
              kill: Effect.sync(() => void child.signalGroup("SIGKILL")),
            }
          }),
        })
      }),
    )
}
