import { Clock, Context, Data, Deferred, Effect, Exit, Fiber, Layer, Scope, Semaphore } from "effect"
import { type ProcessAssignment, ProcessSet, rpcOf, setIdOf } from "../../domain/ProcessSpec.ts"
import { startWaves, stopsAfter, waitsFor } from "../../domain/StartOrder.ts"
import { agentStopMaxMs } from "../../domain/StopTime.ts"
import type { ProcessStats, ProcessStatus, ReloadVerdict } from "../../protocol/NodeManager.ts"
import { CurrentDeparture } from "../Departure.ts"
import type { InstanceRequest, RestartVerdict } from "../../protocol/ProcessMessages.ts"
import { type DiskFailed, Disk, readState, stateText } from "../Disk.ts"
import { Logs } from "../logs/Logs.ts"
import { monotonicMs } from "../Monotonic.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { TaskQueues } from "../tasks/TaskQueues.ts"
import type { EachSecond } from "../EachSecond.ts"
import type { Launcher } from "./Launcher.ts"
import { goesOn, sameSet } from "./Renames.ts"
import type { SlotSockets } from "./SlotSockets.ts"
import { WorkerRegistry } from "./WorkerRegistry.ts"
import type { WorkerSet } from "./SetOptions.ts"
import { makeWorkerSet } from "./WorkerSet.ts"

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
    /** Ends processes, all at once, and starts them anew; returns when that is over, whatever came of it. */
    readonly restart: (instance: InstanceRequest) => Effect.Effect<RestartVerdict, NoSuchProcess>
    readonly stats: (name: string) => Effect.Effect<ProcessStats, NoSuchProcess>
    readonly revision: Effect.Effect<number>
    /** Returns when it was said what the node is to run, by its disk or else by the manager. */
    readonly told: Effect.Effect<void>
    readonly statuses: Effect.Effect<ReadonlyArray<ProcessStatus>>
    /** The process set of this name that runs, or still ends. */
    readonly find: (name: string) => WorkerSet | undefined
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
        const departure = yield* CurrentDeparture
        const registry = yield* WorkerRegistry
        const needs = yield* Effect.context<Launcher | SlotSockets | NodeChanges | EachSecond>()
        const oneAtATime = yield* Semaphore.make(1)
        const scope = yield* Scope.make()
        const told = yield* Deferred.make<void>()
        /** By id. */
        const sets = new Map<string, WorkerSet>()
        /** Sets that were taken away and still drain. */
        const leaving = new Set<WorkerSet>()
        let revision = 0
        /** A list is being applied: who waits for whom is known when all of it is there. */
        let applying = false
        /** The agent ends, and stops all sets in their order itself. */
        let ending = false

        const everySet = () => [...sets.values(), ...leaving]
        const byName = (name: string) => everySet().find((set) => set.assignment.name === name)

        /** What had the place of a set before it, and is not gone. */
        const former = (set: WorkerSet) =>
          [...leaving].find(
            (other) =>
              setIdOf(other.assignment) === setIdOf(set.assignment) &&
              other.assignment.listen?.ip === set.assignment.listen?.ip &&
              other.assignment.listen?.port === set.assignment.listen?.port,
          )

        const startWaitsFor = (set: WorkerSet) => {
          if (applying) return "the process set is being applied"
          if (former(set) !== undefined) return "its former processes end"
          const views = [...sets.values()].map(({ view }) => view)
          return waitsFor(set.view, views)
        }

        const stopWaitsFor = (set: WorkerSet) => {
          if (ending) return undefined
          const stopping = everySet()
            .map(({ view }) => view)
            .filter(({ desired }) => desired === "stopped")
          return stopsAfter(set.view, stopping)
        }

        const lookAll = Effect.suspend(() => Effect.forEach(everySet(), ({ look }) => look, { discard: true }))
        const lookWaiting = Effect.suspend(() =>
          Effect.forEach(
            everySet().filter(({ isWaiting }) => isWaiting),
            ({ look }) => look,
            { discard: true },
          ),
        )

        const start = Effect.fnUntraced(function* (assignment: ProcessAssignment) {
          const own = yield* Scope.fork(scope)
          const set: WorkerSet = yield* makeWorkerSet({
            assignment,
            scope: own,
            startWaitsFor: () => startWaitsFor(set),
            stopWaitsFor: () => stopWaitsFor(set),
            changed: lookWaiting,
          }).pipe(Scope.provide(own), Effect.provideContext(needs))
          sets.set(setIdOf(assignment), set)
        })

        const leave = Effect.fnUntraced(function* (set: WorkerSet) {
          sets.delete(setIdOf(set.assignment))
          leaving.add(set)
          yield* set.stop.pipe(
            Effect.ensuring(Effect.sync(() => leaving.delete(set))),
            Effect.andThen(Scope.close(set.scope, Exit.void)),
            Effect.andThen(changes.announce),
            Effect.andThen(lookWaiting),
            Effect.forkIn(scope),
          )
        })

        /** Sets that go on under other names take their tasks along, and their workers are known by the new name. */
        const rename = Effect.fnUntraced(function* (
          renamed: ReadonlyArray<{ readonly set: WorkerSet; readonly next: ProcessAssignment }>,
        ) {
          if (renamed.length === 0) return
          const moves = renamed.map(({ next, set }) => ({ from: set.assignment.name, to: next.name }))
          const known = () => {
            for (const { next, set } of renamed) registry.rename(set.ledger, next.name, next.spec.service)
          }
          yield* tasks.rename(moves, known)
          for (const { from, to } of moves) yield* Effect.logInfo(`${from} is called ${to} from now on`)
        })

        const run = Effect.fnUntraced(function* (processes: ReadonlyArray<ProcessAssignment>) {
          const before = [...sets.values()].map((set) => ({ set, next: sameSet(set.assignment, processes) }))
          const staying = before.flatMap(({ next, set }) =>
            next !== undefined && goesOn(set.assignment, next) ? [{ set, next }] : [],
          )
          for (const { set } of before) if (!staying.some((one) => one.set === set)) yield* leave(set)
          yield* rename(staying.filter(({ next, set }) => set.assignment.name !== next.name))
          yield* logs.assign(processes)
          yield* tasks.assign(processes.map(({ name, spec }) => ({ name, settings: rpcOf(spec) })))
          for (const assignment of processes) {
            const known = staying.find(({ next }) => next === assignment)?.set
            if (known === undefined) {
              yield* start(assignment)
              continue
            }
            sets.delete(setIdOf(known.assignment))
            sets.set(setIdOf(assignment), known)
            yield* known.assign(assignment)
          }
        })

        const runAll = (processes: ReadonlyArray<ProcessAssignment>) =>
          Effect.suspend(() => {
            applying = true
            return run(processes)
          }).pipe(
            Effect.ensuring(Effect.sync(() => void (applying = false))),
            Effect.andThen(lookAll),
            Effect.andThen(Deferred.succeed(told, undefined)),
          )

        const apply = Effect.fn("Supervisor.apply")(function* (set: ProcessSet) {
          if (set.revision < revision) return yield* new OlderRevision({ revision: set.revision, have: revision })
          if (set.revision === revision) return revision
          const twice = firstTwice(set.processes.map((assignment) => assignment.name))
          if (twice !== undefined) return yield* new InvalidSet({ message: `processes: ${twice} is in the set twice` })
          const same = firstTwice(set.processes.map(setIdOf))
          if (same !== undefined)
            return yield* new InvalidSet({ message: `processes: the id ${same} is in the set twice` })
          yield* disk.write(path, stateText(set))
          revision = set.revision
          yield* Effect.logInfo(`process set is now revision ${revision}; processes: ${set.processes.length}`)
          yield* runAll(set.processes)
          yield* changes.announce
          return revision
        })

        // Not to be cut off by a caller that went away: it has asked, and the next one sees how far it came.
        const beginReload = Effect.fn("Supervisor.reload")(function* (name: string) {
          const set = byName(name)
          if (set === undefined) return yield* new NoSuchProcess({ name })
          return yield* set.reload
        }, Effect.uninterruptible)

        const beginRestart = Effect.fn("Supervisor.restart")(function* ({ name, ...instance }: InstanceRequest) {
          const set = byName(name)
          if (set === undefined) return yield* new NoSuchProcess({ name })
          if (!set.has(instance)) return yield* new NoSuchProcess({ name: `${name}, instance ${instance.slot ?? ""}` })
          const verdict = yield* Deferred.make<RestartVerdict>()
          yield* set.restart(instance).pipe(
            Effect.flatMap((came) => Deferred.succeed(verdict, came)),
            Effect.forkIn(scope),
          )
          return verdict
        }, Effect.uninterruptible)

        /** In reverse start order. One that takes its time holds up the others no longer than for its share of it. */
        const stopAll = Effect.gen(function* () {
          ending = true
          const all = everySet()
          const waves = startWaves(all.map((set) => ({ ...set.view, set }))).toReversed()
          const shareMs = agentStopMaxMs / Math.max(1, waves.length)
          yield* Effect.forEach(
            waves,
            Effect.fnUntraced(function* (wave) {
              const gone = yield* Effect.forEach(wave, ({ set }) => set.stop, { concurrency: "unbounded" }).pipe(
                Effect.forkIn(scope),
              )
              yield* Effect.timeoutOption(Fiber.await(gone), shareMs)
            }),
            { discard: true },
          )
          yield* Effect.forEach(all, (set) => set.stop, { concurrency: "unbounded", discard: true })
        })

        yield* Effect.addFinalizer(() =>
          Effect.gen(function* () {
            // The next agent goes on with them as they are.
            if (departure.how !== "stop") return yield* Scope.close(scope, Exit.void)
            yield* stopAll.pipe(
              Effect.timeoutOrElse({
                duration: agentStopMaxMs,
                orElse: () => Effect.forEach(everySet(), (set) => set.kill, { discard: true }),
              }),
            )
            yield* Scope.close(scope, Exit.void)
          }),
        )

        const stored = yield* readState(path, ProcessSet)
        if (stored !== undefined) {
          revision = stored.revision
          yield* runAll(stored.processes)
        }

        return Supervisor.of({
          // Not to be cut off by a caller that went away: half a set would run, and count as applied.
          apply: (set) => oneAtATime.withPermit(Effect.uninterruptible(apply(set))),
          restart: (instance) => Effect.flatMap(oneAtATime.withPermit(beginRestart(instance)), Deferred.await),
          reload: (name) => Effect.flatMap(oneAtATime.withPermit(beginReload(name)), Deferred.await),
          stats: Effect.fnUntraced(function* (name) {
            const set = byName(name)
            if (set === undefined) return yield* new NoSuchProcess({ name })
            const at = yield* Clock.currentTimeMillis
            const { stats, ...view } = set.ledger.view(yield* monotonicMs)
            return { name, at, ...view, stats: { ...stats, ...tasks.counts(name) } }
          }),
          revision: Effect.sync(() => revision),
          told: Deferred.await(told),
          statuses: Effect.sync(() => {
            const names = new Set([...sets.values()].map(({ assignment }) => assignment.name))
            const left = [...leaving].filter(({ assignment }) => !names.has(assignment.name))
            return [...sets.values(), ...left].map((set) => set.status)
          }),
          find: byName,
        })
      }),
    )
}
