import { Effect, Random } from "effect"
import { noSilence, type Silence } from "../../domain/Heartbeat.ts"
import type { RecyclingDraw } from "../../domain/Recycling.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { Launched, LaunchFailed } from "./Launched.ts"

/** The worker's own drain ends by itself; this is for one that is stuck. */
const killAfterDrainMs = 2_000
/** While a worker drains, what it waits for is logged so often. */
const tellOpenCallsMs = 5_000
const toldCalls = 5

/** How a worker is made. */
export type Recipe = {
  /** Which version of the spec and of the module it runs; later ones are larger. */
  readonly generation: number
  /** A worker that does not say it is ready within this time is killed. */
  readonly startTimeoutMs: number
  readonly launch: Effect.Effect<Launched, LaunchFailed>
}

/** One worker process, from its start to its end. Times are milliseconds of a monotonic clock. */
export interface WorkerRun {
  readonly worker: Launched
  readonly generation: number
  readonly startedAt: number
  readonly draw: RecyclingDraw
  silence: Silence
  /** Why we have killed it: then that is the reason of its end. */
  killedFor: string | undefined
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

export const startRun = Effect.fnUntraced(function* (recipe: Recipe) {
  const worker = yield* recipe.launch
  const run: WorkerRun = {
    worker,
    generation: recipe.generation,
    startedAt: yield* monotonicMs,
    draw: { requests: yield* Random.next, lifetime: yield* Random.next },
    silence: noSilence,
    killedFor: undefined,
  }
  return run
})

export const killFor = (run: WorkerRun, reason: string) =>
  Effect.suspend(() => {
    run.killedFor ??= reason
    return run.worker.kill
  })

/** Says when it is ready, kills it when that takes too long, and says why it has ended. */
export const watchRun = (
  run: WorkerRun,
  startTimeoutMs: number,
  on: { readonly ready: Effect.Effect<void>; readonly ended: (reason: string) => Effect.Effect<void> },
) => {
  const late = killFor(run, `not ready within ${startTimeoutMs / 1000} s`).pipe(Effect.andThen(Effect.never))
  const readiness = run.worker.ready.pipe(
    Effect.timeoutOrElse({ duration: startTimeoutMs, orElse: () => late }),
    Effect.andThen(on.ready),
    Effect.andThen(Effect.never),
  )
  return Effect.raceFirst(run.worker.exited, readiness).pipe(
    Effect.flatMap(({ reason }) => on.ended(run.killedFor ?? reason)),
  )
}

/** The calls that a worker has said to be open, for a person: `3 open calls: slow for 2.1 s from 10.0.0.1:4711, …`. */
const openCallsOf = ({ worker }: WorkerRun): string | undefined => {
  const report = worker.report()
  if (report === undefined || report.openCallCount === 0) return undefined
  const { openCallCount: count, openCalls } = report
  const told = openCalls
    .slice(0, toldCalls)
    .map((call) => `${call.method} for ${seconds(call.ageMs)} from ${call.remote}`)
  return `${count} open ${count === 1 ? "call" : "calls"}: ${told.join(", ")}${count > told.length ? ", …" : ""}`
}

/** Asks it to end by `ask`, and kills it when it has not done so `drainTimeoutMs` and a little later. */
export const drainRun = (run: WorkerRun, ask: Effect.Effect<void>, drainTimeoutMs: number) => {
  const tell = Effect.sleep(tellOpenCallsMs).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        const open = openCallsOf(run)
        return open === undefined ? Effect.void : Effect.logInfo(`drains, and waits for ${open}`)
      }),
    ),
    Effect.forever,
  )
  const late = Effect.sleep(drainTimeoutMs + killAfterDrainMs).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        const open = openCallsOf(run)
        return Effect.logWarning(`did not stop in time, killing it${open === undefined ? "" : ` with ${open}`}`)
      }),
    ),
    Effect.andThen(run.worker.kill),
    Effect.andThen(Effect.never),
  )
  return ask.pipe(
    Effect.andThen(Effect.raceFirst(run.worker.exited, Effect.raceFirst(tell, late))),
    Effect.annotateLogs({ pid: run.worker.pid }),
    Effect.asVoid,
  )
}
