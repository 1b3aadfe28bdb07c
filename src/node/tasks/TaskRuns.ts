import { Clock, Effect, Random } from "effect"
import { afterFailure, deadTasksMax, type TaskFailure } from "../../domain/Task.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { TaskBook } from "./TaskBook.ts"
import type { Running, TaskSet } from "./TaskSet.ts"

export type WorkerName = { readonly name: string; readonly pid: number }

export type Ended = {
  readonly id: string
  readonly attempt: number
  readonly error?: { readonly code: string; readonly message: string } | undefined
  readonly isCut?: true | undefined
}

type Failed = { readonly failure: TaskFailure; readonly message: string }

const errorCharacters = 4_096
/** When what became of a run could not be written, that is tried again after this. */
const retryMs = 5_000

/** What becomes of the runs of tasks. */
export const makeTaskRuns = ({ giveBack, poke, setOf, sets, store, write }: TaskBook) => {
  /** That it failed could not be written; its next time to be looked at has changed. */
  const failsAgain = (set: TaskSet, run: Running) => {
    run.ending = false
    poke(set)
  }

  const bury = (set: TaskSet, run: Running, at: { readonly now: number; readonly error: string }) => {
    let dead = 0
    return write({
      run: () => {
        store.bury(run.id, { attempts: run.attempt, dueAt: at.now, error: at.error })
        const excess = store.deadCount(set.name) - deadTasksMax
        if (excess > 0) store.dropOldestDead(set.name, excess)
        dead = store.deadCount(set.name)
      },
      done: () => {
        set.dead = dead
        set.stored -= 1
        giveBack(set, run.id)
      },
      undone: () => failsAgain(set, run),
    })
  }

  const fail = Effect.fnUntraced(function* (set: TaskSet, run: Running, { failure, message }: Failed) {
    run.ending = true
    run.overdueAt = (yield* monotonicMs) + retryMs
    const now = yield* Clock.currentTimeMillis
    const error = message.slice(0, errorCharacters).toWellFormed()
    const after = afterFailure(run, failure, yield* Random.next)
    const what = `task ${run.task} (${run.id}), run ${run.attempt} of ${run.attemptsMax}`
    if (after.next === "dead") {
      yield* bury(set, run, { now, error })
      return yield* Effect.logError(`${what} failed, it is with the dead letters now: ${error}`)
    }
    yield* write({
      run: () => void store.putOff(run.id, { attempts: run.attempt, dueAt: now + after.afterMs, error }),
      done: () => giveBack(set, run.id),
      undone: () => failsAgain(set, run),
    })
    yield* Effect.logWarning(`${what} failed, it runs again in ${after.afterMs} ms: ${error}`)
  })

  /** For those who have nobody to tell that it could not be written: it was logged, and is tried again. */
  const failAnyway = (set: TaskSet, run: Running, how: Failed) =>
    fail(set, run, how).pipe(Effect.ignore, Effect.annotateLogs({ service: set.name }))

  const end = Effect.fnUntraced(function* ({ name, pid }: WorkerName, { attempt, error, id, isCut }: Ended) {
    const set = setOf(name)
    const run = set.running.get(id)
    if (run === undefined || run.ending || run.pid !== pid || run.attempt !== attempt) {
      return yield* Effect.logInfo(`task ${id} ended after its run ${attempt} was taken back`)
    }
    // In the file it waits all the time.
    if (isCut === true) return giveBack(set, id)
    if (error !== undefined)
      return yield* fail(set, run, { failure: "failed", message: `${error.code}: ${error.message}` })
    run.ending = true
    yield* write({
      run: () => void store.remove(id),
      done: () => {
        set.stored -= 1
        giveBack(set, id)
      },
      undone: () => void (run.ending = false),
    })
  })

  const workerGone = Effect.fnUntraced(function* (pid: number) {
    for (const set of sets.values()) {
      for (const waiter of set.waiters) if (waiter.pid === pid) set.waiters.delete(waiter)
      if (set.awaited.delete(pid)) poke(set)
      for (const run of set.running.values())
        if (run.pid === pid && !run.ending)
          yield* failAnyway(set, run, { failure: "crashed", message: "its worker died" })
    }
  })

  return {
    end: (worker: WorkerName, ended: Ended) => end(worker, ended).pipe(Effect.annotateLogs({ service: worker.name })),
    workerGone,
    /** Its worker should have said something by now. */
    silent: (set: TaskSet, run: Running) =>
      failAnyway(set, run, { failure: "silent", message: "its worker said nothing in time" }),
    /** What can't be understood would stand at the head of the queue for ever. */
    unreadable: (set: TaskSet, id: string, message: string) => {
      const run: Running = { id, pid: 0, attempt: 1, attemptsMax: 1, task: "?", overdueAt: Infinity, ending: true }
      set.running.set(id, run)
      return failAnyway(set, run, { failure: "failed", message })
    },
  }
}
export type TaskRuns = ReturnType<typeof makeTaskRuns>
