import { Clock, Effect, Layer } from "effect"
import { uptimeMs } from "../../platform/ProcessAge.ts"
import { CurrentDeparture } from "../Departure.ts"
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
 * one would have done. After the supervisor has taken what is still wanted.
 */
export const leftovers = Layer.effectDiscard(
  Effect.gen(function* () {
    yield* Supervisor
    const runs = yield* Runs
    const launcher = yield* Launcher
    const registry = yield* WorkerRegistry
    const slots = yield* SlotSockets
    const departure = yield* CurrentDeparture
    const startedAt = yield* Clock.currentTimeMillis

    const end = Effect.fnUntraced(
      function* (left: LeftRun) {
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
        const ending = drainRun(run, launched.terminate, drainMs, Effect.void)
        const fiber = yield* Effect.forkScoped(ending)
        yield* Effect.addFinalizer(() =>
          departure.how === "stop" && fiber.pollUnsafe() === undefined
            ? launched.exited.pipe(
                Effect.timeoutOrElse({ duration: stopMs, orElse: () => launched.kill }),
                Effect.asVoid,
              )
            : Effect.void,
        )
      },
      (effect, { child }) => Effect.annotateLogs(effect, { pid: child.identity.pid }),
    )

    yield* Effect.forEach(runs.rest(), end, { discard: true })
    yield* Effect.forEach(departure.unclaimed, ({ fd }) => slots.close(fd), { discard: true })
    yield* registry.settle
  }),
)
