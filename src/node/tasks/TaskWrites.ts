import { Deferred, Effect, Exit, Queue } from "effect"
import { storeFailed, type TaskStore, type TaskStoreFailed } from "./TaskStore.ts"

/** A change of the file, and of what is kept in memory of it. */
export interface TaskWrite {
  /** Changes the file; what it throws spoils the whole commit. */
  readonly run: (store: TaskStore) => void
  /** Right after the commit that holds it. */
  readonly done: () => void
  /** The file is as it was. */
  readonly undone?: () => void
}

/**
 * Gathers all writes of a tick into one commit, since the disk takes as long for one as for a thousand. `write` returns
 * when it is on the disk; whoever stops waiting for it does not stop the write.
 */
export const makeTaskWrites = Effect.fnUntraced(function* (store: TaskStore, path: string) {
  type Waiting = TaskWrite & { readonly answer: Deferred.Deferred<void, TaskStoreFailed> }
  const waiting = yield* Queue.unbounded<Waiting>()

  const transaction = (writes: ReadonlyArray<Waiting>) =>
    Effect.try({
      try: () =>
        store.transaction(() => {
          for (const write of writes) write.run(store)
        }),
      catch: storeFailed(path),
    })

  const answer = (write: Waiting, exit: Exit.Exit<void, TaskStoreFailed>) => {
    if (exit._tag === "Success") write.done()
    else write.undone?.()
    Deferred.doneUnsafe(write.answer, exit)
  }

  const alone = (write: Waiting) =>
    transaction([write]).pipe(
      Effect.tapError((error) => Effect.logError(error.message)),
      Effect.exit,
      Effect.map((exit) => answer(write, exit)),
    )

  /** When they can't be written together, each is tried by itself: on a full disk a task can still be removed. */
  const commit = (writes: ReadonlyArray<Waiting>) =>
    transaction(writes).pipe(
      Effect.map(() => {
        for (const write of writes) answer(write, Exit.void)
      }),
      Effect.catchCause(() => Effect.forEach(writes, alone, { discard: true })),
      Effect.uninterruptible,
    )

  yield* Queue.takeAll(waiting).pipe(
    Effect.flatMap(commit),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the task queue takes no more writes", cause)),
    Effect.forkScoped,
  )

  return (write: TaskWrite): Effect.Effect<void, TaskStoreFailed> =>
    Effect.suspend(() => {
      const answer = Deferred.makeUnsafe<void, TaskStoreFailed>()
      Queue.offerUnsafe(waiting, { ...write, answer })
      return Deferred.await(answer)
    })
})
