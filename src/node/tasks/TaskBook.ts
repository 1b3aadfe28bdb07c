import { Data, Effect, Queue } from "effect"
import { TaskSet } from "./TaskSet.ts"
import { openTaskStore, storeFailed, UnreadableTask } from "./TaskStore.ts"
import { makeTaskWrites } from "./TaskWrites.ts"

/** The node knows no process set of this name, and has no tasks of it. */
export class NoSuchTasks extends Data.TaggedError("NoSuchTasks")<{ readonly name: string }> {
  override get message() {
    return `this node runs no ${JSON.stringify(this.name)} and has no tasks of it`
  }
}

/** The file with all tasks, and what is kept in memory of it: what all parts of the queues work on. */
export const makeTaskBook = Effect.fnUntraced(function* (path: string) {
  const store = yield* openTaskStore(path)
  const write = yield* makeTaskWrites(store, path)
  const pokes = yield* Queue.unbounded<TaskSet>()
  const sets = new Map<string, TaskSet>()

  const setOf = (name: string): TaskSet => {
    const set = sets.get(name) ?? new TaskSet(name)
    sets.set(name, set)
    return set
  }

  /** It will be looked at: something in it has changed. */
  const poke = (set: TaskSet) => {
    if (set.poked) return
    set.poked = true
    Queue.offerUnsafe(pokes, set)
  }

  const read = <A>(act: () => A) =>
    Effect.try({
      try: act,
      catch: (cause) => (cause instanceof UnreadableTask ? cause : storeFailed(path)(cause)),
    })

  for (const { isDead, name, number } of yield* read(() => store.counted())) {
    if (isDead) setOf(name).dead = number
    else setOf(name).stored = number
  }

  return {
    path,
    store,
    write,
    read,
    /** The same where no single task is to be singled out. */
    look: <A>(act: () => A) =>
      read(act).pipe(Effect.catchTag("UnreadableTask", ({ message }) => storeFailed(path)(message))),
    sets,
    setOf,
    poke,
    /** The next set to look at. */
    poked: Queue.take(pokes),
    /** The set, if there is anything to know of it. */
    known: (name: string) =>
      Effect.suspend((): Effect.Effect<TaskSet, NoSuchTasks> => {
        const set = sets.get(name)
        if (set === undefined || (set.settings === undefined && set.isEmpty)) return new NoSuchTasks({ name })
        return Effect.succeed(set)
      }),
    /** It does not run any more, and waits unless it was removed. */
    giveBack: (set: TaskSet, id: string) => {
      set.running.delete(id)
      poke(set)
    },
  }
})
export type TaskBook = Effect.Success<ReturnType<typeof makeTaskBook>>
