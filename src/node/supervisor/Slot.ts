import { Cause, Clock, Deferred, Effect, FiberHandle, FiberMap, Latch, Queue, Random, type Scope } from "effect"
import { restartBackoff } from "../../domain/Backoff.ts"
import {
  type Past,
  type ProcessAction,
  type ProcessEvent,
  type ProcessState,
  transition,
} from "../../domain/ProcessState.ts"
import { textOf } from "../../protocol/ErrorText.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { ProbeAnswers } from "./Hooks.ts"
import type { Ended } from "./Launched.ts"
import { failuresOf } from "./SlotFailures.ts"
import { logChange } from "./SlotLog.ts"
import type { Beginning, BeginningRun, Replacement, Slot, SlotOptions } from "./SlotOptions.ts"
import { makeOrders, type Order, type Outcome, resolve } from "./SlotOrders.ts"
import { type SlotNow, viewOfSlot } from "./SlotView.ts"
import { leavingText } from "./StopReport.ts"
import { drainRun, killFor, type Recipe, startRun, watchRun, type WorkerRun } from "./WorkerRun.ts"

/** A process that is of no use gets this long to end by itself. */
const uselessDrainMs = 3_000

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
  const orders = makeOrders()
  const now: SlotNow = {
    state: { _tag: "STOPPED" },
    current: undefined,
    successor: undefined,
    leaving: new Set(),
    generation: 0,
    restarts: 0,
    failed: undefined,
    reason: null,
    since: yield* Clock.currentTimeMillis,
    left: null,
    isDoomed: false,
  }
  const view = viewOfSlot(options, now)

  const offer = (event: SlotEvent) => Effect.asVoid(Queue.offer(events, event))

  const reasonOf = (state: ProcessState) => {
    if ("reason" in state) return state._tag === "EXITED" && state.good ? null : state.reason
    if (state._tag === "STOPPED") return now.left
    return state._tag === "STARTING" ? now.reason : null
  }

  /** `since`: when what an agent before this one has left came to be so, as far as that is known. */
  const move = Effect.fnUntraced(function* (event: ProcessEvent, since?: number) {
    const before = now.state
    const next = transition(now.state, event, options.policy(), yield* Random.next)
    now.state = next.state
    if (now.state === before) return next.action
    yield* FiberHandle.clear(wait)
    if (before._tag !== now.state._tag || event._tag === "Succeeded")
      now.since = since ?? (yield* Clock.currentTimeMillis)
    now.reason = reasonOf(now.state)
    yield* logChange(before, now.state, yield* monotonicMs)
    if (now.state._tag === "EXITED") {
      const { good, reason } = now.state
      yield* hooks.exited({ reason, good, since: now.since })
    }
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
    if (run === now.current && now.state._tag === "STOPPING") now.reason = leavingText(run, yield* monotonicMs)
    yield* options.changed
  })

  const drain = Effect.fnUntraced(function* (run: WorkerRun, ask: Effect.Effect<void>, ms = options.drainTimeoutMs()) {
    yield* hooks.left(run, ms)
    yield* Effect.forkScoped(drainRun(run, ask, ms, told(run)), { startImmediately: true })
  })

  const leave = (run: WorkerRun) =>
    Effect.suspend(() => {
      now.leaving.add(run)
      return noneLeaves.close
    })

  /** Never cut off halfway: what was started then would run without anybody knowing. */
  const launch = (recipe: Recipe) =>
    startRun(recipe).pipe(
      Effect.tap(({ worker }) => (now.isDoomed ? worker.kill : Effect.void)),
      Effect.uninterruptible,
      Effect.result,
    )

  /** What was ordered for when the former process has ended, or else what is always started. */
  const spawn = Effect.gen(function* () {
    const order = orders.take()
    const recipe = order?.recipe ?? options.recipe()
    now.generation = recipe.generation
    const started = yield* launch(recipe)
    if (started._tag === "Failure") {
      const why = started.failure.reason
      yield* orders.answer({ _tag: "Failed", reason: why })
      return yield* follow({ _tag: "SpawnFailed", at: yield* monotonicMs, reason: why })
    }
    const run = started.success
    now.current = run
    yield* move({ _tag: "Spawned", pid: run.worker.pid, at: run.startedAt })
    yield* watch(run, recipe, order?.strict === true)
    if (order?.outcome !== undefined && !order.strict)
      yield* Effect.forkScoped(Effect.andThen(Effect.sleep(recipe.startTimeoutMs), offer({ _tag: "Late", run })))
  })

  const accompany = Effect.fnUntraced(function* (recipe: Recipe, outcome: Outcome) {
    yield* dismiss
    const started = yield* launch(recipe)
    if (started._tag === "Failure") return yield* resolve(outcome, { _tag: "Failed", reason: started.failure.reason })
    now.successor = { run: started.success, outcome }
    yield* watch(started.success, recipe, true)
  })

  /** Ends the successor: nobody wants it any more. */
  const dismiss = Effect.suspend(() => {
    if (now.successor === undefined) return Effect.void
    const { outcome, run } = now.successor
    now.successor = undefined
    return leave(run).pipe(
      Effect.andThen(killFor(run, "not wanted any more")),
      Effect.andThen(resolve(outcome, { _tag: "Stopped" })),
    )
  })

  const succeed = Effect.fnUntraced(function* (run: WorkerRun, at: number) {
    const former = now.current
    const outcome = now.successor?.outcome
    const action = yield* move({ _tag: "Succeeded", pid: run.worker.pid, at })
    if (action === "dismiss") return yield* dismiss
    now.successor = undefined
    now.current = run
    now.generation = run.generation
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
    yield* orders.answer({ _tag: "Ready" })
  })

  /** What goes on beside a process as long as it is up. */
  const accompanyUp = Effect.fnUntraced(function* (run: WorkerRun) {
    yield* beginProbes(run)
    const aMinute = Effect.sleep(restartBackoff.resetAfterMs).pipe(Effect.andThen(hooks.wentWell(run)))
    yield* Effect.forkScoped(Effect.raceFirst(aMinute, Effect.asVoid(run.worker.exited)))
  })

  const up = Effect.fnUntraced(function* (run: WorkerRun) {
    if (run !== now.current && run !== now.successor?.run) return
    const at = yield* monotonicMs
    const ready = !hooks.waitsForProbe()
    if (run !== now.current) yield* ready ? succeed(run, at) : Effect.void
    else {
      yield* move({ _tag: "Up", at, ready })
      if (ready) yield* isReadyNow(run)
    }
    yield* accompanyUp(run)
  })

  /** It is up, but who waits for it to be ready has waited for as long as a start may take. */
  const late = (run: WorkerRun) =>
    Effect.suspend(() =>
      run === now.current && now.state._tag === "RUNNING"
        ? orders.answer({ _tag: "Failed", reason: now.reason ?? "not ready in time" })
        : Effect.void,
    )

  const probed = Effect.fnUntraced(function* (run: WorkerRun, unready: string | undefined) {
    run.unready = unready
    if (run === now.successor?.run) return yield* unready === undefined ? succeed(run, yield* monotonicMs) : Effect.void
    if (run !== now.current || now.state._tag !== "RUNNING" || run.killedFor !== undefined) return
    yield* move({ _tag: "Probed", ready: unready === undefined })
    const next = unready === undefined ? null : `not ready: ${unready}`
    const isNews = now.reason !== next
    now.reason = next
    if (isNews && next !== null) yield* Effect.logWarning(next).pipe(Effect.annotateLogs({ pid: run.worker.pid }))
    if (isNews) yield* options.changed
    if (unready === undefined) yield* isReadyNow(run)
  })

  const dead = Effect.fnUntraced(function* (run: WorkerRun, why: string) {
    if (run === now.successor?.run) return yield* killFor(run, why)
    if (run !== now.current || run.killedFor !== undefined) return
    if ((yield* move({ _tag: "Failing" })) !== "kill") return
    run.killedFor = why
    now.reason = why
    yield* Effect.logWarning(`is ended: ${why}`).pipe(Effect.annotateLogs({ pid: run.worker.pid }))
    yield* drain(run, run.worker.terminate, Math.min(uselessDrainMs, options.drainTimeoutMs()))
    yield* options.changed
  })

  const probeAnew = Effect.gen(function* () {
    for (const run of [now.current, now.successor?.run].filter((one) => one !== undefined)) {
      if (run === now.current && now.state._tag !== "RUNNING") continue
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
    const before = now.state._tag
    now.current = undefined
    if (before === "STOPPING") yield* orders.answer({ _tag: "Stopped" })
    const forced = run.killedFor !== undefined
    yield* follow({ _tag: "Exited", at: yield* monotonicMs, code, signal, forced, reason: why })
    if (before === "STOPPING") return
    yield* orders.answer(view.isCompleted ? { _tag: "Ready" } : { _tag: "Failed", reason: why })
    const good = view.isCompleted || (now.state._tag === "BACKOFF" && now.state.past.failures === 0)
    if (!good) {
      now.restarts += 1
      now.failed = { generation: run.generation, reason: why }
    }
    yield* good ? hooks.wentWell(run) : crashed(run, how, before === "RUNNING")
    yield* options.changed
  })

  const exited = Effect.fnUntraced(function* (run: WorkerRun, how: Ended) {
    yield* FiberMap.remove(probes, run)
    now.left = how.left ?? null
    if (run === now.current) return yield* currentExited(run, how)
    if (run === now.successor?.run) {
      const { outcome } = now.successor
      now.successor = undefined
      yield* crashed(run, how, false)
      yield* resolve(outcome, { _tag: "Failed", reason: how.reason })
    }
    now.leaving.delete(run)
    if (now.leaving.size === 0) yield* noneLeaves.open
    yield* options.changed
  })

  const waitOut = Effect.gen(function* () {
    if ((now.state._tag !== "BACKOFF" && now.state._tag !== "FATAL") || now.state.until === null) return
    const left = Math.max(0, now.state.until - (yield* monotonicMs))
    yield* FiberHandle.run(wait, Effect.andThen(Effect.sleep(left), offer({ _tag: "WaitOver" })))
  })

  const act: (action: ProcessAction) => Effect.Effect<void, never, Scope.Scope> = Effect.fnUntraced(function* (action) {
    if (action === "spawn") yield* spawn
    if (action === "wait") yield* waitOut
    if (action === "terminate" && now.current !== undefined) yield* drain(now.current, now.current.worker.terminate)
  })
  const follow = (event: ProcessEvent) => Effect.flatMap(move(event), act)

  const replace = Effect.fnUntraced(function* (wanted: Order & { readonly recipe: Recipe }) {
    const action = yield* move({ _tag: "Replace", at: yield* monotonicMs })
    if (action === "accompany") return yield* accompany(wanted.recipe, wanted.outcome)
    if (action === "dismiss") return yield* resolve(wanted.outcome, { _tag: "Stopped" })
    yield* orders.order({ ...wanted, strict: action === "postpone" && wanted.strict })
    if (action === "spawn") yield* spawn
  })

  const restart = Effect.fnUntraced(function* (wanted: Order) {
    const action = yield* move({ _tag: "Restart", at: yield* monotonicMs })
    if (action === "dismiss") return yield* resolve(wanted.outcome, { _tag: "Stopped" })
    yield* dismiss
    yield* orders.order(wanted)
    yield* act(action)
  })

  const giveUp = Effect.fnUntraced(function* (outcome: Outcome) {
    if (outcome === now.successor?.outcome) return yield* dismiss
    if (orders.isOrdered(outcome)) yield* orders.order(undefined)
  })

  const stop = Effect.gen(function* () {
    yield* dismiss
    yield* orders.order(undefined)
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

  /** One that was ready counts as ready until its probe objects. */
  const beginUp = Effect.fnUntraced(function* ({ restarts, run, up: isUp }: BeginningRun, past: Past | undefined) {
    now.current = run
    now.generation = run.generation
    now.restarts = restarts
    const { startedAt: since, worker } = run
    const ageMs = (yield* monotonicMs) - since
    const startedAt = Math.round((yield* Clock.currentTimeMillis) - ageMs)
    yield* move({ _tag: "Adopted", pid: worker.pid, since, up: isUp, ready: true, past }, startedAt)
    if (isUp) {
      yield* watchEnd(run)
      yield* isReadyNow(run)
      yield* accompanyUp(run)
    } else yield* watch(run, options.recipe(), false)
  })

  const beginDown = Effect.fnUntraced(function* ({ ended, failing }: Beginning) {
    now.generation = ended?.generation ?? failing?.generation ?? 0
    now.restarts = failing?.restarts ?? 0
    if (ended !== undefined) yield* move({ _tag: "Recalled", ...ended }, ended.since)
    else if (failing !== undefined) yield* Effect.flatMap(move({ _tag: "Remembered", ...failing }, failing.since), act)
  })

  /** Takes over what an agent before this one has left. */
  const beginWith = Effect.fnUntraced(function* (begin: Beginning) {
    const { current: known, failing, leaving: those } = begin
    for (const { drainMs, run } of those) {
      yield* leave(run)
      yield* watchEnd(run)
      // Asked once more it does nothing else, but it may be that it never was.
      yield* drain(run, known === undefined ? run.worker.terminate : run.worker.retire, drainMs)
    }
    yield* known === undefined ? beginDown(begin) : beginUp(known, failing?.past)
  })
  if (options.begin !== undefined) yield* beginWith(options.begin)
  const tellFailures = failuresOf(now, options.begin?.failing !== undefined, hooks.failing)

  /** A fault of ours must not end the supervision: what the state waits for still comes. */
  const goOn = Effect.fnUntraced(function* (cause: Cause.Cause<never>) {
    yield* Effect.logError("an event of this instance was not dealt with in full; going on", cause)
    if (now.state._tag !== "STARTING" || now.state.pid !== null) return yield* waitOut
    const reason = `it could not be started: ${textOf(Cause.squash(cause))}`
    yield* follow({ _tag: "SpawnFailed", at: yield* monotonicMs, reason })
  })

  yield* Queue.take(events).pipe(
    Effect.flatMap((event) =>
      Effect.andThen(handle(event), tellFailures).pipe(
        Effect.catchCause(goOn),
        Effect.annotateLogs({ service: options.service() }),
      ),
    ),
    Effect.forever,
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

  const asks: Pick<Slot, "start" | "stop" | "replace" | "exchange" | "restart" | "probeAnew" | "alone"> = {
    start: offer({ _tag: "Start" }),
    stop: offer({ _tag: "Stop" }),
    replace: (recipe) => outcomeOf((outcome) => ({ _tag: "Replace", order: { recipe, outcome, strict: true } })),
    exchange: (recipe) => outcomeOf((outcome) => ({ _tag: "Restart", order: { recipe, outcome, strict: true } })),
    restart: outcomeOf((outcome) => ({ _tag: "Restart", order: { recipe: undefined, outcome, strict: false } })),
    probeAnew: offer({ _tag: "ProbeAnew" }),
    alone: noneLeaves.await,
  }
  return Object.assign(view, asks)
})
