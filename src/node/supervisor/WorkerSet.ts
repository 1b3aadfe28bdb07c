import { Clock, Deferred, Effect, Exit, FiberHandle, Queue, Random, Scope } from "effect"
import { backoffDelay, type BackoffPolicy } from "../../domain/Backoff.ts"
import type { CallInFlight } from "../../domain/Poison.ts"
import { needsNewProbes, needsNewWorkers, policyOf } from "../../domain/Launch.ts"
import {
  countOf,
  isExclusive,
  type ProcessAssignment,
  recyclingOf,
  rpcOf,
  setIdOf,
  startTimeoutOf,
  takesSocket,
} from "../../domain/ProcessSpec.ts"
import { cpuCount } from "../../platform/Env.ts"
import type { ProcessStatus, ReloadVerdict } from "../../protocol/NodeManager.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import { Care } from "../care/Care.ts"
import { monotonicMs } from "../Monotonic.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { type AdoptedRun, Adoption, CrashReports, type Instance, type ProbeAnswers, Probing } from "./Hooks.ts"
import { Ledger } from "./Ledger.ts"
import { careForWorkers } from "./WorkerCare.ts"
import { makeReloads, type Version } from "./Reloads.ts"
import { firstReason, worstState } from "./SetStatus.ts"
import { makeSlot } from "./Slot.ts"
import type { Beginning, Slot, SlotHooks } from "./SlotOptions.ts"
import { makeSocketGroup } from "./SocketGroup.ts"
import { LaunchFailed, type LaunchRequest, placeName } from "./Launched.ts"
import { Launcher } from "./Launcher.ts"
import { makeRun, type Recipe, type WorkerRun } from "./WorkerRun.ts"

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

/** All workers of one assignment: as many as its spec says, on one port, and those that run its tasks. */
export interface WorkerSet {
  /** Everything that supervises it; to be closed after `stop`. */
  readonly scope: Scope.Closeable
  readonly assignment: ProcessAssignment
  /** What has changed in it decides what it touches: the number of workers, or all of them in turn. */
  readonly assign: (assignment: ProcessAssignment) => Effect.Effect<void>
  /** Begins to replace the workers one after the other; the verdict comes when that is over. */
  readonly reload: Effect.Effect<Deferred.Deferred<ReloadVerdict>>
  /** Stops all workers; returns when they are gone. */
  readonly stop: Effect.Effect<void>
  /** Kills what is left of them. */
  readonly kill: Effect.Effect<void>
  readonly status: ProcessStatus
  /** Its processes by their places, those of calls first. */
  readonly places: () => ReadonlyArray<Pick<Place, "kind" | "slot">>
  readonly ledger: Ledger
}

const serves = ({ kind, retiring, slot }: Place) => kind === "calls" && !retiring && slot.isReady

const inOrder = (a: Place, b: Place) => (a.kind === b.kind ? a.slot.index - b.slot.index : a.kind === "calls" ? -1 : 1)

/**
 * Keeps one assignment's workers as they should be. A single fiber looks at what is and what should be, takes the next
 * steps, and looks again at each change; so it makes no difference in which order wishes and exits come.
 */
