import { Clock, Deferred, Effect, FiberHandle, FiberMap, Latch, Queue, Random, type Scope } from "effect"
import { restartBackoff } from "../../domain/Backoff.ts"
import { type ProcessEvent, type ProcessState, transition } from "../../domain/ProcessState.ts"
import type { WorkerStatus } from "../../protocol/NodeManager.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { ProbeAnswers } from "./Hooks.ts"
import type { Ended } from "./Launched.ts"
import { logChange } from "./SlotLog.ts"
import type { Beginning, Replacement, Slot, SlotOptions } from "./SlotOptions.ts"
import { leavingText } from "./StopReport.ts"
import { drainRun, killFor, type Recipe, startRun, watchRun, type WorkerRun } from "./WorkerRun.ts"

/** A process that is of no use gets this long to end by itself. */
const uselessDrainMs = 3_000

type Outcome = Deferred.Deferred<Replacement>

/** Who waits for what comes of a recipe. `strict`: a process of it that is not ready in time is killed. */
type Order = { readonly recipe: Recipe | undefined; readonly outcome: Outcome; readonly strict: boolean }

type SlotEvent =
  | { readonly _tag: "Start" }
  | { readonly _tag: "WaitOver" }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "ProbeAnew" }
  | { readonly _tag: "Replace"; readonly order: Order & { readonly recipe: Recipe } }
  | { readonly _tag: "Restart"; readonly order: Order }
  | { readonly _tag: "GiveUp"; readonly outcome: Outcome }
  | { readonly _tag: "Up" | "Late"; readonly run: WorkerRun }
  | { readonly _tag: "Probed"; readonly run: WorkerRun; readonly unready: string | undefined }
  | { readonly _tag: "Dead"; readonly run: WorkerRun; readonly reason: string }
  | { readonly _tag: "Exited"; readonly run: WorkerRun; readonly how: Ended }

/**
 * Runs the processes of one slot by the state machine of domain/ProcessState: one, and for a while its successor beside
 * it. Events are taken in their order by a single fiber, so no two of them ever race.
 */
