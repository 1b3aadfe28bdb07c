import { Clock, Effect, FiberHandle, Queue, Random } from "effect"
import { type ProcessEvent, type ProcessState, transition } from "../../domain/ProcessState.ts"
import type { WorkerStatus } from "../../protocol/NodeManager.ts"
import type { LaunchedWorker, LaunchFailed } from "./WorkerLauncher.ts"

/** A worker that does not say it is ready within this time is killed, and tried again with backoff. */
export const startTimeoutMs = 10_000
/** The worker's own drain ends by itself; this is for one that is stuck. */
const killAfterDrainMs = 2_000

export type SlotOptions = {
  readonly index: number
  /** Starts a worker by the newest spec. */
  readonly launch: Effect.Effect<LaunchedWorker, LaunchFailed>
  /** Which spec that is, and how long its calls may take to end. */
  readonly spec: () => { readonly generation: number; readonly drainTimeoutMs: number }
  /** Run after each change of the state. */
  readonly changed: Effect.Effect<void>
}

/** One place for a worker, and what became of it. `start` and `stop` only ask; the state tells what came of it. */
export interface Slot {
  readonly index: number
  readonly state: ProcessState["_tag"]
  /** The generation of the spec that the newest worker runs under. */
  readonly generation: number
  /** It has failed at least twice in a row, and its next try is some time away. */
  readonly isResting: boolean
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  /** Ends its worker at once, with all it has started. */
  readonly kill: Effect.Effect<void>
  readonly status: WorkerStatus
}

const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/**
 * Runs the workers of one slot, one at a time, by the state machine of domain/ProcessState. Events are taken in their
 * order by a single fiber, so no two of them ever race.
 */
export const makeSlot = Effect.fnUntraced(function* (options: SlotOptions) {
  const events = yield* Queue.unbounded<ProcessEvent>()
  // Each state has at most one thing it waits for: readiness, the backoff's end, or the end of a stop.
  const timer = yield* FiberHandle.make()
  let state: ProcessState = { _tag: "STOPPED" }
  let running: LaunchedWorker | undefined
  let generation = 0
  let restarts = 0
  let reason: string | null = null
  let since = yield* Clock.currentTimeMillis
  let killedFor: string | undefined
  let spawning = false

  const offer = (event: ProcessEvent) => Queue.offer(events, event)

  const move = Effect.fnUntraced(function* (event: ProcessEvent) {
    const before = state
    const next = transition(state, event, yield* Random.next)
    state = next.state
    if (state === before) return next.action
    yield* FiberHandle.clear(timer)
    since = yield* Clock.currentTimeMillis
    reason =
      state._tag === "BACKOFF" || state._tag === "FATAL" ? state.reason : state._tag === "STARTING" ? reason : null
    yield* describe(before)
    yield* options.changed
    return next.action
  })

  const describe = (before: ProcessState) => {
    const pid = "pid" in state ? state.pid : "pid" in before ? before.pid : 0
    return logChange(before, state).pipe(Effect.annotateLogs(pid === 0 ? {} : { pid }))
  }

  const logChange = Effect.fnUntraced(function* (before: ProcessState, now: ProcessState) {
    switch (now._tag) {
      case "RUNNING":
        return yield* Effect.logInfo(
          before._tag === "STARTING" ? `ready after ${Math.round(now.since - before.since)} ms` : "ready",
        )
      case "BACKOFF": {
        const wait = seconds(now.until - (yield* monotonicMs))
        return yield* Effect.logWarning(`down: ${now.reason}; next try in ${wait} (failure ${now.failures} in a row)`)
      }
      case "STOPPED":
        return yield* before._tag === "STOPPING" ? Effect.logInfo("stopped") : Effect.void
      default:
        return undefined
    }
  })

  const spawn = Effect.gen(function* () {
    generation = options.spec().generation
    spawning = true
    const launched = yield* Effect.result(options.launch)
    spawning = false
    const at = yield* monotonicMs
    if (launched._tag === "Failure") {
      return yield* move({ _tag: "SpawnFailed", at, reason: launched.failure.reason })
    }
    const worker = launched.success
    running = worker
    killedFor = undefined
    const action = yield* move({ _tag: "Spawned", pid: worker.pid, at })
    yield* FiberHandle.run(timer, Effect.andThen(Effect.sleep(startTimeoutMs), killLate(worker)))
    yield* Effect.forkScoped(watch(worker))
    return action
  })

  const killLate = (worker: LaunchedWorker) =>
    Effect.suspend(() => {
      killedFor = `not ready within ${startTimeoutMs / 1000} s`
      return worker.kill
    })

  const watch = (worker: LaunchedWorker) =>
    Effect.gen(function* () {
      const readiness = worker.ready.pipe(
        Effect.andThen(monotonicMs),
        Effect.flatMap((at) => offer({ _tag: "Ready", at })),
        Effect.andThen(Effect.never),
      )
      const exitReason = yield* Effect.raceFirst(worker.exited, readiness)
      yield* offer({ _tag: "Exited", at: yield* monotonicMs, reason: killedFor ?? exitReason })
    })

  const terminate = Effect.suspend(() => {
    if (running === undefined) return Effect.void
    const worker = running
    const { drainTimeoutMs } = options.spec()
    const late = Effect.logWarning("did not stop in time, killing it").pipe(Effect.andThen(worker.kill))
    return worker.terminate.pipe(
      Effect.andThen(FiberHandle.run(timer, Effect.andThen(Effect.sleep(drainTimeoutMs + killAfterDrainMs), late))),
      Effect.asVoid,
    )
  })

  const waitOut = Effect.gen(function* () {
    if (state._tag !== "BACKOFF") return
    const left = Math.max(0, state.until - (yield* monotonicMs))
    yield* FiberHandle.run(timer, Effect.andThen(Effect.sleep(left), offer({ _tag: "BackoffOver" })))
  })

  const handle = Effect.fnUntraced(function* (event: ProcessEvent) {
    if (event._tag === "Exited" && (state._tag === "STARTING" || state._tag === "RUNNING")) restarts += 1
    let action = yield* move(event)
    if (action === "spawn") action = yield* spawn
    if (action === "wait") yield* waitOut
    if (action === "terminate") yield* terminate
  })

  yield* Queue.take(events).pipe(
    Effect.flatMap(handle),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the slot's supervision ended", cause)),
    Effect.annotateLogs({ slot: options.index }),
    Effect.forkScoped,
  )

  const slot: Slot = {
    index: options.index,
    get state() {
      return state._tag
    },
    get generation() {
      return generation
    },
    get isResting() {
      return state._tag === "BACKOFF" && state.failures > 1 && !spawning
    },
    start: Effect.asVoid(offer({ _tag: "Start" })),
    stop: Effect.flatMap(monotonicMs, (at) => Effect.asVoid(offer({ _tag: "Stop", at }))),
    kill: Effect.suspend(() => running?.kill ?? Effect.void),
    get status(): WorkerStatus {
      const pid = "pid" in state ? state.pid : null
      return { slot: options.index, pid, state: state._tag, restarts, reason, since }
    },
  }
  return slot
})
