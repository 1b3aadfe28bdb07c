import { Clock, Context, Data, Deferred, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import { type ProcessAssignment, ProcessSet, rpcOf } from "../../domain/ProcessSpec.ts"
import { agentStopMaxMs } from "../../domain/StopTime.ts"
import type { ProcessStats, ProcessStatus, ReloadVerdict } from "../../protocol/NodeManager.ts"
import { type DiskFailed, Disk, readState, stateText } from "../Disk.ts"
import { Logs } from "../logs/Logs.ts"
import { monotonicMs } from "../Monotonic.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { TaskQueues } from "../tasks/TaskQueues.ts"
import type { SlotSockets } from "./SlotSockets.ts"
import type { Launcher } from "./Launcher.ts"
import { makeWorkerSet, type WorkerSet } from "./WorkerSet.ts"

/** The node has a newer set than the one that was sent. */
export class OlderRevision extends Data.TaggedError("OlderRevision")<{
  readonly revision: number
  readonly have: number
}> {
  override get message() {
    return `process set revision ${this.revision} is older than ${this.have}, which this node has`
  }
}

export class NoSuchProcess extends Data.TaggedError("NoSuchProcess")<{ readonly name: string }> {
  override get message() {
    return `this node runs no ${JSON.stringify(this.name)}`
  }
}

/** The set can't be run as it is. */
export class InvalidSet extends Data.TaggedError("InvalidSet")<{ readonly message: string }> {}

const firstTwice = (names: ReadonlyArray<string>) => names.find((name, index) => names.indexOf(name) !== index)

/** Runs what the node has to run, by the process set on its disk; it needs no manager for that. */
export class Supervisor extends Context.Service<
  Supervisor,
  {
    /** Takes a whole set: what is new starts, what is gone stops, what is the same is not touched. */
    readonly apply: (set: ProcessSet) => Effect.Effect<number, OlderRevision | InvalidSet | DiskFailed>
    /** Replaces the workers one after the other; returns when that is over, whatever came of it. */
    readonly reload: (name: string) => Effect.Effect<ReloadVerdict, NoSuchProcess>
    readonly stats: (name: string) => Effect.Effect<ProcessStats, NoSuchProcess>
    /** For a look at its processes. */
    readonly find: (name: string) => Effect.Effect<Pick<WorkerSet, "assignment" | "places">, NoSuchProcess>
    readonly revision: Effect.Effect<number>
    readonly statuses: Effect.Effect<ReadonlyArray<ProcessStatus>>
  }
>()("muster/node/supervisor/Supervisor") {
  static readonly layer = (path: string) =>
    Layer.effect(
      Supervisor,
      Effect.gen(function* () {
        const disk = yield* Disk
        const changes = yield* NodeChanges
        const logs = yield* Logs
        const tasks = yield* TaskQueues
        const needs = yield* Effect.context<Launcher | SlotSockets | NodeChanges>()
        const oneAtATime = yield* Semaphore.make(1)
        const scope = yield* Scope.make()
        const sets = new Map<string, WorkerSet>()
        /** Sets that were taken away and still drain. */
        const leaving = new Set<WorkerSet>()
        let revision = 0

        const start = Effect.fnUntraced(function* (assignment: ProcessAssignment) {
          const own = yield* Scope.fork(scope)
          const set = yield* makeWorkerSet(assignment, own).pipe(Scope.provide(own), Effect.provideContext(needs))
          sets.set(assignment.name, set)
        })

        const leave = Effect.fnUntraced(function* (set: WorkerSet) {
          sets.delete(set.assignment.name)
          leaving.add(set)
          yield* set.stop.pipe(
            Effect.ensuring(Effect.sync(() => leaving.delete(set))),
            Effect.andThen(Scope.close(set.scope, Exit.void)),
            Effect.forkIn(scope),
          )
        })

        const stands = (set: WorkerSet, next: ProcessAssignment) =>
          set.assignment.listen?.ip === next.listen?.ip && set.assignment.listen?.port === next.listen?.port

        const run = Effect.fnUntraced(function* (processes: ReadonlyArray<ProcessAssignment>) {
          const next = new Map(processes.map((assignment) => [assignment.name, assignment]))
          yield* logs.assign(processes)
          yield* tasks.assign(processes.map(({ name, spec }) => ({ name, settings: rpcOf(spec) })))
          for (const set of sets.values()) {
            const same = next.get(set.assignment.name)
            if (same === undefined || !stands(set, same)) yield* leave(set)
          }
          for (const assignment of processes) {
            const set = sets.get(assignment.name)
            yield* set === undefined ? start(assignment) : set.assign(assignment)
          }
        })

        const apply = Effect.fn("Supervisor.apply")(function* (set: ProcessSet) {
          if (set.revision < revision) return yield* new OlderRevision({ revision: set.revision, have: revision })
          if (set.revision === revision) return revision
          const twice = firstTwice(set.processes.map((assignment) => assignment.name))
          if (twice !== undefined) return yield* new InvalidSet({ message: `processes: ${twice} is in the set twice` })
          yield* disk.write(path, stateText(set))
          revision = set.revision
          yield* Effect.logInfo(`process set is now revision ${revision}; processes: ${set.processes.length}`)
          yield* run(set.processes)
          yield* changes.announce
          return revision
        })

        // Not to be cut off by a caller that went away: it has asked, and the next one sees how far it came.
        const beginReload = Effect.fn("Supervisor.reload")(function* (name: string) {
          const set = sets.get(name)
          if (set === undefined) return yield* new NoSuchProcess({ name })
          return yield* set.reload
        }, Effect.uninterruptible)

        yield* Effect.addFinalizer(() =>
          Effect.gen(function* () {
            const all = [...sets.values(), ...leaving]
            yield* Effect.forEach(all, (set) => set.stop, { concurrency: "unbounded", discard: true }).pipe(
              Effect.timeoutOrElse({
                duration: agentStopMaxMs,
                orElse: () => Effect.forEach(all, (set) => set.kill, { discard: true }),
              }),
            )
            yield* Scope.close(scope, Exit.void)
          }),
        )

        const stored = yield* readState(path, ProcessSet)
        if (stored !== undefined) {
          revision = stored.revision
          yield* run(stored.processes)
        }

        return Supervisor.of({
          // Not to be cut off by a caller that went away: half a set would run, and count as applied.
          apply: (set) => oneAtATime.withPermit(Effect.uninterruptible(apply(set))),
          reload: (name) => Effect.flatMap(oneAtATime.withPermit(beginReload(name)), Deferred.await),
          stats: Effect.fnUntraced(function* (name) {
            const set = sets.get(name)
            if (set === undefined) return yield* new NoSuchProcess({ name })
            const at = yield* Clock.currentTimeMillis
            const { stats, ...view } = set.ledger.view(yield* monotonicMs)
            return { name, at, ...view, stats: { ...stats, ...tasks.counts(name) } }
          }),
          find: (name) =>
            Effect.suspend(() => {
              const set = sets.get(name)
              return set === undefined ? Effect.fail(new NoSuchProcess({ name })) : Effect.succeed(set)
            }),
          revision: Effect.sync(() => revision),
          statuses: Effect.sync(() => [...sets.values()].map((set) => set.status)),
        })
      }),
    )
}
