import { Clock, Deferred, Effect, Exit, FiberHandle, Queue, Random, Scope } from "effect"
import { backoffDelay, type BackoffPolicy } from "../../domain/Backoff.ts"
import type { ProcessAssignment, ProcessSpec } from "../../domain/ProcessSpec.ts"
import { cpuCount } from "../../platform/Env.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { makeSlot, type Slot } from "./Slot.ts"
import { makeSocketGroup } from "./SocketGroup.ts"
import { LaunchFailed, WorkerLauncher } from "./WorkerLauncher.ts"

/** A port that somebody else has may be free again soon: a former worker that still drains. */
const portBackoff: BackoffPolicy = { baseMs: 250, capMs: 5_000, resetAfterMs: 60_000 }

type Place = {
  readonly slot: Slot
  readonly scope: Scope.Closeable
  /** It has to go: the set shrinks or stops. */
  retiring: boolean
}

type Blocked = { readonly reason: string; readonly since: number; readonly failures: number }

/** All workers of one assignment: as many as its spec says, on one port. */
export interface WorkerSet {
  /** Everything that supervises it; to be closed after `stop`. */
  readonly scope: Scope.Closeable
  readonly assignment: ProcessAssignment
  readonly assign: (assignment: ProcessAssignment) => Effect.Effect<void>
  /** Replaces the workers one after the other. */
  readonly restart: Effect.Effect<void>
  /** Stops all workers; returns when they are gone. */
  readonly stop: Effect.Effect<void>
  /** Kills what is left of them. */
  readonly kill: Effect.Effect<void>
  readonly status: ProcessStatus
}

const launchFields = ({ env, module, tls }: ProcessSpec) =>
  JSON.stringify([module, tls, Object.entries(env).toSorted()])

const serves = (place: Place) => place.slot.state === "RUNNING"

const severity = ["FATAL", "BACKOFF", "STARTING", "STOPPING", "EXITED", "STOPPED"] as const

/**
 * Keeps one assignment's workers as they should be. A single fiber looks at what is and what should be, takes the next
 * steps, and looks again at each change; so it makes no difference in which order wishes and exits come.
 */
