import { Clock, Deferred, Effect, FiberHandle, Latch, Queue, Random, type Scope } from "effect"
import { type ProcessEvent, type ProcessState, transition } from "../../domain/ProcessState.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { WorkerStatus } from "../../protocol/NodeManager.ts"
import { drainRun, killFor, type Recipe, seconds, startRun, watchRun, type WorkerRun } from "./WorkerRun.ts"

export type SlotOptions = {
  readonly index: number
  /** Its place in the set: `0`, `tasks/0`. */
  readonly name: string
  /** By which a worker is made whenever nobody asks for another. */
  readonly recipe: () => Recipe
  /** How long the calls of a worker that has to go may take to end. */
  readonly drainTimeoutMs: () => number
  /** Run when a worker that served has ended unasked, or was killed for being stuck. */
  readonly crashed: (run: WorkerRun) => Effect.Effect<void>
  /** Run after each change of the state. */
  readonly changed: Effect.Effect<void>
}

/** What became of a replacement. `Stopped`: the slot was stopped meanwhile, or the replacement was given up. */
export type Replacement =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Failed"; readonly reason: string }
  | { readonly _tag: "Stopped" }

/** One place for a worker, and what became of it. `start` and `stop` only ask; the state tells what came of it. */
export interface Slot {
  readonly index: number
  readonly name: string
  readonly state: ProcessState["_tag"]
  /** The generation of its newest worker, successors left out. */
  readonly generation: number
  /** The worker that is ready. */
  readonly running: WorkerRun | undefined
  /** It has failed at least twice in a row, and its next try is some time away. */
  readonly isResting: boolean
  /** It is stopped, and none of its workers is left. */
  readonly isVacant: boolean
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  /**
   * Starts a worker by `recipe` beside the present one, which is asked to drain when the new one is ready, and serves on
   * when it isn't. Returns with what came of it; given up when interrupted.
   */
  readonly replace: (recipe: Recipe) => Effect.Effect<Replacement>
  /** Returns when no former worker drains any more. */
  readonly alone: Effect.Effect<void>
  /** Ends its workers at once, with all they have started. */
  readonly kill: Effect.Effect<void>
  readonly status: WorkerStatus
}

type Outcome = Deferred.Deferred<Replacement>

type SlotEvent =
  | Extract<ProcessEvent, { readonly _tag: "Start" | "BackoffOver" | "Stop" }>
  | { readonly _tag: "Replace"; readonly recipe: Recipe; readonly outcome: Outcome }
  | { readonly _tag: "GiveUp"; readonly outcome: Outcome }
  | { readonly _tag: "Ready"; readonly run: WorkerRun; readonly at: number }
  | { readonly _tag: "Exited"; readonly run: WorkerRun; readonly at: number; readonly reason: string }

/**
 * Runs the workers of one slot by the state machine of domain/ProcessState: one, and for a while its successor beside
 * it. Events are taken in their order by a single fiber, so no two of them ever race.
 */
