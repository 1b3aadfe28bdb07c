import { Deferred, Effect } from "effect"
import { usesTls } from "../../domain/Loopback.ts"
import type { CallInFlight } from "../../domain/Poison.ts"
import type { ModuleSpec } from "../../domain/ProcessSpec.ts"
import { type Child, spawnSelf } from "../../platform/ChildProcess.ts"
import { newId } from "../../platform/Ids.ts"
import { dirname } from "../../platform/Paths.ts"
import { makeJournalFile, removeJournalFiles, removeSocketFile, takeJournalFile } from "../../platform/RuntimeFolder.ts"
import type { Exit } from "../../platform/StartProcess.ts"
import { journalBytes, readJournal } from "../../protocol/Journal.ts"
import { pingSocketPath, type WorkerSettings, workerSettingsVariable } from "../../protocol/WorkerLink.ts"
import type { DataFolder } from "../DataFolder.ts"
import { Logs } from "../logs/Logs.ts"
import { monotonicMs } from "../Monotonic.ts"
import { AgentSocket } from "./AgentSocket.ts"
import { type Ended, type Launched, LaunchFailed, type LaunchRequest, placeName } from "./Launched.ts"
import { WorkerRegistry } from "./WorkerRegistry.ts"

const inheritedFd = 3

const endedBy = ({ code, signal }: Exit, failure: string | undefined): Ended => ({
  code,
  signal,
  reason: failure ?? (signal === null ? `exited with code ${code ?? 0}` : `killed by ${signal}`),
})

/** Starts this program in its role `worker`. `entry`: another main.ts to run, from source only. */
export const workerLauncher = Effect.fnUntraced(function* (folder: DataFolder, entry?: string) {
  const logs = yield* Logs
  const registry = yield* WorkerRegistry
  const socket = yield* AgentSocket
  const fork = Effect.runForkWith(yield* Effect.context<never>())

  // Of an agent that was killed; the socket's owner knows that no other agent runs here.
  yield* Effect.sync(() => removeJournalFiles(folder.socket.folder))
  let journals = 0

  const settingsOf = (request: LaunchRequest, spec: ModuleSpec, journal: string | undefined): WorkerSettings => {
    const { assignment, count, fd, kind, poison, slot } = request
    const isPrivate = assignment.listen !== null && usesTls(spec.tls, assignment.listen.ip)
    return {
      service: spec.service,
      name: assignment.name,
      kind,
      slot,
      count,
      module: spec.module,
      ...(fd === undefined ? {} : { listenFd: inheritedFd }),
      agentSocket: socket.path,
      ...(isPrivate ? { tls: { dir: folder.tls } } : {}),
      drainTimeoutMs: spec.drainTimeoutMs,
      dataDir: folder.root,
      rpc: spec.rpc,
      ...(journal === undefined ? {} : { journal }),
      poison,
    }
  }

  const spawn = (request: LaunchRequest, journal: string | undefined): Child => {
    const { assignment, fd, kind, slot } = request
    const { name, spec } = assignment
    if (spec.kind === "command") throw new Error("a command is not run by a worker")
    const sink = logs.sink(name, placeName(kind, slot))
    try {
      return spawnSelf(["--role=worker", `--worker=${name}/${placeName(kind, slot)}`], {
        env: {
          NODE_ENV: "production",
          ...spec.env,
          [workerSettingsVariable]: JSON.stringify(settingsOf(request, spec, journal)),
        },
        cwd: dirname(spec.module),
        out: sink.out,
        err: sink.err,
        fds: fd === undefined ? [] : [fd],
        run: `${name}/${placeName(kind, slot).replace("/", "-")}/${newId()}`,
        ...(entry === undefined ? {} : { entry }),
      })
    } finally {
      sink.close()
    }
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

  return Effect.fn("WorkerLauncher.launch")(function* (request: LaunchRequest) {
    const { assignment, kind, ledger, slot } = request
    const { child, journal } = yield* Effect.try({
      try: () => start(request),
      catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
    })
    const { pid } = child.identity
    const registered = registry.add(pid, { name: assignment.name, kind, slot }, ledger)
    ledger.started(pid, kind, slot)
    const ended = Deferred.makeUnsafe<Ended>()
    let inFlight: ReadonlyArray<CallInFlight> = []
    child.onExit((exit) => {
      // What the worker has started must not live on without it.
      child.tree.signal("SIGKILL")
      void removeSocketFile(pingSocketPath(socket.path, pid))
      if (journal !== undefined) inFlight = readJournal(takeJournalFile(journal))
      registry.remove(pid)
      fork(Effect.map(monotonicMs, (now) => ledger.gone(pid, now)))
      Deferred.doneUnsafe(ended, Effect.succeed(endedBy(exit, registered.failure)))
    })
    const launched: Launched = {
      pid,
      ready: Deferred.await(registered.ready),
      exited: Deferred.await(ended),
      terminate: Effect.sync(() => void child.signal("SIGTERM")),
      retire: Effect.sync(() => void child.signal("SIGUSR2")),
      kill: Effect.sync(() => void child.tree.signal("SIGKILL")),
      report: () => registered.report,
      heard: () => registered.heard,
      inFlight: () => inFlight,
    }
    return launched
  })
})
