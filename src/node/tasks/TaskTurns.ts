import { Clock, Deferred, Effect, FiberMap, Option } from "effect"
import { taskGraceMs } from "../../domain/Task.ts"
import { decode } from "../../protocol/Decode.ts"
import { taskTakeMs, type TaskToRun } from "../../protocol/WorkerLink.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { TaskBook } from "./TaskBook.ts"
import type { TaskRuns, WorkerName } from "./TaskRuns.ts"
import type { TaskSet, Waiter } from "./TaskSet.ts"
import { type StoredTask, UnreadableTask } from "./TaskStore.ts"

/** After a failure of the disk the next try is so far away. */
const retryMs = 5_000

const toRun = (stored: StoredTask): TaskToRun => ({
  id: stored.id,
  task: stored.task,
  payload: decode(stored.payload ?? new Uint8Array()),
  attempt: stored.attempts + 1,
  timeoutMs: stored.timeout_ms,
  ...(stored.traceparent === null ? {} : { traceparent: stored.traceparent }),
})

/**
 * Gives tasks to the workers that wait for them, by due time and then in the order of their queueing. A single fiber
 * looks at one set after the other when something in it has changed, or its next time has come.
 */
export const makeTaskTurns = Effect.fnUntraced(function* (book: TaskBook, runs: TaskRuns) {
  const { giveBack, poke, poked, read, setOf, store } = book
  const alarms = yield* FiberMap.make<string>()

  const handOver = Effect.fnUntraced(function* (set: TaskSet, waiter: Waiter, stored: StoredTask) {
    const { id } = stored
    const task = yield* Effect.try({
      try: () => toRun(stored),
      catch: (cause) => new UnreadableTask({ message: cause instanceof Error ? cause.message : String(cause) }),
    })
    const overdueAt = (yield* monotonicMs) + task.timeoutMs + taskGraceMs
    const { pid } = waiter
    const { attempt, task: name } = task
    waiter.handed = { id, pid, attempt, attemptsMax: stored.attempts_max, task: name, overdueAt, ending: false }
    set.running.set(id, waiter.handed)
    set.waiters.delete(waiter)
    Deferred.doneUnsafe(waiter.answer, Effect.succeed(task))
  })

  /** The first task that waits, due or not. */
  const first = (set: TaskSet) => store.firstDue(set.name, set.running.size + 1).find(({ id }) => !set.running.has(id))

  /** Gives what is due to those who wait for it; answers after which time the next one is due. */
  const handOut = Effect.fnUntraced(function* (set: TaskSet) {
    if (set.awaited.size > 0) return Infinity
    const now = yield* Clock.currentTimeMillis
    for (const waiter of set.waiters) {
      const next = yield* read(() => first(set))
      if (next === undefined) return Infinity
      if (next.due_at > now) return next.due_at - now
      yield* Effect.flatMap(
        read(() => store.whole(next.id)),
        (stored) => handOver(set, waiter, stored),
      ).pipe(Effect.catchTag("UnreadableTask", ({ message }) => runs.unreadable(set, next.id, message)))
    }
    return Infinity
  })

  const settle = Effect.fnUntraced(function* (set: TaskSet) {
    set.poked = false
    const at = yield* monotonicMs
    for (const run of set.running.values()) if (!run.ending && run.overdueAt <= at) yield* runs.silent(set, run)
    const later = handOut(set).pipe(Effect.catch((error) => Effect.as(Effect.logError(error.message), retryMs)))
    const nextMs = set.settings === undefined ? Infinity : yield* later
    const waitMs = Math.min(nextMs, set.firstOverdue() - at)
    if (waitMs === Infinity) return yield* FiberMap.remove(alarms, set.name)
    const wake = Effect.sync(() => poke(set))
    yield* FiberMap.run(alarms, set.name, Effect.andThen(Effect.sleep(Math.max(1, waitMs)), wake))
  })

  yield* poked.pipe(
    Effect.flatMap((set) =>
      Effect.catchCause(settle(set), (cause) =>
        Effect.logError("tasks could not be given to workers; trying again", cause).pipe(
          Effect.andThen(
            FiberMap.run(
              alarms,
              set.name,
              Effect.andThen(
                Effect.sleep(retryMs),
                Effect.sync(() => poke(set)),
              ),
            ),
          ),
        ),
      ),
    ),
    Effect.forever,
    Effect.forkScoped,
  )

  /** Waits for a task, at most `taskTakeMs`. */
  const take = ({ name, pid }: WorkerName): Effect.Effect<TaskToRun | null> =>
    Effect.suspend(() => {
      const set = setOf(name)
      const waiter: Waiter = { pid, answer: Deferred.makeUnsafe(), handed: undefined }
      set.waiters.add(waiter)
      poke(set)
      return Deferred.await(waiter.answer).pipe(
        Effect.timeoutOption(taskTakeMs),
        Effect.map(Option.getOrElse(() => null)),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            set.waiters.delete(waiter)
            // It was handed over in the moment in which nobody waited for it any more.
            const isTaken = exit._tag === "Success" && exit.value !== null
            if (!isTaken && waiter.handed !== undefined) giveBack(set, waiter.handed.id)
          }),
        ),
      )
    })

  /** It takes no more: who waits is sent away, and what it has taken already it runs. */
  const leave = ({ name, pid }: WorkerName) =>
    Effect.sync(() => {
      const { waiters } = setOf(name)
      for (const waiter of waiters) {
        if (waiter.pid !== pid) continue
        waiters.delete(waiter)
        Deferred.doneUnsafe(waiter.answer, Effect.succeed(null))
      }
    })

  return { take, leave }
})
