import { Deferred, Effect } from "effect"
import { reasonOfEnd } from "../../domain/Crash.ts"
import { usesTls } from "../../domain/Loopback.ts"
import type { CallInFlight } from "../../domain/Poison.ts"
import type { ModuleSpec } from "../../domain/ProcessSpec.ts"
import { type Child, spawnSelf } from "../../platform/ChildProcess.ts"
import { inheritedFd } from "../../platform/ListenSocket.ts"
import { dirname } from "../../platform/Paths.ts"
import { journalPath, makeJournalFile, takeJournalFile } from "../../platform/RuntimeFolder.ts"
import { removeSocketFile } from "../../platform/SocketFile.ts"
import type { Signal } from "../../platform/ProcessTree.ts"
import { journalBytes, readJournal } from "../../protocol/Journal.ts"
import { pingSocketPath, type WorkerSettings, workerSettingsVariable } from "../../protocol/WorkerLink.ts"
import type { DataFolder } from "../DataFolder.ts"
import { Logs } from "../logs/Logs.ts"
import { monotonicMs } from "../Monotonic.ts"
import { AgentSocket } from "./AgentSocket.ts"
import { clearUp } from "./ClearUp.ts"
import { type Ended, type Known, type Launched, LaunchFailed, placeName, type RunRequest } from "./Launched.ts"
import { type Registered, WorkerRegistry } from "./WorkerRegistry.ts"

/** Starts this program in its role `worker`. `entry`: another main.ts to run, from source only. */
export const workerLauncher = Effect.fnUntraced(function* (folder: DataFolder, entry?: string) {
  const logs = yield* Logs
  const registry = yield* WorkerRegistry
  const socket = yield* AgentSocket
  const fork = Effect.runForkWith(yield* Effect.context<never>())

  const settingsOf = (request: RunRequest, spec: ModuleSpec, journal: string | undefined): WorkerSettings => {
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

  const spawn = (request: RunRequest, journal: string | undefined): Child => {
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
        run: request.run.mark,
        ...(entry === undefined ? {} : { entry }),
      })
    } finally {
      sink.close()
    }
  }

  /** Task workers answer no calls, so they keep none. */
  const start = (request: RunRequest) => {
    const { id } = request.run
    const journal = request.kind === "tasks" ? undefined : makeJournalFile(folder.socket.folder, id, journalBytes)
    try {
      return spawn(request, journal)
    } catch (error) {
      if (journal !== undefined) takeJournalFile(journal)
      throw error
    }
  }

  const ask = (child: Child, registered: Registered, signal: Signal) =>
    // Asked twice it would not wait for its open calls.
    Effect.sync(() => void (registered.isDraining || child.signal(signal)))

  /** One that an agent before this one has asked, or was about to, is heard first: it may be too busy to say so soon. */
  const askOnceHeard = (child: Child, registered: Registered, signal: Signal) =>
    Effect.sync(() => void fork(Effect.andThen(Deferred.await(registered.greeted), ask(child, registered, signal))))

  const launched = (child: Child, { assignment, kind, ledger, run, slot }: RunRequest, known?: Known): Launched => {
    const { pid } = child.identity
    const registered = registry.add(pid, { name: assignment.name, kind, slot }, ledger)
    ledger.started(pid, kind, slot)
    if (known?.isUp === true) {
      ledger.ready(pid, undefined)
      Deferred.doneUnsafe(registered.ready, Effect.void)
    }
    const ended = Deferred.makeUnsafe<Ended>()
    let inFlight: ReadonlyArray<CallInFlight> = []
    const leave = Effect.try(() => {
      // What the worker has started must not live on without it.
      child.tree.signal("SIGKILL")
      removeSocketFile(pingSocketPath(socket.path, pid))
      const journal = takeJournalFile(journalPath(folder.socket.folder, run.id))
      if (journal.length > 0) inFlight = readJournal(journal)
    })
    child.onExit((exit) => {
      registry.remove(pid)
      const tell = Effect.map(monotonicMs, (now) => {
        ledger.gone(pid, now)
        const reason = registered.failure ?? reasonOfEnd(exit, known?.wasOver === true)
        Deferred.doneUnsafe(ended, Effect.succeed({ ...exit, reason }))
      })
      fork(Effect.andThen(clearUp(leave), tell))
    })
    const askBy = known?.isLeaving === true ? askOnceHeard : ask
    return {
      pid,
      ready: Deferred.await(registered.ready),
      exited: Deferred.await(ended),
      terminate: askBy(child, registered, "SIGTERM"),
      retire: askBy(child, registered, "SIGUSR2"),
      kill: Effect.sync(() => void child.tree.signal("SIGKILL")),
      report: () => registered.report,
      heard: () => registered.heard,
      inFlight: () => inFlight,
    }
  }

  return {
    launch: Effect.fn("WorkerLauncher.launch")(function* (request: RunRequest) {
      const child = yield* Effect.try({
        try: () => start(request),
        catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
      })
      return launched(child, request)
    }),
    adopt: (child: Child, request: RunRequest, known: Known) => Effect.sync(() => launched(child, request, known)),
  }
})