export const makeSlot = Effect.fnUntraced(function* (options: SlotOptions) {
  const { hooks } = options
  const events = yield* Queue.unbounded<SlotEvent>()
  const wait = yield* FiberHandle.make()
  const probes = yield* FiberMap.make<WorkerRun>()
  const noneLeaves = yield* Latch.make(true)
  const closed = yield* Deferred.make<Replacement>()
  yield* Effect.addFinalizer(() => Deferred.succeed(closed, { _tag: "Stopped" }))
  let state: ProcessState = { _tag: "STOPPED" }
  let current: WorkerRun | undefined
  let successor: { readonly run: WorkerRun; readonly outcome: Outcome } | undefined
  /** Processes that drain, having been replaced. */
  const leaving = new Set<WorkerRun>()
  /** What is to be started when the present process has ended. */
  let ordered: Order | undefined
  /** Who waits for the first outcome of the process that was started in place of none. */
  let awaited: Outcome | undefined
  let generation = 0
  let restarts = 0
  let reason: string | null = null
  let since = yield* Clock.currentTimeMillis

  const offer = (event: SlotEvent) => Effect.asVoid(Queue.offer(events, event))

  const resolve = (outcome: Outcome | undefined, replacement: Replacement) =>
    outcome === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(outcome, replacement))

  /** To whom waits for the process that was started in place of none. */
  const answer = (replacement: Replacement) =>
    Effect.suspend(() => {
      const outcome = awaited
      awaited = undefined
      return resolve(outcome, replacement)
    })

  const reasonOf = (now: ProcessState) => {
    if ("reason" in now) return now._tag === "EXITED" && now.good ? null : now.reason
    return now._tag === "STARTING" ? reason : null
  }

  const move = Effect.fnUntraced(function* (event: ProcessEvent) {
    const before = state
    const next = transition(state, event, options.policy(), yield* Random.next)
    state = next.state
    if (state === before) return next.action
    yield* FiberHandle.clear(wait)
    since = before._tag === state._tag ? since : yield* Clock.currentTimeMillis
    reason = reasonOf(state)
    yield* logChange(before, state, yield* monotonicMs)
    if (state._tag === "EXITED") yield* hooks.exited(state.reason, state.good)
    yield* options.changed
    return next.action
  })

  const watch = (run: WorkerRun, recipe: Recipe, awaitReady: boolean) =>
    watchRun(run, {
      startTimeoutMs: recipe.startTimeoutMs,
      awaited: awaitReady ? Deferred.await(run.wasReady) : Effect.void,
      up: offer({ _tag: "Up", run }),
      ended: (how) => offer({ _tag: "Exited", run, how }),
    }).pipe(Effect.forkScoped)

  /** What a process that was asked to end waits for, and for how long, is the reason of its state. */
  const told = Effect.fnUntraced(function* (run: WorkerRun) {
    if (run === current && state._tag === "STOPPING") reason = leavingText(run, yield* monotonicMs)
    yield* options.changed
  })

  const drain = Effect.fnUntraced(function* (run: WorkerRun, ask: Effect.Effect<void>, ms = options.drainTimeoutMs()) {
    yield* hooks.left(run)
    yield* Effect.forkScoped(drainRun(run, ask, ms, told(run)), { startImmediately: true })
  })

  const leave = (run: WorkerRun) =>
    Effect.suspend(() => {
      leaving.add(run)
      return noneLeaves.close
    })

  const spawn = Effect.fnUntraced(function* (order: Pick<Order, "strict"> & Partial<Order>) {
    const recipe = order.recipe ?? options.recipe()
    generation = recipe.generation
    awaited = order.outcome
    const started = yield* Effect.result(startRun(recipe))
    if (started._tag === "Failure") {
      const why = started.failure.reason
      yield* answer({ _tag: "Failed", reason: why })
      return yield* follow({ _tag: "SpawnFailed", at: yield* monotonicMs, reason: why })
    }
    const run = started.success
    current = run
    yield* move({ _tag: "Spawned", pid: run.worker.pid, at: run.startedAt })
    yield* watch(run, recipe, order.strict)
    if (awaited !== undefined && !order.strict)
      yield* Effect.forkScoped(Effect.andThen(Effect.sleep(recipe.startTimeoutMs), offer({ _tag: "Late", run })))
  })

  /** What was ordered for when the former process has ended, or else what is always started. */
  const spawnNext = Effect.suspend(() => {
    const order = ordered ?? { strict: false }
    ordered = undefined
    return spawn(order)
  })

  const accompany = Effect.fnUntraced(function* (recipe: Recipe, outcome: Outcome) {
    yield* dismiss
    const started = yield* Effect.result(startRun(recipe))
    if (started._tag === "Failure") return yield* resolve(outcome, { _tag: "Failed", reason: started.failure.reason })
    successor = { run: started.success, outcome }
    yield* watch(started.success, recipe, true)
  })

  /** Ends the successor: nobody wants it any more. */
  const dismiss = Effect.suspend(() => {
    if (successor === undefined) return Effect.void
    const { outcome, run } = successor
    successor = undefined
    return leave(run).pipe(
      Effect.andThen(killFor(run, "not wanted any more")),
      Effect.andThen(resolve(outcome, { _tag: "Stopped" })),
    )
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
      yield* leave(former)
      yield* drain(former, former.worker.retire)
    }
    yield* Deferred.succeed(run.wasReady, undefined)
    yield* resolve(outcome, { _tag: "Ready" })
    yield* options.changed
  })

  /** Says what the probes of a process have found, as long as it is there. */
  const answersOf = (run: WorkerRun): ProbeAnswers => ({
    ready: offer({ _tag: "Probed", run, unready: undefined }),
    unready: (why) => offer({ _tag: "Probed", run, unready: why }),
    dead: (why) => offer({ _tag: "Dead", run, reason: why }),
  })

  const beginProbes = (run: WorkerRun) => FiberMap.run(probes, run, hooks.probe(run, answersOf(run)))

  const isReadyNow = Effect.fnUntraced(function* (run: WorkerRun) {
    yield* Deferred.succeed(run.wasReady, undefined)
    yield* answer({ _tag: "Ready" })
  })

  const up = Effect.fnUntraced(function* (run: WorkerRun) {
    if (run !== current && run !== successor?.run) return
    const at = yield* monotonicMs
    const ready = !hooks.waitsForProbe()
    if (run !== current) yield* ready ? succeed(run, at) : Effect.void
    else {
      yield* move({ _tag: "Up", at, ready })
      if (ready) yield* isReadyNow(run)
    }
    yield* beginProbes(run)
    const aMinute = Effect.sleep(restartBackoff.resetAfterMs).pipe(Effect.andThen(hooks.wentWell(run)))
    yield* Effect.forkScoped(Effect.raceFirst(aMinute, Effect.asVoid(run.worker.exited)))
  })

  /** It is up, but who waits for it to be ready has waited for as long as a start may take. */
  const late = (run: WorkerRun) =>
    Effect.suspend(() =>
      run === current && state._tag === "RUNNING"
        ? answer({ _tag: "Failed", reason: reason ?? "not ready in time" })
        : Effect.void,
    )

  const probed = Effect.fnUntraced(function* (run: WorkerRun, unready: string | undefined) {
    run.unready = unready
    if (run === successor?.run) return yield* unready === undefined ? succeed(run, yield* monotonicMs) : Effect.void
    if (run !== current || state._tag !== "RUNNING" || run.killedFor !== undefined) return
    yield* move({ _tag: "Probed", ready: unready === undefined })
    const next = unready === undefined ? null : `not ready: ${unready}`
    const isNews = reason !== next
    reason = next
    if (isNews && next !== null) yield* Effect.logWarning(next).pipe(Effect.annotateLogs({ pid: run.worker.pid }))
    if (isNews) yield* options.changed
    if (unready === undefined) yield* isReadyNow(run)
  })

  const dead = Effect.fnUntraced(function* (run: WorkerRun, why: string) {
    if (run === successor?.run) return yield* killFor(run, why)
    if (run !== current || run.killedFor !== undefined) return
    if ((yield* move({ _tag: "Failing" })) !== "kill") return
    run.killedFor = why
    reason = why
    yield* Effect.logWarning(`is ended: ${why}`).pipe(Effect.annotateLogs({ pid: run.worker.pid }))
    yield* drain(run, run.worker.terminate, Math.min(uselessDrainMs, options.drainTimeoutMs()))
    yield* options.changed
  })

  const probeAnew = Effect.gen(function* () {
    for (const run of [current, successor?.run].filter((one) => one !== undefined)) {
      if (run === current && state._tag !== "RUNNING") continue
      yield* beginProbes(run)
      if (!hooks.waitsForProbe()) yield* probed(run, undefined)
    }
  })

  const crashed = Effect.fnUntraced(function* (run: WorkerRun, ended: Ended, wasUp: boolean) {
    const ranMs = (yield* monotonicMs) - run.startedAt
    yield* hooks.crashed({ run, ended, ranMs, wasUp, figures: run.worker.report() })
  })

  const currentExited = Effect.fnUntraced(function* (run: WorkerRun, how: Ended) {
    const { code, reason: why, signal } = how
    const before = state._tag
    current = undefined
    if (before === "STOPPING") yield* answer({ _tag: "Stopped" })
    const forced = run.killedFor !== undefined
    yield* follow({ _tag: "Exited", at: yield* monotonicMs, code, signal, forced, reason: why })
    if (before === "STOPPING") return
    yield* answer(slot.isCompleted ? { _tag: "Ready" } : { _tag: "Failed", reason: why })
    const good = slot.isCompleted || (state._tag === "BACKOFF" && state.past.failures === 0)
    if (!good) restarts += 1
    yield* good ? hooks.wentWell(run) : crashed(run, how, before === "RUNNING")
    yield* options.changed
  })

  const exited = Effect.fnUntraced(function* (run: WorkerRun, how: Ended) {
    yield* FiberMap.remove(probes, run)
    if (run === current) return yield* currentExited(run, how)
    if (run === successor?.run) {
      const { outcome } = successor
      successor = undefined
      yield* crashed(run, how, false)
      yield* resolve(outcome, { _tag: "Failed", reason: how.reason })
    }
    leaving.delete(run)
    if (leaving.size === 0) yield* noneLeaves.open
    yield* options.changed
  })

  const waitOut = Effect.gen(function* () {
    if ((state._tag !== "BACKOFF" && state._tag !== "FATAL") || state.until === null) return
    const left = Math.max(0, state.until - (yield* monotonicMs))
    yield* FiberHandle.run(wait, Effect.andThen(Effect.sleep(left), offer({ _tag: "WaitOver" })))
  })

  const follow: (event: ProcessEvent) => Effect.Effect<void, never, Scope.Scope> = Effect.fnUntraced(function* (event) {
    const action = yield* move(event)
    if (action === "spawn") yield* spawnNext
    if (action === "wait") yield* waitOut
    if (action === "terminate" && current !== undefined) yield* drain(current, current.worker.terminate)
  })

  const order = Effect.fnUntraced(function* (next: Order | undefined) {
    yield* resolve(ordered?.outcome, { _tag: "Stopped" })
    ordered = next
  })

  const replace = Effect.fnUntraced(function* (wanted: Order & { readonly recipe: Recipe }) {
    const action = yield* move({ _tag: "Replace", at: yield* monotonicMs })
    if (action === "accompany") return yield* accompany(wanted.recipe, wanted.outcome)
    if (action === "dismiss") return yield* resolve(wanted.outcome, { _tag: "Stopped" })
    yield* order({ ...wanted, strict: action === "postpone" && wanted.strict })
    if (action === "spawn") yield* spawnNext
  })

  const restart = Effect.fnUntraced(function* (wanted: Order) {
    yield* dismiss
    yield* order(wanted)
    yield* follow({ _tag: "Restart", at: yield* monotonicMs })
  })

  const giveUp = Effect.fnUntraced(function* (outcome: Outcome) {
    if (outcome === successor?.outcome) return yield* dismiss
    if (outcome === ordered?.outcome) yield* order(undefined)
  })

  const stop = Effect.gen(function* () {
    yield* dismiss
    yield* order(undefined)
    yield* follow({ _tag: "Stop", at: yield* monotonicMs })
  })

  const handle = (event: SlotEvent): Effect.Effect<void, never, Scope.Scope> => {
    switch (event._tag) {
      case "Replace":
        return replace(event.order)
      case "Restart":
        return restart(event.order)
      case "GiveUp":
        return giveUp(event.outcome)
      case "Up":
        return up(event.run)
      case "Late":
        return late(event.run)
      case "Probed":
        return probed(event.run, event.unready)
      case "Dead":
        return dead(event.run, event.reason)
      case "Exited":
        return exited(event.run, event.how)
      case "ProbeAnew":
        return probeAnew
      case "Stop":
        return stop
      case "Start":
      case "WaitOver":
        return Effect.flatMap(monotonicMs, (at) => follow({ _tag: event._tag, at }))
    }
  }

  const watchEnd = (run: WorkerRun) =>
    run.worker.exited.pipe(
      Effect.flatMap((how) => offer({ _tag: "Exited", run, how: { ...how, reason: run.killedFor ?? how.reason } })),
      Effect.forkScoped,
    )

  /** Takes over what an agent before this one has left. One that was ready counts as ready until its probe objects. */
  const beginWith = Effect.fnUntraced(function* ({ current: known, ended, leaving: those }: Beginning) {
    for (const run of those) {
      yield* leave(run)
      yield* watchEnd(run)
      // Asked once more it does nothing else, but it may be that it never was.
      yield* drain(run, known === undefined ? run.worker.terminate : run.worker.retire)
    }
    if (ended !== undefined) yield* move({ _tag: "Recalled", ...ended })
    if (known === undefined) return
    const { run, up: isUp } = known
    current = run
    generation = run.generation
    yield* move({ _tag: "Adopted", pid: run.worker.pid, since: run.startedAt, up: isUp, ready: true })
    if (isUp) {
      yield* watchEnd(run)
      yield* isReadyNow(run)
      yield* beginProbes(run)
    } else yield* watch(run, options.recipe(), false)
  })
  if (options.begin !== undefined) yield* beginWith(options.begin)

  yield* Queue.take(events).pipe(
    Effect.flatMap((event) => Effect.annotateLogs(handle(event), { service: options.service() })),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the slot's supervision ended", cause)),
    Effect.annotateLogs({ slot: options.name }),
    Effect.forkScoped,
  )

  // Once the slot is gone nobody takes its events any more.
  const outcomeOf = Effect.fnUntraced(function* (event: (outcome: Outcome) => SlotEvent) {
    const outcome = yield* Deferred.make<Replacement>()
    yield* offer(event(outcome))
    return yield* Effect.raceFirst(Deferred.await(outcome), Deferred.await(closed)).pipe(
      Effect.onInterrupt(() => offer({ _tag: "GiveUp", outcome })),
    )
  })

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
    get isReady() {
      return state._tag === "RUNNING" && state.ready
    },
    get isCompleted() {
      return state._tag === "EXITED" && state.good
    },
    get isResting() {
      const rests = state._tag === "BACKOFF" ? state.past.ends > 1 : state._tag === "FATAL" || state._tag === "EXITED"
      return rests && successor === undefined
    },
    get isVacant() {
      return state._tag === "STOPPED" && successor === undefined && leaving.size === 0
    },
    get leaving() {
      return current?.leaving === undefined ? [...leaving] : [current, ...leaving]
    },
    start: offer({ _tag: "Start" }),
    stop: offer({ _tag: "Stop" }),
    replace: (recipe) => outcomeOf((outcome) => ({ _tag: "Replace", order: { recipe, outcome, strict: true } })),
    exchange: (recipe) => outcomeOf((outcome) => ({ _tag: "Restart", order: { recipe, outcome, strict: true } })),
    restart: outcomeOf((outcome) => ({ _tag: "Restart", order: { recipe: undefined, outcome, strict: false } })),
    probeAnew: offer({ _tag: "ProbeAnew" }),
    alone: noneLeaves.await,
    kill: Effect.suspend(() => {
      const all = [current, successor?.run, ...leaving].filter((run) => run !== undefined)
      return Effect.forEach(all, ({ worker }) => worker.kill, { discard: true })
    }),
    get status(): WorkerStatus {
      const pid = "pid" in state ? state.pid : null
      const adopted = "adopted" in state && state.adopted
      const { isReady: ready } = slot
      return { slot: options.index, pid, state: state._tag, restarts, reason, since, ready, adopted }
    },
  }
  return slot
})
