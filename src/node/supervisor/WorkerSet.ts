import { type Cause, Clock, Deferred, Effect, Exit, FiberHandle, Queue, Random, Scope } from "effect"
import { backoffDelay, type BackoffPolicy } from "../../domain/Backoff.ts"
import { needsNewProbes, needsNewWorkers, policyOf } from "../../domain/Launch.ts"
import { countOf, isExclusive, recyclingOf, rpcOf, startTimeoutOf, takesSocket } from "../../domain/ProcessSpec.ts"
import { cpuCount } from "../../platform/Env.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import { monotonicMs } from "../Monotonic.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { Ledger } from "./Ledger.ts"
import { careForWorkers } from "./WorkerCare.ts"
import { makeReloads, type Version } from "./Reloads.ts"
import { makeSetHooks } from "./SetHooks.ts"
import { heldAgainMs, makePortWatch } from "./PortWatch.ts"
import { calledAs } from "./Renames.ts"
import type { WorkerSet, WorkerSetOptions } from "./SetOptions.ts"
import { choose, type InstanceChoice, restartSlots } from "./SetRestart.ts"
import { firstReason, haveSettled, sinceOf, viewOf, worstState } from "./SetStatus.ts"
import { makeSlot } from "./Slot.ts"
import type { Beginning, Slot } from "./SlotOptions.ts"
import { makeSocketGroup } from "./SocketGroup.ts"
import { LaunchFailed, placeName } from "./Launched.ts"
import type { Recipe, WorkerRun } from "./WorkerRun.ts"

/** A port that somebody else has may be free again soon: a former worker that still drains. */
const portBackoff: BackoffPolicy = { baseMs: 250, capMs: 5_000, resetAfterMs: 60_000 }

type Place = {
  readonly kind: WorkerKind
  readonly slot: Slot
  readonly scope: Scope.Closeable
  /** It has to go: the set shrinks or stops. */
  retiring: boolean
}

type Blocked = { readonly reason: string; readonly since: number; readonly failures: number }

const serves = ({ kind, retiring, slot }: Place) => kind === "calls" && !retiring && slot.isReady

const inOrder = (a: Place, b: Place) => (a.kind === b.kind ? a.slot.index - b.slot.index : a.kind === "calls" ? -1 : 1)

/**
 * Keeps one assignment's workers as they should be. A single fiber looks at what is and what should be, takes the next
 * steps, and looks again at each change; so it makes no difference in which order wishes and exits come.
 */
