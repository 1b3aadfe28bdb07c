import { goesOnSince, manyWait, notOverWithin, runReasons } from "../../domain/RunReason.ts"
import { Clock, Deferred, Effect, type Fiber, Random, Result, type Scope, Semaphore } from "effect"
import type { CronTask } from "../../domain/Cron.ts"
import { waitingRunsMax } from "../../domain/CronSlots.ts"
import { newId } from "../../platform/Ids.ts"
import type { CronRun } from "../../protocol/CronMessages.ts"
import type { CronRunner } from "./CronRunner.ts"
import type { RunningAction, RunOutcome } from "./RunningAction.ts"
import type { RunEnd, WaitingRun } from "./CronStore.ts"
import type { CronWrites } from "./CronWrites.ts"
import { isoTime } from "./IsoTime.ts"
import type { RunOutput } from "./RunOutput.ts"

/** What a run has said so far is written down so often, in case the agent ends. */

/** Why a run is ended before its time. */
export type EndRequest = Pick<CronRun, "reason"> & {
  readonly state: "stopped" | "timeout"
  readonly by: string | null
}

/** A run that goes on now. */
type ActiveRun = {
  readonly run: CronRun
  /** How it is ended; undefined as long as it is being started. */
  action: RunningAction | undefined
  asked: EndRequest | undefined
  /** Answers when it has ended, and that is written down. */
  readonly done: Deferred.Deferred<CronRun>
}

/** What became of a run that was due. */
export type Considered = { readonly _tag: "Begun" | "Waits" } | { readonly _tag: "Skipped"; readonly reason: string }

export type TaskRunsOptions = {
  readonly task: () => CronTask
  readonly runner: CronRunner["Service"]
  readonly writes: CronWrites
  /** The place of the next end in the order of all ends. */
  readonly nextEnd: () => number
  readonly changed: Effect.Effect<void>
  readonly scope: Scope.Scope
  readonly last: CronRun | undefined
}

const nothing = { exitCode: null, signal: null } as const

const describe = ({ run }: ActiveRun) => goesOnSince(isoTime(run.startedAt ?? run.dueAt))

