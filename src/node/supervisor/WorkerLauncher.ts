import { Context, Data, Deferred, Effect, Layer } from "effect"
import { usesTls } from "../../domain/Loopback.ts"
import type { CallInFlight } from "../../domain/Poison.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import { type Child, type Exit, spawnSelf } from "../../platform/ChildProcess.ts"
import { dirname, join } from "../../platform/Paths.ts"
import { makeJournalFile, removeJournalFiles, takeJournalFile } from "../../platform/RuntimeFolder.ts"
import { journalBytes, readJournal } from "../../protocol/Journal.ts"
import { type WorkerKind, type WorkerSettings, workerSettingsVariable } from "../../protocol/WorkerLink.ts"
import type { DataFolder } from "../DataFolder.ts"
import { monotonicMs } from "../Monotonic.ts"
import { AgentSocket } from "./AgentSocket.ts"
import type { Ledger } from "./Ledger.ts"
import { type WorkerFigures, WorkerRegistry } from "./WorkerRegistry.ts"

/** The process could not even be started. */
export class LaunchFailed extends Data.TaggedError("LaunchFailed")<{ readonly reason: string }> {}

export type LaunchRequest = {
  readonly assignment: ProcessAssignment
  readonly kind: WorkerKind
  readonly slot: number
  /** Workers of its kind in the set. */
  readonly count: number
  /** The slot's listening socket; a task worker has none. */
  readonly fd?: number
  /** Calls to refuse from the start. */
  readonly poison: ReadonlyArray<string>
  /** Of its set. */
  readonly ledger: Ledger
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
  /** The same, when its successor accepts on the same socket. */
  readonly retire: Effect.Effect<void>
  /** Ends it and all it has started, at once. */
  readonly kill: Effect.Effect<void>
  /** What it has said of itself last. */
  readonly report: () => WorkerFigures | undefined
  /** How many reports have come. */
  readonly heard: () => number
  /** After its end: the calls that ran then. */
  readonly inFlight: () => ReadonlyArray<CallInFlight>
}

const inheritedFd = 3

/** A worker's place in its set, for a person: `0`, `tasks/0`. */
export const placeName = (kind: WorkerKind, slot: number) => (kind === "calls" ? `${slot}` : `tasks/${slot}`)

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
        const fork = Effect.runForkWith(yield* Effect.context<never>())

        // Of an agent that was killed; the socket's owner knows that no other agent runs here.
        yield* Effect.sync(() => removeJournalFiles(folder.socket.folder))
        let journals = 0

        const settingsOf = (request: LaunchRequest, journal: string | undefined): WorkerSettings => {
          const { assignment, count, fd, kind, poison, slot } = request
          return {
            service: assignment.spec.service,
            name: assignment.name,
            kind,
            slot,
            count,
            module: assignment.spec.module,
            ...(fd === undefined ? {} : { listenFd: inheritedFd }),
            agentSocket: socket.path,
            ...(usesTls(assignment.spec.tls, assignment.listen.ip) ? { tls: { dir: folder.tls } } : {}),
            drainTimeoutMs: assignment.spec.drainTimeoutMs,
            dataDir: folder.root,
            rpc: assignment.spec.rpc,
            ...(journal === undefined ? {} : { journal }),
            poison,
          }
        }

        const spawn = (request: LaunchRequest, journal: string | undefined): Child => {
          const { assignment, fd, kind, slot } = request
          const { name, spec } = assignment
          return spawnSelf(["--role=worker", `--worker=${name}/${placeName(kind, slot)}`], {
            env: {
              NODE_ENV: "production",
              ...spec.env,
              [workerSettingsVariable]: JSON.stringify(settingsOf(request, journal)),
            },
            cwd: dirname(spec.module),
            logFile: join(folder.logs, `${name}.log`),
            fds: fd === undefined ? [] : [fd],
            ...(entry === undefined ? {} : { entry }),
          })
        }

        /** Task workers answer no calls, so they keep none. */
        const makeJournal = ({ assignment, kind, slot }: LaunchRequest) =>
          kind === "tasks"
            ? undefined
            : makeJournalFile(folder.socket.folder, `${assignment.name}-${slot}-${++journals}`, journalBytes)

        const start = (request: LaunchRequest) => {
          const journal = makeJournal(request)
          try {
            return { child: spawn(request, journal), journal }
          } catch (error) {
            if (journal !== undefined) takeJournalFile(journal)
            throw error
          }
        }

        return WorkerLauncher.of({
          launch: Effect.fn("WorkerLauncher.launch")(function* (request) {
            const { assignment, kind, ledger, slot } = request
            const { child, journal } = yield* Effect.try({
              try: () => start(request),
              catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
            })
            const { pid } = child.identity
            const registered = registry.add(pid, { name: assignment.name, kind, slot }, ledger)
            ledger.started(pid, kind, slot)
            const ended = Deferred.makeUnsafe<string>()
            let inFlight: ReadonlyArray<CallInFlight> = []
            child.onExit((exit) => {
              // What the worker has started must not live on without it.
              child.signalGroup("SIGKILL")
              if (journal !== undefined) inFlight = readJournal(takeJournalFile(journal))
              registry.remove(pid)
              fork(Effect.map(monotonicMs, (now) => ledger.gone(pid, now)))
              Deferred.doneUnsafe(ended, Effect.succeed(exitReason(exit, registered.failure)))
            })
            return {
              pid,
              ready: Deferred.await(registered.ready),
              exited: Deferred.await(ended),
              terminate: Effect.sync(() => void child.signal("SIGTERM")),
              retire: Effect.sync(() => void child.signal("SIGUSR2")),
              kill: Effect.sync(() => void child.signalGroup("SIGKILL")),
              report: () => registered.report,
              heard: () => registered.heard,
              inFlight: () => inFlight,
            }
          }),
        })
      }),
    )
}
