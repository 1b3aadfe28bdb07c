import { Clock, Deferred, Effect, FiberHandle } from "effect"
import { hasteMs } from "../../domain/Recycling.ts"
import type { ProcessAssignment, StopSignal } from "../../domain/ProcessSpec.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { ProcessStatus, ReloadVerdict } from "../../protocol/NodeManager.ts"
import type { Replacement, Slot } from "./SlotOptions.ts"
import { seconds } from "./WorkerRun.ts"

/** What a process set's workers are started from: a state of its spec, or of the module that it names. */
export type Version = { readonly generation: number; readonly assignment: ProcessAssignment }

export type ReloadsOptions = {
  /** All slots that are to stay, in the order in which they are replaced. */
  readonly slots: () => ReadonlyArray<Slot>
  /** Puts a process of this version in the place of the one that runs, beside it for a while or after its end. */
  readonly replace: (slot: Slot, version: Version) => Effect.Effect<Replacement>
  /** A worker of it was ready, or there is nothing to lose: from now on whatever is started is of this version. */
  readonly prove: (version: Version) => void
  /** Why there are no slots although some are wanted; undefined: none are. */
  readonly obstacle: () => string | undefined
  /** The progress has changed. */
  readonly changed: Effect.Effect<void>
}

/** After a fresh worker has failed to start in place of an old one, the old one may stay for so long. */
const renewAgainMs = 60_000
/** Shorter waits between workers that are replaced young are no news. */
const tellHasteMs = 8_000

/** One whose replacement was given up for a restart of its own is tried again. */
const triesMax = 3

type Progress = NonNullable<ProcessStatus["reload"]>
type Job = { progress: Progress; readonly verdict: Deferred.Deferred<ReloadVerdict> }

const downStates: ReadonlySet<Slot["state"]> = new Set(["BACKOFF", "FATAL", "STOPPED", "EXITED"])
const isDown = ({ state }: Slot) => downStates.has(state)

/** How the process of this version has ended in its place, also when it was started anew meanwhile. */
const endOf = (slot: Slot, { generation }: Version): string | undefined => {
  if (slot.failed?.generation === generation) return slot.failed.reason
  if (slot.generation !== generation || slot.isCompleted || !isDown(slot)) return undefined
  return slot.status.reason ?? "stopped"
}

/**
 * Replaces the workers of one process set: all of them by a new version, or one by a fresh worker. At most one such job
 * runs at a time, and in it one slot after the other, each new worker beside the one whose place it takes.
 */