/** The runs of one task: those that go on, those that wait, and which of them may begin. */
export const makeTaskRuns = Effect.fnUntraced(function* (options: TaskRunsOptions) {
  const { changed, nextEnd, runner, scope, writes } = options
  /** Decides on one run after the other. */
  const turn = yield* Semaphore.make(1)
  const active = new Map<string, ActiveRun>()
  /** Waits for another one to end, the oldest first. */
  const queue: Array<WaitingRun> = []
  /** Waits for its time. */
  const timers = new Map<string, { readonly run: WaitingRun; readonly fiber: Fiber.Fiber<unknown> }>()
  let last = options.last
  /** Nothing begins any more: the agent ends, or the task is gone and this says so. */
  let closed: string | undefined

  const isRetry = ({ cause }: WaitingRun) => cause === "retry"

  const rowOf = (run: WaitingRun, startedAt: number | null): CronRun => ({
    id: run.id,
    taskId: run.taskId,
    cause: run.cause,
    dueAt: run.dueAt,
    attempt: run.attempt,
    by: run.by,
    startedAt,
    endedAt: null,
    state: "running",
    ...nothing,
    reason: null,
    outputBytes: 0,
  })

  /** Of a run that never began. */
  const endWaiting = Effect.fnUntraced(function* (
    run: WaitingRun,
    end: { readonly state: "skipped" | "stopped"; readonly reason: string; readonly by?: string },
  ) {
    const endedAt = yield* Clock.currentTimeMillis
    const by = end.by ?? run.by
    yield* writes.persist((store) => {
      store.end(run.id, { state: end.state, reason: end.reason, by, endedAt, ...nothing }, nextEnd())
      prune(store, endedAt)
    })
    yield* changed
    return { ...rowOf(run, null), ...end, by, endedAt }
  })

  const prune = (store: Parameters<Parameters<CronWrites["persist"]>[0]>[0], now: number) => {
    const { id, keepMs, keepRuns } = options.task()
    store.prune(id, { runs: keepRuns, since: now - keepMs })
  }

  const retryOf = (run: CronRun, endedAt: number): WaitingRun | undefined => {
    const { retries, retryDelayMs } = options.task()
    if ((run.state !== "failed" && run.state !== "timeout") || run.attempt > retries) return undefined
    return {
      id: newId(),
      taskId: run.taskId,
      cause: "retry",
      dueAt: run.dueAt,
      attempt: run.attempt + 1,
      by: run.by,
      notBefore: endedAt + retryDelayMs,
    }
  }

  const finish = Effect.fnUntraced(function* (one: ActiveRun, outcome: RunOutcome, output: RunOutput | undefined) {
    const endedAt = yield* Clock.currentTimeMillis
    const { asked, run } = one
    const end: RunEnd = {
      ...outcome,
      // What ended well on its own before it was asked to, did so.
      ...(asked === undefined || outcome.state === "ok" ? {} : { state: asked.state, reason: asked.reason }),
      by: asked?.by ?? run.by,
      endedAt,
    }
    const ended: CronRun = { ...run, ...end, outputBytes: output?.bytes ?? 0 }
    const retry = closed === undefined ? retryOf(ended, endedAt) : undefined
    yield* writes.persist((store) => {
      store.end(run.id, output === undefined ? end : { ...end, output }, nextEnd())
      if (retry !== undefined) store.insertWaiting(retry)
      prune(store, endedAt)
    })
    yield* one.action?.written ?? Effect.void
    active.delete(run.id)
    last = ended
    Deferred.doneUnsafe(one.done, Effect.succeed(ended))
    yield* changed
    if (retry !== undefined) yield* wait(retry)
    yield* next
  })

  const askEnd = (one: ActiveRun, request: EndRequest) =>
    Effect.suspend(() => {
      one.asked ??= request
      return one.action === undefined ? Effect.void : Effect.forkIn(one.action.stop, scope)
    })

  const timeOut = (one: ActiveRun, afterMs: number) =>
    askEnd(one, { state: "timeout", by: null, reason: notOverWithin(options.task().timeoutMs) }).pipe(
      Effect.delay(afterMs),
    )

  /** Sees it to its end. */
  const follow = Effect.fnUntraced(function* (one: ActiveRun, action: RunningAction, now: number) {
    const { output } = action
    const { startedAt } = one.run
    const { timeoutMs } = options.task()
    const leftMs = Math.max(0, (startedAt ?? now) + timeoutMs - now)
    one.action = action
    // Somebody has asked before it could be.
    if (one.asked !== undefined) yield* Effect.forkIn(action.stop, scope)
    const outcome = yield* Effect.gen(function* () {
      if (timeoutMs > 0) yield* Effect.forkScoped(timeOut(one, leftMs))
      return yield* action.ended
    }).pipe(Effect.scoped)
    yield* finish(one, outcome, output)
  })

  const start = Effect.fnUntraced(function* (one: ActiveRun) {
    const { id } = one.run
    const started = yield* Effect.result(runner.start(options.task(), id))
    if (Result.isFailure(started)) {
      return yield* finish(one, { state: "failed", ...nothing, reason: started.failure.reason }, undefined)
    }
    const { process } = started.success
    if (process !== null) yield* writes.persist((store) => store.identify(id, process))
    yield* follow(one, started.success, yield* Clock.currentTimeMillis)
  })

  const goOn = (life: Effect.Effect<void>) =>
    life.pipe(
      Effect.tapCause((cause) => Effect.logError(`cron task ${options.task().name}: a run is followed no more`, cause)),
      Effect.forkIn(scope),
    )

  /** It is on the disk that it has begun, before it does. */
  const launch = Effect.fnUntraced(function* (run: WaitingRun) {
    const startedAt = yield* Clock.currentTimeMillis
    const one: ActiveRun = {
      run: rowOf(run, startedAt),
      action: undefined,
      asked: undefined,
      done: Deferred.makeUnsafe(),
    }
    active.set(run.id, one)
    yield* writes.persist((store) => store.begin(run.id, startedAt))
    yield* changed
    yield* goOn(start(one))
  })

  /** Ends those that go on, and returns when they have. */
  const endAll = (request: EndRequest) =>
    Effect.suspend(() =>
      Effect.forEach([...active.values()], (one) => Effect.andThen(askEnd(one, request), Deferred.await(one.done)), {
        concurrency: "unbounded",
        discard: true,
      }),
    )

  const dropRetries = Effect.suspend(() =>
    Effect.forEach(
      [...timers.values()].filter(({ run }) => isRetry(run)),
      ({ run }) => leave(run.id, { state: "skipped", reason: runReasons.overtaken }),
      { discard: true },
    ),
  )

  const decide = Effect.fnUntraced(function* (run: WaitingRun) {
    // On the disk it waits on, for the agent that comes next.
    if (closed === "agent") return { _tag: "Waits" } as const
    if (closed !== undefined) {
      yield* endWaiting(run, { state: "skipped", reason: closed })
      return { _tag: "Skipped", reason: closed } as const
    }
    const { missed, overlap } = options.task()
    const others = [...active.values()]
    // What is made up for is so one after the other, whatever may overlap.
    const isOneOfMany = run.cause === "missed" && missed === "all"
    const policy = isOneOfMany ? "queue" : overlap
    if (!isRetry(run)) yield* dropRetries
    const [first] = others
    if (first === undefined || policy === "allow") {
      yield* launch(run)
      return { _tag: "Begun" } as const
    }
    if (policy === "replace") {
      yield* endAll({ state: "stopped", by: run.by, reason: runReasons.replaced })
      yield* launch(run)
      return { _tag: "Begun" } as const
    }
    if (policy === "queue" && queue.length < waitingRunsMax) {
      queue.push(run)
      return { _tag: "Waits" } as const
    }
    const reason = policy === "queue" ? manyWait(waitingRunsMax) : describe(first)
    yield* endWaiting(run, { state: "skipped", reason })
    return { _tag: "Skipped", reason } as const
  })

  /** Whether it may begin now. It is on the disk as one that waits. */
  const consider = (run: WaitingRun): Effect.Effect<Considered> => turn.withPermit(decide(run))

  /** The next one in the queue, when none goes on. */
  const next: Effect.Effect<void> = Effect.suspend(() =>
    turn.withPermit(
      Effect.suspend(() => {
        const run = active.size === 0 && closed === undefined ? queue.shift() : undefined
        return run === undefined ? Effect.void : launch(run)
      }),
    ),
  )

  /** Considers it when its time has come. */
  const wait = Effect.fnUntraced(function* (run: WaitingRun) {
    const afterMs = run.notBefore - (yield* Clock.currentTimeMillis)
    if (afterMs <= 0) return yield* Effect.asVoid(consider(run))
    const fiber = yield* Effect.sync(() => timers.delete(run.id)).pipe(
      Effect.andThen(consider(run)),
      Effect.delay(afterMs),
      Effect.forkIn(scope),
    )
    timers.set(run.id, { run, fiber })
  })

  /** Ends a run that has not begun; undefined: it is none of those. */
  const leave = Effect.fnUntraced(function* (
    id: string,
    end: { readonly state: "skipped" | "stopped"; readonly reason: string; readonly by?: string },
  ) {
    const timer = timers.get(id)
    const at = queue.findIndex((run) => run.id === id)
    const run = timer?.run ?? queue[at]
    if (run === undefined) return undefined
    timer?.fiber.interruptUnsafe()
    timers.delete(id)
    if (at >= 0) queue.splice(at, 1)
    return yield* endWaiting(run, end)
  })

  /** Those of a schedule that is no more. */
  const dropWaiting = (which: (run: WaitingRun) => boolean, reason: string) =>
    Effect.suspend(() =>
      Effect.forEach(
        [...Array.from(timers.values(), ({ run }) => run), ...queue].filter(which),
        ({ id }) => leave(id, { state: "skipped", reason }),
        { discard: true },
      ),
    )

  return {
    consider,
    wait,
    /** Takes up a run of an agent before this one. */
    adopt: Effect.fnUntraced(function* (run: CronRun, action: RunningAction) {
      const one: ActiveRun = { run, action, asked: undefined, done: Deferred.makeUnsafe() }
      active.set(run.id, one)
      yield* goOn(follow(one, action, yield* Clock.currentTimeMillis))
    }),
    /** When a run that is due now begins, by chance. */
    jittered: (now: number) => {
      const { jitterMs } = options.task()
      return jitterMs === 0 ? Effect.succeed(now) : Effect.map(Random.next, (part) => now + Math.floor(part * jitterMs))
    },
    /** Answers how it has ended; undefined: no such run goes on or waits. */
    stop: Effect.fnUntraced(function* (id: string, by: string) {
      const one = active.get(id)
      if (one === undefined) return yield* leave(id, { state: "stopped", reason: runReasons.stoppedEarly, by })
      yield* askEnd(one, { state: "stopped", by, reason: runReasons.stopped })
      return yield* Deferred.await(one.done)
    }),
    /** Nothing of it begins any more, and what goes on ends. */
    remove: Effect.fnUntraced(function* (reason: string) {
      closed = reason
      const request = { state: "stopped", by: null, reason } as const
      yield* dropWaiting(() => true, reason)
      yield* endAll(request)
      // One may have been about to begin.
      yield* turn.withPermit(endAll(request))
    }),
    /** The agent ends: what waits is there for the next one. */
    close: Effect.suspend(() => {
      closed = "agent"
      return endAll({ state: "stopped", by: null, reason: runReasons.agentStopped })
    }),
    /** The agent leaves, and what goes on is for the next one. */
    leave: Effect.sync(() => {
      closed = "agent"
    }),
    dropWaiting,
    running: () => active.size,
    output: (id: string) => active.get(id)?.action?.output,
    last: () => last,
  }
})
export type TaskRuns = Effect.Success<ReturnType<typeof makeTaskRuns>>
