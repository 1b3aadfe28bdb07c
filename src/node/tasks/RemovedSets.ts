import { Clock, Effect } from "effect"
import { removedSetKeptMs } from "../../domain/Task.ts"
import type { TaskBook } from "./TaskBook.ts"
import type { TaskSet, TaskSettings } from "./TaskSet.ts"

const cleanEveryMs = 3_600_000
const dayMs = 24 * 3_600_000

/**
 * Which process sets the node runs. Tasks of one that was taken away wait for its return for a week, and are thrown away
 * then; both is said in the log.
 */
export const makeRemovedSets = Effect.fnUntraced(function* ({ poke, read, setOf, sets, store, write }: TaskBook) {
  const removed = new Map<string, number>()
  for (const row of yield* read(() => store.removedSets())) removed.set(row.name, row.removed_at)

  const forget = Effect.fnUntraced(function* (name: string) {
    const { dead, waiting } = setOf(name)
    yield* write({
      run: () => {
        store.removeSet(name)
        store.unmarkRemoved(name)
      },
      done: () => {
        removed.delete(name)
        sets.delete(name)
      },
    })
    yield* Effect.logWarning(`${waiting} waiting tasks and ${dead} dead letters were thrown away, as announced`)
  })

  const mark = Effect.fnUntraced(function* (set: TaskSet) {
    const now = yield* Clock.currentTimeMillis
    yield* write({
      run: () => void store.markRemoved(set.name, now),
      done: () => void removed.set(set.name, now),
    })
    const left = `${set.waiting} tasks of it wait and ${set.dead} are dead letters`
    const days = removedSetKeptMs / dayMs
    yield* Effect.logWarning(`the node does not run it any more, but ${left}: they are kept for ${days} days`)
  })

  const unmark = (name: string) =>
    write({ run: () => void store.unmarkRemoved(name), done: () => void removed.delete(name) })

  const follow = (set: TaskSet): Effect.Effect<void> => {
    const { name, settings } = set
    const isMarked = removed.has(name)
    const change =
      settings !== undefined && isMarked ? unmark(name) : settings === undefined && !isMarked ? mark(set) : Effect.void
    return change.pipe(Effect.ignore, Effect.annotateLogs({ service: name }))
  }

  const clean = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const [name, at] of removed) {
      // It is back, and that could not be written then: what is to be thrown away must not be what runs.
      if (setOf(name).settings !== undefined) {
        yield* follow(setOf(name))
        continue
      }
      const isOver = at + removedSetKeptMs <= now
      if (isOver) yield* forget(name).pipe(Effect.ignore, Effect.annotateLogs({ service: name }))
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(cleanEveryMs), clean)))

  /** The process sets of the node from now on. */
  return Effect.fn("TaskQueues.assign")(function* (
    next: ReadonlyArray<{ readonly name: string; readonly settings: TaskSettings }>,
  ) {
    for (const set of sets.values()) set.settings = undefined
    for (const { name, settings } of next) setOf(name).settings = settings
    for (const set of sets.values()) {
      const isGone = set.settings === undefined && set.isEmpty && set.waiters.size === 0
      if (isGone) sets.delete(set.name)
      else yield* follow(set)
      poke(set)
    }
  })
})
