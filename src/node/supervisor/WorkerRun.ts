import { Deferred, Effect, Random } from "effect"
import { noSilence, type Silence } from "../../domain/Heartbeat.ts"
import type { RecyclingDraw } from "../../domain/Recycling.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { Ended, Launched, LaunchFailed } from "./Launched.ts"
import { leavingText, openCallsOf } from "./StopReport.ts"

/** The process's own drain ends by itself; this is for one that is stuck. */
const killAfterDrainMs = 2_000
/** While a process drains, what it waits for is told so often. */
const tellOpenCallsMs = 5_000

/** How a process is made. */
export type Recipe = {
  /** Which version of the spec and of the module it runs; later ones are larger. */
  readonly generation: number
  /** One that does not say it is up within this time is killed. */
  readonly startTimeoutMs: number
  readonly launch: Effect.Effect<Launched, LaunchFailed>
}

/** A process was asked to end. Milliseconds of a monotonic clock. */
export type Leaving = { readonly askedAt: number; readonly killAt: number }

/** One process, from its start to its end. Times are milliseconds of a monotonic clock. */
export interface WorkerRun {
  readonly worker: Launched
  readonly generation: number
  readonly startedAt: number
  /** It was started by an agent before this one. */
  readonly adopted: boolean
  readonly draw: RecyclingDraw
  /** Done when it was ready for the first time. */
  readonly wasReady: Deferred.Deferred<void>
  silence: Silence
  /** Why its readiness probe is bad. */
  unready: string | undefined
  /** Why we have killed it: then that is the reason of its end. */
  killedFor: string | undefined
  leaving: Leaving | undefined
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

type Known = Pick<WorkerRun, "worker" | "generation" | "startedAt" | "adopted">

export const makeRun = Effect.fnUntraced(function* (known: Known) {
  const run: WorkerRun = {
    ...known,
    draw: { requests: yield* Random.next, lifetime: yield* Random.next },
    wasReady: yield* Deferred.make<void>(),
    silence: noSilence,
    unready: undefined,
    killedFor: undefined,
    leaving: undefined,
  }
  return run
})

export const startRun = Effect.fnUntraced(function* ({ generation, launch }: Recipe) {
  const worker = yield* launch
  return yield* makeRun({ worker, generation, startedAt: yield* monotonicMs, adopted: false })
})

export const killFor = (run: WorkerRun, reason: string) =>
  Effect.suspend(() => {
    run.killedFor ??= reason
    return run.worker.kill
  })

export type WatchOptions = {
  readonly startTimeoutMs: number
  /** What must have happened, beside its being up, before the time is over. */
  readonly awaited: Effect.Effect<void>
  readonly up: Effect.Effect<void>
  readonly ended: (how: Ended) => Effect.Effect<void>
}

/** Says when it is up, kills it when that takes too long, and says how it has ended. */
export const watchRun = (run: WorkerRun, { awaited, ended, startTimeoutMs, up }: WatchOptions) => {
  const late = Effect.suspend(() => {
    const why = run.unready === undefined ? "" : `: ${run.unready}`
    return killFor(run, `not ready within ${startTimeoutMs / 1000} s${why}`)
  }).pipe(Effect.andThen(Effect.never))
  const readiness = run.worker.ready.pipe(
    Effect.andThen(up),
    Effect.andThen(awaited),
    Effect.timeoutOrElse({ duration: startTimeoutMs, orElse: () => late }),
    Effect.andThen(Effect.never),
  )
  return Effect.raceFirst(run.worker.exited, readiness).pipe(
    Effect.flatMap((how) => ended({ ...how, reason: run.killedFor ?? how.reason })),
  )
}

/**
 * Asks it to end by `ask`, and kills it when it has not done so `drainTimeoutMs` and a little later. `told`: what it
 * waits for may have changed.
 */
export const drainRun = Effect.fnUntraced(
  function* (run: WorkerRun, ask: Effect.Effect<void>, drainTimeoutMs: number, told: Effect.Effect<void>) {
    const waitMs = drainTimeoutMs + killAfterDrainMs
    const askedAt = yield* monotonicMs
    run.leaving = { askedAt, killAt: askedAt + waitMs }
    const tell = Effect.sleep(tellOpenCallsMs).pipe(
      Effect.andThen(monotonicMs),
      Effect.flatMap((now) => Effect.logInfo(leavingText(run, now))),
      Effect.andThen(told),
      Effect.forever,
    )
    const late = Effect.sleep(waitMs).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          const open = openCallsOf(run)
          return Effect.logWarning(`did not stop in time, killing it${open === undefined ? "" : ` with ${open}`}`)
        }),
      ),
      Effect.andThen(run.worker.kill),
      Effect.andThen(Effect.never),
    )
    yield* ask
    yield* told
    yield* Effect.raceFirst(run.worker.exited, Effect.raceFirst(tell, late))
  },
  (effect, run) => Effect.annotateLogs(effect, { pid: run.worker.pid }),
)