export const makeWorkerSet = Effect.fnUntraced(function* (options: WorkerSetOptions) {
  const { assignment: initial, scope } = options
  let assignment = initial
  const changes = yield* NodeChanges
  const ledger = new Ledger({
    startedAt: yield* Clock.currentTimeMillis,
    keyWindowMs: () => rpcOf(assignment.spec).idempotencyWindowMs,
    heartbeatTimeoutMs: () => rpcOf(assignment.spec).heartbeatTimeoutMs,
  })
  /** What it still answers it is to answer, so its successor is started beside it. */
  const replaceDead = Effect.fnUntraced(function* (name: string, run: WorkerRun, why: string) {
    const slot = places.get(name)?.slot
    const isFree = assignment.spec.kind === "module" && !removed && !reloads.isBusy(yield* monotonicMs)
    if (!isFree || slot === undefined || slot.running !== run) return false
    yield* named(reloads.renew(slot, proven, why))
    return true
  })
  const portWatch = yield* makePortWatch(initial.listen)
  const hooks = yield* makeSetHooks(
    () => assignment,
    () => proven,
    ledger,
    replaceDead,
  )
  const sockets = yield* makeSocketGroup(
    initial.listen ?? { ip: "127.0.0.1", port: 0 },
    () => rpcOf(assignment.spec).backlog,
    hooks.sockets,
    hooks.socketsChanged,
  )
  const pokes = yield* Queue.sliding<void>(1)
  const retry = yield* FiberHandle.make()
  const gone = yield* Deferred.make<void>()
  const poke = Effect.asVoid(Queue.offer(pokes, undefined))
  const changed = Effect.andThen(Effect.andThen(changes.announce, poke), options.changed)

  let removed = false
  let newest: Version = { generation: hooks.newest, assignment }
  /** What a worker is started from that comes for one that has failed: it is known to start, the newest may not. */
  let proven = newest
  const places = new Map<string, Place>()
  let blocked: Blocked | undefined
  /** Nothing holds up its start any more. */
  let begun = hooks.foundAt.length > 0
  let settled = begun
  /** What it waits for before it starts, or stops. */
  let waits: { readonly before: "start" | "stop"; readonly for: string } | undefined
  let summary: Pick<ProcessStatus, "state" | "reason" | "since"> = {
    state: "STOPPED",
    reason: null,
    since: yield* Clock.currentTimeMillis,
  }

  let isSummarised = false

  const wanted = (kind: WorkerKind) => {
    const { spec } = assignment
    if (removed || spec.desired === "stopped") return 0
    if (kind === "tasks") return rpcOf(spec).taskWorkers
    return countOf(spec) === 0 ? cpuCount() : countOf(spec)
  }

  const all = () => [...places.values()].toSorted(inOrder)
  const callPlaces = () => all().filter(({ kind }) => kind === "calls")
  const serving = () =>
    new Set(
      all()
        .filter(serves)
        .map(({ slot }) => slot.index),
    )

  /** A first failure is worth waiting for in the kernel's queue; of a service that keeps failing callers hear at once. */
  const nobodyServesSoon = () => {
    const those = callPlaces()
    return those.length > 0 && those.every(({ slot }) => slot.isResting)
  }

  const hasSocket = (kind: WorkerKind) => kind === "calls" && takesSocket(assignment)

  const launch = Effect.fnUntraced(function* (kind: WorkerKind, index: number, version: Version) {
    // What ended workers of one version is let in to the next.
    const poison = version.generation > proven.generation ? [] : ledger.orders(yield* monotonicMs).poison
    const restarts = places.get(placeName(kind, index))?.slot.status.restarts ?? 0
    const { assignment: from, generation } = version
    const request = { assignment: from, kind, slot: index, count: wanted(kind), poison, ledger, generation, restarts }
    if (!hasSocket(kind)) return yield* hooks.launch(request)
    const fd = yield* sockets.open(index).pipe(Effect.mapError(({ message }) => new LaunchFailed({ reason: message })))
    return yield* hooks.launch({ ...request, fd })
  })
  const recipe = (kind: WorkerKind, index: number, version: Version): Recipe => ({
    generation: version.generation,
    startTimeoutMs: startTimeoutOf(assignment.spec),
    launch: launch(kind, index, version),
  })

  const add = Effect.fnUntraced(function* (kind: WorkerKind, index: number, begin?: Beginning) {
    // Of one that is there only to leave nobody may be led to the socket.
    const isWanted = index < wanted(kind)
    if (hasSocket(kind) && isWanted) yield* sockets.open(index)
    const own = yield* Scope.fork(scope)
    const slot = yield* makeSlot({
      index,
      name: placeName(kind, index),
      recipe: () => recipe(kind, index, proven),
      policy: () => policyOf(assignment.spec),
      drainTimeoutMs: () => assignment.spec.drainTimeoutMs,
      service: () => assignment.name,
      hooks: hooks.hooksOf(kind, index),
      changed,
      begin,
    }).pipe(Scope.provide(own))
    places.set(slot.name, { kind, slot, scope: own, retiring: false })
    portWatch.used()
    const isThere =
      begin !== undefined && (begin.current !== undefined || begin.ended !== undefined || begin.failing !== undefined)
    if (isWanted && !isThere) yield* slot.start
  })

  const remove = Effect.fnUntraced(function* ({ kind, scope: own, slot }: Place) {
    if (slot.status.reason !== null) portWatch.leftBehind(slot.status.reason)
    places.delete(slot.name)
    if (hasSocket(kind)) yield* sockets.close(slot.index, serving())
    yield* Scope.close(own, Exit.void)
  })

  const wait = (before: "start" | "stop", what: string | undefined) =>
    Effect.suspend(() => {
      if (waits?.for === what) return Effect.void
      waits = what === undefined ? undefined : { before, for: what }
      const told = what === undefined ? Effect.void : Effect.logInfo(`waits before its ${before}: ${what}`)
      return Effect.andThen(told, changes.announce)
    })

  /** Workers that are too many stop; those that have stopped give up their socket. */
  const shrink = Effect.fnUntraced(function* () {
    const isStop = wanted("calls") === 0
    const surplus = all().filter(({ kind, retiring, slot }) => !retiring && slot.index >= wanted(kind))
    if (isStop && surplus.length > 0) {
      yield* wait("stop", options.stopWaitsFor())
      if (waits !== undefined) return
    }
    for (const place of surplus) place.retiring = true
    const closing = surplus.filter(({ kind }) => hasSocket(kind))
    // With nobody left to serve, callers are refused at once instead of waiting in a queue that nobody empties.
    if (isStop) for (const { slot } of closing) yield* sockets.close(slot.index, new Set())
    else if (closing.length > 0) yield* sockets.serve(serving())
    for (const { slot } of surplus) yield* slot.stop
    for (const place of all()) if (place.retiring && place.slot.isVacant) yield* remove(place)
    // Whoever starts it again has it wait again.
    if (isStop && places.size === 0) begun = settled = false
  })

  const grow = Effect.fnUntraced(function* () {
    if (wanted("calls") === 0) return yield* waits?.before === "start" ? wait("start", undefined) : Effect.void
    if (!begun) yield* wait("start", options.startWaitsFor())
    else if (waits !== undefined) yield* wait("start", undefined)
    if (waits !== undefined) return
    begun = true
    for (const kind of ["calls", "tasks"] as const)
      for (let index = 0; index < wanted(kind); index++)
        if (!places.has(placeName(kind, index))) yield* add(kind, index)
    blocked = undefined
  })

  /** A stop is not over as long as somebody has the port. */
  const lookAtPort = Effect.gen(function* () {
    if (places.size > 0 || wanted("calls") > 0) return
    const again = yield* portWatch.look
    if (again && !removed) yield* FiberHandle.run(retry, Effect.andThen(Effect.sleep(heldAgainMs), poke))
  })

  const block = Effect.fnUntraced(function* (reason: string) {
    const failures = (blocked?.failures ?? 0) + 1
    const wait = backoffDelay(portBackoff, failures, yield* Random.next)
    if (blocked?.reason !== reason) yield* Effect.logError(`cannot start: ${reason}; tried again until it is free`)
    blocked = { reason, failures, since: blocked?.since ?? (yield* Clock.currentTimeMillis) }
    yield* FiberHandle.run(retry, Effect.andThen(Effect.sleep(wait), poke))
  })

  /** A fault of ours must not end the supervision. */
  const settleAgain = (cause: Cause.Cause<never>) =>
    Effect.andThen(
      Effect.logError("not all could be done for this service; trying again", cause),
      FiberHandle.run(retry, Effect.andThen(Effect.sleep(heldAgainMs), poke)),
    )

  const staying = () =>
    all()
      .filter(({ retiring }) => !retiring)
      .map(({ slot }) => slot)
  const prove = (version: Version) => {
    if (version.generation > proven.generation) ledger.forgive()
    proven = version
  }
  /** Why there is nothing of it although it is wanted. */
  const obstacle = () => (waits === undefined ? blocked?.reason : `it waits before its ${waits.before}: ${waits.for}`)
  const reloads = yield* makeReloads({
    slots: staying,
    replace: (slot, version) => {
      const next = recipe(places.get(slot.name)?.kind ?? "calls", slot.index, version)
      return isExclusive(assignment) ? slot.exchange(next) : slot.replace(next)
    },
    prove,
    obstacle,
    changed,
  })

  /** Whatever was changed since, the newest state of spec and module is what the workers are to be of. */
  const renewAll = Effect.suspend(() => {
    newest = { generation: newest.generation + 1, assignment }
    return Effect.annotateLogs(reloads.begin(newest), { service: assignment.name })
  })

  const reload = Effect.suspend(() => {
    const signal = assignment.spec.kind === "command" ? assignment.spec.reloadSignal : undefined
    const serves = staying().some(({ running }) => running !== undefined)
    if (signal === undefined || !serves || newest.generation !== proven.generation) return renewAll
    return Effect.annotateLogs(reloads.beginBySignal(signal), { service: assignment.name })
  })

  const chosen = (instance: InstanceChoice) =>
    choose(
      instance,
      all().filter(({ retiring }) => !retiring),
    )

  const restart = Effect.fnUntraced(function* (instance: InstanceChoice) {
    const slots = chosen(instance)
    if (slots.length === staying().length) {
      yield* reloads.cancel
      // All of them go, so nobody is left to protect from a version that may not start.
      prove(newest)
    }
    yield* Effect.logInfo(`restart of ${slots.length} processes`)
    return yield* restartSlots(slots, () =>
      assignment.spec.desired === "stopped" ? "it is stopped, and has to be started" : obstacle(),
    )
  })

  const settle = Effect.gen(function* () {
    yield* shrink()
    // Nobody is left to protect from a version that may not start: who comes next is as the spec is now.
    if (staying().length === 0) prove(newest)
    yield* grow().pipe(Effect.catchTag("PortUnavailable", (error) => block(error.message)))
    for (const { retiring, slot } of all()) if (!retiring && slot.isVacant) yield* slot.start
    yield* sockets.serve(serving())
    yield* sockets.resize
    yield* sockets.closeAllWhile(nobodyServesSoon)
    yield* lookAtPort
    if (begun && !settled && (blocked !== undefined || (places.size > 0 && haveSettled(all())))) {
      settled = true
      yield* options.changed
    }
    yield* summarise
    if (removed && places.size === 0) yield* Deferred.succeed(gone, undefined)
  })

  const worst = () => worstState(all(), blocked !== undefined)
  const worstReason = () => {
    const waiting = waits?.before === "stop" ? `waits before its stop: ${waits.for}` : undefined
    return waiting ?? blocked?.reason ?? firstReason(all()) ?? portWatch.held() ?? null
  }

  const summarise = Effect.gen(function* () {
    const state = worst()
    const reason = worstReason()
    if (state === summary.state && reason === summary.reason) return
    // Of those that run one may be older than this agent; of all others only what was found is.
    const known = state === "RUNNING" || !isSummarised ? sinceOf(all(), state) : undefined
    const since = state === summary.state ? summary.since : (known ?? (yield* Clock.currentTimeMillis))
    isSummarised = true
    summary = { state, reason, since }
    yield* changes.announce
  })

  const named = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => Effect.annotateLogs(effect, { service: assignment.name }))

  // Before anything else is: the fiber that follows would start what is there already.
  for (const { kind, slot } of hooks.foundAt)
    if (!places.has(placeName(kind, slot)))
      yield* add(kind, slot, yield* hooks.beginningOf(kind, slot)).pipe(
        Effect.catchTag("PortUnavailable", (error) => block(error.message)),
      )
  yield* Queue.take(pokes).pipe(
    Effect.andThen(named(Effect.catchCause(settle, settleAgain))),
    Effect.forever,
    Effect.forkScoped,
  )
  // The spec has changed while no agent was there, or the one before was in the middle of a reload.
  if (staying().some(({ generation, state }) => generation < newest.generation && state !== "STOPPED"))
    yield* named(reloads.begin(newest))
  yield* hooks.limit(all())
  yield* poke
  yield* careForWorkers({
    slots: staying,
    settings: () => recyclingOf(assignment.spec),
    rssBytesOf: hooks.rssBytesOf,
    isBusy: (now) => removed || reloads.isBusy(now),
    renew: (slot, why) => named(reloads.renew(slot, proven, why)),
  })

  const statusOf = (kind: WorkerKind) =>
    all()
      .filter((place) => place.kind === kind)
      .map(({ slot }) => slot.status)

  const set: WorkerSet = {
    scope,
    ledger,
    get assignment() {
      return assignment
    },
    assign: (next) =>
      Effect.suspend(() => {
        const fresh = needsNewWorkers(assignment.spec, next.spec)
        proven = calledAs(proven, next)
        const asksAnew = needsNewProbes(assignment.spec, next.spec)
        assignment = next
        ledger.changeOrders()
        const limitAnew = hooks.limit(all())
        const probeAnew = asksAnew
          ? Effect.forEach(all(), ({ slot }) => slot.probeAnew, { discard: true })
          : Effect.void
        if (!fresh) {
          newest = { ...newest, assignment }
          if (proven.generation === newest.generation) proven = newest
          return limitAnew.pipe(Effect.andThen(probeAnew), Effect.andThen(poke))
        }
        if (places.size > 0) return limitAnew.pipe(Effect.andThen(poke), Effect.andThen(renewAll))
        ledger.forgive()
        newest = proven = { generation: newest.generation + 1, assignment }
        return Effect.andThen(limitAnew, poke)
      }),
    look: poke,
    reload,
    restart: (instance) => named(restart(instance)),
    has: (instance) => instance.slot === undefined || chosen(instance).length > 0,
    stop: Effect.gen(function* () {
      removed = true
      yield* reloads.cancel
      yield* poke
      yield* Deferred.await(gone)
      ledger.forgive()
    }),
    kill: Effect.suspend(() => Effect.forEach(all(), ({ slot }) => slot.kill, { discard: true })),
    get view() {
      return viewOf(assignment, all(), { begun, settled, reason: worstReason(), isRemoved: removed })
    },
    get isWaiting() {
      return waits !== undefined
    },
    get slots() {
      return all().map(({ kind, slot }) => ({ kind, slot }))
    },
    get status(): ProcessStatus {
      return {
        name: assignment.name,
        service: assignment.spec.service,
        kind: assignment.spec.kind,
        listen: assignment.listen,
        specRevision: assignment.specRevision,
        desired: removed ? "stopped" : assignment.spec.desired,
        state: worst(),
        reason: worstReason(),
        since: summary.since,
        workers: statusOf("calls"),
        taskWorkers: statusOf("tasks"),
        reload: reloads.progress,
        waitingFor: waits?.before === "start" ? waits.for : null,
        // Of one that is stopped nothing runs without them.
        limitsMissing: places.size === 0 ? null : hooks.limitsMissing(),
        crashes: hooks.crashes(),
      }
    },
  }
  return set
})