export const makeWorkerSet = Effect.fnUntraced(function* (initial: ProcessAssignment, scope: Scope.Closeable) {
  const launcher = yield* WorkerLauncher
  const changes = yield* NodeChanges
  const sockets = yield* makeSocketGroup(initial.listen)
  const pokes = yield* Queue.sliding<void>(1)
  const retry = yield* FiberHandle.make()
  const gone = yield* Deferred.make<void>()
  const poke = Effect.asVoid(Queue.offer(pokes, undefined))

  let assignment = initial
  let removed = false
  let generation = 1
  const places = new Map<number, Place>()
  let blocked: Blocked | undefined
  let summary: Pick<ProcessStatus, "state" | "reason" | "since"> = {
    state: "STOPPED",
    reason: null,
    since: yield* Clock.currentTimeMillis,
  }

  const wanted = () => {
    if (removed || assignment.spec.desired === "stopped") return 0
    return assignment.spec.workers === 0 ? cpuCount() : assignment.spec.workers
  }

  const serving = () =>
    new Set([...places.values()].filter((place) => serves(place) && !place.retiring).map((p) => p.slot.index))

  /** A first failure is worth waiting for in the kernel's queue; of a service that keeps failing callers hear at once. */
  const nobodyServesSoon = () => places.size > 0 && [...places.values()].every(({ slot }) => slot.isResting)

  const launch = Effect.fnUntraced(function* (index: number) {
    const fd = yield* sockets.open(index).pipe(Effect.mapError(({ message }) => new LaunchFailed({ reason: message })))
    return yield* launcher.launch({ assignment, slot: index, count: wanted(), fd })
  })
  const spec = () => ({ generation, drainTimeoutMs: assignment.spec.drainTimeoutMs })

  const add = Effect.fnUntraced(function* (index: number) {
    yield* sockets.open(index)
    const own = yield* Scope.fork(scope)
    const changed = Effect.andThen(changes.announce, poke)
    const slot = yield* makeSlot({ index, launch: launch(index), spec, changed }).pipe(Scope.provide(own))
    places.set(index, { slot, scope: own, retiring: false })
    yield* slot.start
  })

  const remove = Effect.fnUntraced(function* (place: Place) {
    const { index } = place.slot
    places.delete(index)
    yield* sockets.close(index, serving())
    yield* Scope.close(place.scope, Exit.void)
  })

  /** Workers that are too many stop; those that have stopped give up their socket. */
  const shrink = Effect.fnUntraced(function* (want: number) {
    const surplus = [...places.values()].filter((place) => !place.retiring && place.slot.index >= want)
    for (const place of surplus) place.retiring = true
    // With nobody left to serve, callers are refused at once instead of waiting in a queue that nobody empties.
    if (want === 0) for (const place of surplus) yield* sockets.close(place.slot.index, new Set())
    else if (surplus.length > 0) yield* sockets.serve(serving())
    for (const place of surplus) yield* place.slot.stop
    for (const place of places.values()) if (place.retiring && place.slot.state === "STOPPED") yield* remove(place)
  })

  const grow = Effect.fnUntraced(function* (want: number) {
    for (let index = 0; index < want; index++) if (!places.has(index)) yield* add(index)
    blocked = undefined
  })

  const block = Effect.fnUntraced(function* (reason: string) {
    const failures = (blocked?.failures ?? 0) + 1
    const wait = backoffDelay(portBackoff, failures, yield* Random.next)
    if (blocked?.reason !== reason) yield* Effect.logError(`cannot start: ${reason}; tried again until it is free`)
    blocked = { reason, failures, since: blocked?.since ?? (yield* Clock.currentTimeMillis) }
    yield* FiberHandle.run(retry, Effect.andThen(Effect.sleep(wait), poke))
  })

  /** One worker after the other gets the newest spec: the next one only when all that have it serve. */
  const roll = Effect.fnUntraced(function* () {
    const all = [...places.values()].filter((place) => !place.retiring)
    for (const { slot } of all) if (slot.state === "STOPPED") yield* slot.start
    const outdated = all.filter((place) => place.slot.generation !== generation)
    const idle = outdated.filter(({ slot }) => slot.state === "BACKOFF" || slot.state === "FATAL")
    for (const { slot } of idle) yield* slot.stop
    const settled = all.every((place) => serves(place) || idle.includes(place))
    const next = outdated.find(serves)
    if (next === undefined || !settled) return
    yield* sockets.serve(new Set([...serving()].filter((index) => index !== next.slot.index)))
    yield* next.slot.stop
  })

  const settle = Effect.gen(function* () {
    const want = wanted()
    yield* shrink(want)
    yield* grow(want).pipe(Effect.catchTag("PortUnavailable", (error) => block(error.message)))
    yield* roll()
    yield* sockets.serve(serving())
    yield* sockets.closeAllWhile(nobodyServesSoon)
    yield* summarise
    if (removed && places.size === 0) yield* Deferred.succeed(gone, undefined)
  })

  const worst = (): ProcessStatus["state"] => {
    const states = new Set<string>([...places.values()].map((place) => place.slot.state))
    if (states.has("RUNNING")) return "RUNNING"
    if (blocked !== undefined) return "BACKOFF"
    return severity.find((state) => states.has(state)) ?? "STOPPED"
  }

  const worstReason = () => {
    const bad = [...places.values()].map((place) => place.slot.status).find((status) => status.reason !== null)
    return blocked?.reason ?? bad?.reason ?? null
  }

  const summarise = Effect.gen(function* () {
    const state = worst()
    const reason = worstReason()
    if (state === summary.state && reason === summary.reason) return
    const since = state === summary.state ? summary.since : yield* Clock.currentTimeMillis
    summary = { state, reason, since }
    yield* changes.announce
  })

  yield* Queue.take(pokes).pipe(
    Effect.andThen(settle),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the supervision ended", cause)),
    Effect.annotateLogs({ service: initial.name }),
    Effect.forkScoped,
  )
  yield* poke

  const set: WorkerSet = {
    scope,
    get assignment() {
      return assignment
    },
    assign: (next) =>
      Effect.suspend(() => {
        if (launchFields(next.spec) !== launchFields(assignment.spec)) generation += 1
        assignment = next
        return poke
      }),
    restart: Effect.suspend(() => {
      generation += 1
      return poke
    }),
    stop: Effect.gen(function* () {
      removed = true
      yield* poke
      yield* Deferred.await(gone)
    }),
    kill: Effect.suspend(() => Effect.forEach([...places.values()], ({ slot }) => slot.kill, { discard: true })),
    get status(): ProcessStatus {
      return {
        name: assignment.name,
        service: assignment.spec.service,
        listen: assignment.listen,
        specRevision: assignment.specRevision,
        desired: assignment.spec.desired,
        state: worst(),
        reason: worstReason(),
        since: summary.since,
        workers: [...places.values()].map((place) => place.slot.status).toSorted((a, b) => a.slot - b.slot),
        taskWorkers: [],
        reload: null,
      }
    },
  }
  return set
})
