import { Effect, Option } from "effect"
import { taskGraceMs } from "../../domain/Task.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { TaskBook } from "./TaskBook.ts"
import type { WorkerName } from "./TaskRuns.ts"
import type { TaskSet } from "./TaskSet.ts"

/** A task that a worker says it has. */
export type Held = { readonly id: string; readonly attempt: number }

/** What task workers say when they come back: to this agent after a loss of the link, or from one before it. */
export const makeTaskReturns = ({ giveBack, look, poke, setOf, store }: TaskBook) => {
  const waits = (set: TaskSet, { attempt, id }: Held) =>
    look(() => store.whole(id)).pipe(
      Effect.option,
      // What became of this attempt may have been written while nobody was there to hear that it was.
      Effect.map(
        Option.filter(({ attempts, name, state }) => name === set.name && state === 0 && attempts === attempt - 1),
      ),
    )

  const resume = Effect.fnUntraced(function* ({ name, pid }: WorkerName, held: Held | undefined) {
    const set = setOf(name)
    for (const run of set.running.values()) {
      // It was handed over, and that was lost on the way.
      if (run.pid === pid && !run.ending && run.id !== held?.id) giveBack(set, run.id)
    }
    if (held !== undefined && !set.running.has(held.id)) {
      const stored = Option.getOrUndefined(yield* waits(set, held))
      if (stored !== undefined) {
        const { attempts_max: attemptsMax, id, task, timeout_ms: timeoutMs } = stored
        const overdueAt = (yield* monotonicMs) + timeoutMs + taskGraceMs
        set.running.set(id, { id, pid, attempt: held.attempt, attemptsMax, task, overdueAt, ending: false })
      }
    }
    set.awaited.delete(pid)
    poke(set)
  })

  return {
    /** Nothing is given out until it has said what it runs, or has ended: that may be the next task in the file. */
    expect: ({ name, pid }: WorkerName) => Effect.sync(() => void setOf(name).awaited.add(pid)),
    resume,
  }
}