export const makeSlot = Effect.fnUntraced(function* (options: SlotOptions) {
  const events = yield* Queue.unbounded<SlotEvent>()
  const backoff = yield* FiberHandle.make()
  const noneLeaves = yield* Latch.make(true)
  const closed = yield* Deferred.make<Replacement>()
  yield* Effect.addFinalizer(() => Deferred.succeed(closed, { _tag: "Stopped" }))
  let state: ProcessState = { _tag: "STOPPED" }
  let current: WorkerRun | undefined
  let successor: { readonly run: WorkerRun; readonly outcome: Outcome } | undefined
  /** Workers that drain, having been replaced. */
  const leaving = new Set<WorkerRun>()
  /** Who waits for the first outcome of the worker that was started in place of none. */
  let awaited: Outcome | undefined
  let generation = 0
  let restarts = 0
  let reason: string | null = null
  let since = yield* Clock.currentTimeMillis
  let spawning = false

  const offer = (event: SlotEvent) => Effect.asVoid(Queue.offer(events, event))

  const resolve = (outcome: Outcome | undefined, replacement: Replacement) =>
    outcome === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(outcome, replacement))

  const move = Effect.fnUntraced(function* (event: ProcessEvent) {
    const before = state
    const next = transition(state, event, yield* Random.next)
    state = next.state
    if (state === before) return next.action
    yield* FiberHandle.clear(backoff)
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
          before._tag === "STARTING" && before.pid === now.pid
            ? `ready after ${Math.round(now.since - before.since)} ms`
            : `ready${"pid" in before ? `; pid ${before.pid} drains` : ""}`,
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

  const watch = (run: WorkerRun, recipe: Recipe) =>
    watchRun(run, recipe.startTimeoutMs, {
      ready: Effect.flatMap(monotonicMs, (at) => offer({ _tag: "Ready", run, at })),
      ended: (why) => Effect.flatMap(monotonicMs, (at) => offer({ _tag: "Exited", run, at, reason: why })),
    }).pipe(Effect.forkScoped)

  const drain = (run: WorkerRun, ask: Effect.Effect<void>) =>
    Effect.forkScoped(drainRun(run, ask, options.drainTimeoutMs()))

  const spawn = Effect.fnUntraced(function* (recipe: Recipe) {
    generation = recipe.generation
    spawning = true
    const started = yield* Effect.result(startRun(recipe))
    spawning = false
    if (started._tag === "Failure") {
      const why = started.failure.reason
      yield* finish({ _tag: "Failed", reason: why })
      return yield* follow({ _tag: "SpawnFailed", at: yield* monotonicMs, reason: why })
    }
    current = started.success
    yield* move({ _tag: "Spawned", pid: current.worker.pid, at: current.startedAt })
    yield* watch(current, recipe)
  })

  const finish = (replacement: Replacement) =>
    Effect.suspend(() => {
      const outcome = awaited
      awaited = undefined
      return resolve(outcome, replacement)
    })

  const accompany = Effect.fnUntraced(function* (recipe: Recipe, outcome: Outcome) {
    yield* dismiss
    const started = yield* Effect.result(startRun(recipe))
    if (started._tag === "Failure") return yield* resolve(outcome, { _tag: "Failed", reason: started.failure.reason })
    successor = { run: started.success, outcome }
    yield* watch(started.success, recipe)
  })

  /** Ends the successor: nobody wants it any more. */
  const dismiss = Effect.suspend(() => {
    if (successor === undefined) return Effect.void
    const { outcome, run } = successor
    successor = undefined
    leaving.add(run)
    noneLeaves.closeUnsafe()
    return Effect.andThen(killFor(run, "not wanted any more"), resolve(outcome, { _tag: "Stopped" }))
  })

  const succeed = Effect.fnUntraced(function* (run: WorkerRun, at: number) {
    const former = current
    const outcome = successor?.outcome
    const action = yield* move({ _tag: "Succeeded", pid: run.worker.pid, at })
    if (action === "dismiss") return yield* dismiss
    successor = undefined
    current = run
    generation = run.generation
    if (action === "retire" && former !== undefined) {
      leaving.add(former)
      noneLeaves.closeUnsafe()
      yield* drain(former, former.worker.retire)
    }
    yield* resolve(outcome, { _tag: "Ready" })
    yield* options.changed
  })

  const ready = Effect.fnUntraced(function* (run: WorkerRun, at: number) {
    if (run === successor?.run) return yield* succeed(run, at)
    if (run !== current) return
    yield* move({ _tag: "Ready", at })
    yield* finish({ _tag: "Ready" })
  })

  const exited = Effect.fnUntraced(function* (run: WorkerRun, at: number, why: string) {
    if (run === current) {
      current = undefined
      if (state._tag === "STARTING" || state._tag === "RUNNING") restarts += 1
      if (state._tag === "RUNNING") yield* options.crashed(run)
      yield* finish(state._tag === "STOPPING" ? { _tag: "Stopped" } : { _tag: "Failed", reason: why })
      return yield* follow({ _tag: "Exited", at, reason: why })
    }
    if (run === successor?.run) {
      const { outcome } = successor
      successor = undefined
      yield* resolve(outcome, { _tag: "Failed", reason: why })
    }
    leaving.delete(run)
    if (leaving.size === 0) yield* noneLeaves.open
    yield* options.changed
  })

  const replace = Effect.fnUntraced(function* (recipe: Recipe, outcome: Outcome) {
    const action = yield* move({ _tag: "Replace" })
    if (action === "accompany") return yield* accompany(recipe, outcome)
    if (action !== "spawn") return yield* resolve(outcome, { _tag: "Stopped" })
    awaited = outcome
    yield* spawn(recipe)
  })

  const waitOut = Effect.gen(function* () {
    if (state._tag !== "BACKOFF") return
    const left = Math.max(0, state.until - (yield* monotonicMs))
    yield* FiberHandle.run(backoff, Effect.andThen(Effect.sleep(left), offer({ _tag: "BackoffOver" })))
  })

  const follow: (event: ProcessEvent) => Effect.Effect<void, never, Scope.Scope> = Effect.fnUntraced(function* (event) {
    const action = yield* move(event)
    if (action === "spawn") yield* spawn(options.recipe())
    if (action === "wait") yield* waitOut
    if (action === "terminate" && current !== undefined) yield* drain(current, current.worker.terminate)
  })

  const handle = (event: SlotEvent) => {
    switch (event._tag) {
      case "Replace":
        return replace(event.recipe, event.outcome)
      case "GiveUp":
        return event.outcome === successor?.outcome ? dismiss : Effect.void
      case "Ready":
        return ready(event.run, event.at)
      case "Exited":
        return exited(event.run, event.at, event.reason)
      case "Stop":
        return Effect.andThen(dismiss, follow(event))
      default:
        return follow(event)
    }
  }

  yield* Queue.take(events).pipe(
    Effect.flatMap(handle),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the slot's supervision ended", cause)),
    Effect.annotateLogs({ slot: options.name }),
    Effect.forkScoped,
  )

  const slot: Slot = {
    index: options.index,
    name: options.name,
    get state() {
      return state._tag
    },
    get generation() {
      return generation
    },
    get running() {
      return state._tag === "RUNNING" ? current : undefined
    },
    get isResting() {
      return state._tag === "BACKOFF" && state.failures > 1 && !spawning && successor === undefined
    },
    get isVacant() {
      return state._tag === "STOPPED" && !spawning && successor === undefined && leaving.size === 0
    },
    start: offer({ _tag: "Start" }),
    stop: Effect.flatMap(monotonicMs, (at) => offer({ _tag: "Stop", at })),
    replace: Effect.fnUntraced(function* (recipe) {
      const outcome = yield* Deferred.make<Replacement>()
      yield* offer({ _tag: "Replace", recipe, outcome })
      // Once the slot is gone nobody takes its events any more.
      return yield* Effect.raceFirst(Deferred.await(outcome), Deferred.await(closed)).pipe(
        Effect.onInterrupt(() => offer({ _tag: "GiveUp", outcome })),
      )
    }),
    alone: noneLeaves.await,
    kill: Effect.suspend(() => {
      const all = [current, successor?.run, ...leaving].filter((run) => run !== undefined)
      return Effect.forEach(all, ({ worker }) => worker.kill, { discard: true })
    }),
    get status(): WorkerStatus {
      const pid = "pid" in state ? state.pid : null
      const ready = state._tag === "RUNNING"
      return { slot: options.index, pid, state: state._tag, restarts, reason, since, ready, adopted: false }
    },
  }
  return slot
})
