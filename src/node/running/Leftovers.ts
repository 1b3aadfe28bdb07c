import { Clock, Effect, Exit, Layer, Scope } from "effect"
import { uptimeMs } from "../../platform/ProcessAge.ts"
import { CurrentDeparture } from "../Departure.ts"
import type { Launched } from "../supervisor/Launched.ts"
import { Launcher } from "../supervisor/Launcher.ts"
import { Ledger } from "../supervisor/Ledger.ts"
import { SlotSockets } from "../supervisor/SlotSockets.ts"
import { Supervisor } from "../supervisor/Supervisor.ts"
import { WorkerRegistry } from "../supervisor/WorkerRegistry.ts"
import { drainRun, makeRun } from "../supervisor/WorkerRun.ts"
import { launchedFrom, lineageOf } from "./RunRecord.ts"
import { type LeftRun, Runs } from "./Runs.ts"

/** At the agent's own stop those that still drain are given so long. */
const stopMs = 10_000

/**
 * Ends what an agent before this one has left of process sets that the node does not run any more: gracefully, as that
 * one would have done. After the supervisor has taken what is still wanted: until it was said what runs here, nothing
 * is known not to be.
 */
export const leftovers = Layer.effectDiscard(
  Effect.gen(function* () {
    const supervisor = yield* Supervisor
    const runs = yield* Runs
    const launcher = yield* Launcher
    const registry = yield* WorkerRegistry
    const slots = yield* SlotSockets
    const departure = yield* CurrentDeparture
    const scope = yield* Scope.make()
    const startedAt = yield* Clock.currentTimeMillis
    const leaving = new Set<Launched>()

    const end = Effect.fnUntraced(
      function* (left: LeftRun) {
        if (left.child.wasOver) return left.run.ended()
        const assignment = launchedFrom(left.record)
        if (assignment === undefined) {
          yield* Effect.logWarning("it was started from what this agent can't read: ending it")
          left.child.signal("SIGTERM")
          return
        }
        const { count, drainUntil, kind, slot } = left.record
        const ledger = new Ledger({ startedAt, keyWindowMs: () => 0, heartbeatTimeoutMs: () => 0 })
        const launched = yield* launcher.adopt(left, {
          ...lineageOf(left.record),
          assignment,
          kind,
          slot,
          count,
          poison: [],
          ledger,
        })
        const run = yield* makeRun({ worker: launched, generation: 0, startedAt: 0, adopted: true })
        yield* Effect.logInfo(`the node does not run ${assignment.name} any more: it is to end`)
        const drainMs = drainUntil === undefined ? assignment.spec.drainTimeoutMs : Math.max(0, drainUntil - uptimeMs())
        yield* Effect.sync(() => left.run.leaving(drainMs))
        leaving.add(launched)
        yield* drainRun(run, launched.terminate, drainMs, Effect.void).pipe(
          Effect.andThen(Effect.sync(() => leaving.delete(launched))),
          Effect.forkIn(scope),
        )
      },
      (effect, { child }) => Effect.annotateLogs(effect, { pid: child.identity.pid }),
    )

    const endRest = Effect.gen(function* () {
      yield* Effect.forEach(runs.rest(), end, { discard: true })
      yield* Effect.forEach(departure.claimRest(), ({ fd }) => slots.close(fd), { discard: true })
      yield* registry.settle
    }).pipe(Effect.uninterruptible)

    const stop = Effect.gen(function* () {
      yield* endRest
      yield* Effect.forEach(
        leaving,
        ({ exited, kill }) => Effect.timeoutOrElse(Effect.asVoid(exited), { duration: stopMs, orElse: () => kill }),
        { concurrency: "unbounded", discard: true },
      )
    })
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.suspend(() => (departure.how === "stop" ? stop : Effect.void)),
        Scope.close(scope, Exit.void),
      ),
    )
    yield* Effect.forkIn(Effect.andThen(supervisor.told, endRest), scope, { startImmediately: true })
  }),
)