export const makeReloads = Effect.fnUntraced(function* (options: ReloadsOptions) {
  const running = yield* FiberHandle.make()
  let active: object | undefined
  let last: Job | undefined
  let notBefore = 0
  /** How long the last worker that was replaced young made the next one wait. */
  let lastHasteMs = 0

  const tell = (own: Job, progress: Partial<Progress>) =>
    Effect.suspend(() => {
      own.progress = { ...own.progress, ...progress, total: Math.max(options.slots().length, own.progress.replaced) }
      return options.changed
    })

  const end = Effect.fnUntraced(function* (own: Job, outcome: ReloadVerdict["outcome"], reason: string | null) {
    const endedAt = yield* Clock.currentTimeMillis
    yield* tell(own, { state: outcome, reason, endedAt })
    const { replaced, startedAt, total } = own.progress
    const tookMs = endedAt - startedAt
    const told = `reload ${outcome}: ${replaced} of ${total} workers replaced in ${seconds(tookMs)}`
    yield* outcome === "failed"
      ? Effect.logError(`${told}: ${reason ?? ""}; the others serve on as they were`)
      : Effect.logInfo(told)
    yield* Deferred.succeed(own.verdict, { outcome, replaced, total, reason, tookMs })
  })

  /** Gives the reason when it failed. */
  const replaceOne = Effect.fnUntraced(function* (own: Job, slot: Slot, version: Version) {
    yield* slot.alone
    const outcome = yield* options.replace(slot, version)
    if (outcome._tag === "Failed") return outcome.reason
    if (outcome._tag === "Stopped") return undefined
    options.prove(version)
    yield* tell(own, { replaced: own.progress.replaced + 1 })
    yield* slot.alone
    const reason = endOf(slot, version)
    return reason === undefined ? undefined : `the new worker ended soon after it was ready: ${reason}`
  })

  /** Nobody serves, so nobody is to be protected, and all may start at once. */
  const startAll = Effect.fnUntraced(function* (own: Job, version: Version) {
    options.prove(version)
    const reasons = yield* Effect.forEach(options.slots(), (slot) => replaceOne(own, slot, version), {
      concurrency: "unbounded",
    })
    return reasons.find((reason) => reason !== undefined) ?? (reasons.length === 0 ? options.obstacle() : undefined)
  })

  const roll = Effect.fnUntraced(function* (own: Job, version: Version) {
    if (options.slots().every(isDown)) return yield* startAll(own, version)
    const tries = new Map<Slot, number>()
    const triesOf = (slot: Slot) => tries.get(slot) ?? 0
    for (;;) {
      const slot = options
        .slots()
        .find((one) => one.generation !== version.generation && one.state !== "STOPPED" && triesOf(one) < triesMax)
      if (slot === undefined) return undefined
      tries.set(slot, triesOf(slot) + 1)
      const reason = yield* replaceOne(own, slot, version)
      if (reason !== undefined) return reason
    }
  })

  const run = (work: Effect.Effect<void>) =>
    Effect.gen(function* () {
      // Its end is awaited: what it began is given up before the next begins.
      yield* FiberHandle.clear(running)
      const token = {}
      active = token
      const over = Effect.sync(() => {
        if (active === token) active = undefined
      })
      yield* FiberHandle.run(running, Effect.ensuring(work, over))
    })

  /** A job over all slots. `work` gives the reason when it failed. */
  const beginJob = Effect.fnUntraced(function* (what: string, work: (own: Job) => Effect.Effect<string | undefined>) {
    const startedAt = yield* Clock.currentTimeMillis
    const own: Job = {
      progress: {
        state: "running",
        replaced: 0,
        total: options.slots().length,
        reason: null,
        startedAt,
        endedAt: null,
      },
      verdict: yield* Deferred.make<ReloadVerdict>(),
    }
    const job = work(own).pipe(
      Effect.flatMap((reason) => end(own, reason === undefined ? "done" : "failed", reason ?? null)),
      Effect.onInterrupt(() => end(own, "superseded", null)),
    )
    yield* Effect.logInfo(`${what} of ${own.progress.total} workers begins`)
    yield* run(
      Effect.suspend(() => {
        last = own
        return Effect.andThen(options.changed, job)
      }),
    )
    return own.verdict
  })

  /** Programs that reload themselves: nothing is replaced. Gives the reason when one can't be told to. */
  const signalAll = Effect.fnUntraced(function* (own: Job, signal: StopSignal) {
    for (const { name, running: one } of options.slots()) {
      if (one === undefined) continue
      if (one.worker.signal === undefined) return `instance ${name} can't be sent SIG${signal}`
      yield* one.worker.signal(signal)
      yield* tell(own, { replaced: own.progress.replaced + 1 })
    }
    return undefined
  })

  /** A limit that each new worker is over at once, or soon, must not start one after the other. */
  const pace = Effect.fnUntraced(function* (startedAt: number) {
    const now = yield* monotonicMs
    const waitMs = hasteMs(now - startedAt, lastHasteMs)
    lastHasteMs = waitMs
    notBefore = now + waitMs
    if (waitMs < tellHasteMs) return
    yield* Effect.logWarning(
      `it is only ${seconds(now - startedAt)} old: the next one is not replaced before ${seconds(waitMs)}; is the limit too low?`,
    )
  })

  const renewOne = Effect.fnUntraced(function* (slot: Slot, version: Version, why: string) {
    const annotate = Effect.annotateLogs({ slot: slot.name, pid: slot.running?.worker.pid ?? 0 })
    yield* Effect.logInfo(`to be replaced: ${why}`).pipe(annotate)
    yield* pace(slot.running?.startedAt ?? 0).pipe(annotate)
    const outcome = yield* options.replace(slot, version)
    if (outcome._tag === "Failed") {
      notBefore = (yield* monotonicMs) + renewAgainMs
      const next = `it serves on, and is tried again in ${seconds(renewAgainMs)}`
      yield* Effect.logWarning(`could not be replaced: ${outcome.reason}; ${next}`).pipe(annotate)
    }
    yield* slot.alone
  })

  return {
    /** Begins to replace one worker by a fresh one of the same version. */
    renew: (slot: Slot, version: Version, why: string) => run(renewOne(slot, version, why)),
    /** Replaces all workers by such of `version`; the one that ran is superseded. */
    begin: (version: Version) => beginJob("reload", (own) => roll(own, version)),
    /** The same for programs that do it by themselves on a signal. */
    beginBySignal: (signal: StopSignal) => beginJob(`reload by SIG${signal}`, (own) => signalAll(own, signal)),
    /** Gives up what runs: the process set ends. */
    cancel: FiberHandle.clear(running),
    /** Something is being replaced, or could not be a moment ago. */
    isBusy: (now: number) => active !== undefined || now < notBefore,
    get progress(): Progress | null {
      return last?.progress ?? null
    },
  }
})