export const makeWorkerSet = Effect.fnUntraced(function* (initial: ProcessAssignment, scope: Scope.Closeable) {
  let assignment = initial
  const launcher = yield* Launcher
  const changes = yield* NodeChanges
  const care = yield* Care
  const probing = yield* Probing
  const crashes = yield* CrashReports
  const adoption = yield* Adoption
  const found = yield* adoption.adopt(initial)
  const sockets = yield* makeSocketGroup(
    initial.listen ?? { ip: "127.0.0.1", port: 0 },
    () => rpcOf(assignment.spec).backlog,
    found.sockets,
  )
  const pokes = yield* Queue.sliding<void>(1)
  const ledger = new Ledger({
    startedAt: yield* Clock.currentTimeMillis,
    keyWindowMs: () => rpcOf(assignment.spec).idempotencyWindowMs,
  })
  const retry = yield* FiberHandle.make()
  const gone = yield* Deferred.make<void>()
  const poke = Effect.asVoid(Queue.offer(pokes, undefined))
  const changed = Effect.andThen(changes.announce, poke)

  let removed = false
  let newest: Version = { generation: 1, assignment }
  /** What a worker is started from that comes for one that has failed: it is known to start, the newest may not. */
  let proven = newest
  const places = new Map<string, Place>()
  let blocked: Blocked | undefined
  let summary: Pick<ProcessStatus, "state" | "reason" | "since"> = {
    state: "STOPPED",
    reason: null,
    since: yield* Clock.currentTimeMillis,
  }

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
    const request = { assignment: version.assignment, kind, slot: index, count: wanted(kind), poison, ledger }
    const start = (more: Pick<LaunchRequest, "fd">) =>
      care.begin(request, (cgroup) => launcher.launch({ ...request, ...more, ...cgroup }))
    if (!hasSocket(kind)) return yield* start({})
    const fd = yield* sockets.open(index).pipe(Effect.mapError(({ message }) => new LaunchFailed({ reason: message })))
    return yield* start({ fd })
  })
  const recipe = (kind: WorkerKind, index: number, version: Version): Recipe => ({
    generation: version.generation,
    startTimeoutMs: startTimeoutOf(assignment.spec),
    launch: launch(kind, index, version),
  })

  const refusePoison = Effect.fnUntraced(function* (inFlight: ReadonlyArray<CallInFlight>) {
    for (const { hash, method } of ledger.crashed(inFlight, yield* monotonicMs))
      yield* Effect.logWarning(
        `refused from now on: "${method}" with the same arguments ran each time when workers ended (call ${hash})`,
      )
  })

  /** A worker that is of no use gets a successor beside it, if that can be: what it still answers it is to answer. */
  const replaceDead = Effect.fnUntraced(function* (name: string, run: WorkerRun, say: ProbeAnswers, why: string) {
    const slot = places.get(name)?.slot
    const isFree = assignment.spec.kind === "module" && !removed && !reloads.isBusy(yield* monotonicMs)
    return yield* isFree && slot?.running === run ? reloads.renew(slot, proven, why) : say.dead(why)
  })

  const hooksOf = (kind: WorkerKind, slot: number): SlotHooks => {
    const instance = (): Instance => ({ assignment, kind, slot })
    return {
      waitsForProbe: () => assignment.spec.readiness !== undefined,
      probe: (run, say) =>
        Effect.suspend(() => {
          const dead = (why: string) => replaceDead(placeName(kind, slot), run, say, why)
          return probing.probe(instance(), run, { ...say, dead })
        }),
      crashed: (crash) =>
        Effect.andThen(refusePoison(crash.run.worker.inFlight()), crashes.crashed({ ...crash, ...instance() })),
      wentWell: (run) => Effect.suspend(() => crashes.wentWell(instance(), run)),
      left: ({ worker }) => Effect.suspend(() => adoption.left(instance(), worker.pid)),
      exited: (reason, good) => Effect.suspend(() => adoption.exited(instance(), reason, good)),
    }
  }

  const runOf = Effect.fnUntraced(function* ({ assignment: from, launched, startedAt }: AdoptedRun) {
    const worker = yield* care.adopt(launched, from)
    const generation = needsNewWorkers(from.spec, initial.spec) ? 0 : 1
    return yield* makeRun({ worker, startedAt, adopted: true, generation })
  })

  /** What an agent before this one has left at a place of the set. */
  const beginningOf = Effect.fnUntraced(function* (kind: WorkerKind, index: number) {
    const here = found.runs.filter((one) => one.kind === kind && one.slot === index)
    const current = here.find((one) => !one.leaving)
    const ended = found.ended.find((one) => one.kind === kind && one.slot === index)
    const begin: Beginning = {
      ...(current === undefined ? {} : { current: { run: yield* runOf(current), up: current.up } }),
      leaving: yield* Effect.forEach(
        here.filter((one) => one !== current),
        runOf,
      ),
      ...(ended === undefined ? {} : { ended }),
    }
    return begin
  })

  const add = Effect.fnUntraced(function* (kind: WorkerKind, index: number, begin?: Beginning) {
    if (hasSocket(kind)) yield* sockets.open(index)
    const own = yield* Scope.fork(scope)
    const slot = yield* makeSlot({
      index,
      name: placeName(kind, index),
      recipe: () => recipe(kind, index, proven),
      policy: () => policyOf(assignment.spec),
      drainTimeoutMs: () => assignment.spec.drainTimeoutMs,
      hooks: hooksOf(kind, index),
      changed,
      begin,
    }).pipe(Scope.provide(own))
    places.set(slot.name, { kind, slot, scope: own, retiring: false })
    if (begin === undefined || (begin.current === undefined && begin.ended === undefined)) yield* slot.start
  })

  const remove = Effect.fnUntraced(function* ({ kind, scope: own, slot }: Place) {
    places.delete(slot.name)
    if (hasSocket(kind)) yield* sockets.close(slot.index, serving())
    yield* Scope.close(own, Exit.void)
  })

  /** Workers that are too many stop; those that have stopped give up their socket. */
  const shrink = Effect.fnUntraced(function* () {
    const surplus = all().filter(({ kind, retiring, slot }) => !retiring && slot.index >= wanted(kind))
    for (const place of surplus) place.retiring = true
    const closing = surplus.filter(({ kind }) => hasSocket(kind))
    // With nobody left to serve, callers are refused at once instead of waiting in a queue that nobody empties.
    if (wanted("calls") === 0) for (const { slot } of closing) yield* sockets.close(slot.index, new Set())
    else if (closing.length > 0) yield* sockets.serve(serving())
    for (const { slot } of surplus) yield* slot.stop
    for (const place of all()) if (place.retiring && place.slot.isVacant) yield* remove(place)
  })

  const grow = Effect.fnUntraced(function* () {
    for (const kind of ["calls", "tasks"] as const)
      for (let index = 0; index < wanted(kind); index++)
        if (!places.has(placeName(kind, index))) yield* add(kind, index)
    blocked = undefined
  })

  const block = Effect.fnUntraced(function* (reason: string) {
    const failures = (blocked?.failures ?? 0) + 1
    const wait = backoffDelay(portBackoff, failures, yield* Random.next)
    if (blocked?.reason !== reason) yield* Effect.logError(`cannot start: ${reason}; tried again until it is free`)
    blocked = { reason, failures, since: blocked?.since ?? (yield* Clock.currentTimeMillis) }
    yield* FiberHandle.run(retry, Effect.andThen(Effect.sleep(wait), poke))
  })

  const staying = () =>
    all()
      .filter(({ retiring }) => !retiring)
      .map(({ slot }) => slot)
  const prove = (version: Version) => {
    if (version.generation > proven.generation) ledger.forgive()
    proven = version
  }
  const reloads = yield* makeReloads({
    slots: staying,
    replace: (slot, version) => {
      const next = recipe(places.get(slot.name)?.kind ?? "calls", slot.index, version)
      return isExclusive(assignment) ? slot.exchange(next) : slot.replace(next)
    },
    prove,
    obstacle: () => blocked?.reason,
    changed,
  })

  /** Whatever was changed since, the newest state of spec and module is what the workers are to be of. */
  const renewAll = Effect.suspend(() => {
    newest = { generation: newest.generation + 1, assignment }
    return Effect.annotateLogs(reloads.begin(newest), { service: assignment.name })
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
    yield* summarise
    if (removed && places.size === 0) yield* Deferred.succeed(gone, undefined)
  })

  const worst = () => worstState(all(), blocked !== undefined)
  const worstReason = () => blocked?.reason ?? firstReason(all())

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
  for (const { kind, slot } of [...found.runs, ...found.ended])
    if (!places.has(placeName(kind, slot)))
      yield* add(kind, slot, yield* beginningOf(kind, slot)).pipe(
        Effect.catchTag("PortUnavailable", (error) => block(error.message)),
      )
  const running = () =>
    all().flatMap(({ slot }) => [slot.running, ...slot.leaving].flatMap((run) => (run === undefined ? [] : run.worker)))
  yield* care.limit(assignment, running())
  yield* poke
  yield* careForWorkers({
    slots: staying,
    settings: () => recyclingOf(assignment.spec),
    rssBytesOf: ({ worker }) => care.usageOf(worker)?.latest?.rssBytes,
    isBusy: (now) => removed || reloads.isBusy(now),
    renew: (slot, why) => reloads.renew(slot, proven, why),
  }).pipe(
    Effect.tapCause((cause) => Effect.logError("nobody looks at the workers any more", cause)),
    Effect.annotateLogs({ service: initial.name }),
    Effect.forkScoped,
  )

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
        const asksAnew = needsNewProbes(assignment.spec, next.spec)
        assignment = next
        const limitAnew = care.limit(next, running())
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
    reload: renewAll,
    stop: Effect.gen(function* () {
      removed = true
      yield* reloads.cancel
      yield* poke
      yield* Deferred.await(gone)
    }),
    places: all,
    kill: Effect.suspend(() => Effect.forEach(all(), ({ slot }) => slot.kill, { discard: true })),
    get status(): ProcessStatus {
      return {
        name: assignment.name,
        service: assignment.spec.service,
        kind: assignment.spec.kind,
        listen: assignment.listen,
        specRevision: assignment.specRevision,
        desired: assignment.spec.desired,
        state: worst(),
        reason: worstReason(),
        since: summary.since,
        workers: statusOf("calls"),
        taskWorkers: statusOf("tasks"),
        reload: reloads.progress,
        waitingFor: null,
        limitsMissing: care.missing(assignment.spec.run),
        crashes: crashes.countOf(setIdOf(assignment)),
      }
    },
  }
  return set
})
