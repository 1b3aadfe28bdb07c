import { Deferred, Effect, Exit, Queue } from "effect"
import { Notices } from "../Notices.ts"
import { type CronStore, type CronStoreFailed, storeFailed } from "./CronStore.ts"

type Write = (store: CronStore) => void

/** After a failure of the disk the next try is so far away. */
const retryEvery = "5 seconds"
const notice = "cron-stopped"

/**
 * Gathers all writes of a tick into one commit. `persist` returns when its write is on the disk, and tries until then:
 * nothing is run that is not written down. A person sees by a notice that it waits.
 */
export const makeCronWrites = Effect.fnUntraced(function* (store: CronStore, path: string) {
  const notices = yield* Notices
  type Waiting = { readonly write: Write; readonly answer: Deferred.Deferred<void, CronStoreFailed> }
  const waiting = yield* Queue.unbounded<Waiting>()

  const transaction = (writes: ReadonlyArray<Waiting>) =>
    Effect.try({
      try: () =>
        store.transaction(() => {
          for (const { write } of writes) write(store)
        }),
      catch: storeFailed(path),
    }).pipe(Effect.exit)

  const alone = (one: Waiting) => Effect.map(transaction([one]), (exit) => void Deferred.doneUnsafe(one.answer, exit))

  /** When they can't be written together, each is tried by itself. */
  const commit = Effect.fnUntraced(function* (writes: ReadonlyArray<Waiting>) {
    const exit = yield* transaction(writes)
    if (Exit.isFailure(exit)) return yield* Effect.forEach(writes, alone, { discard: true })
    for (const { answer } of writes) Deferred.doneUnsafe(answer, exit)
  }, Effect.uninterruptible)

  yield* Queue.takeAll(waiting).pipe(
    Effect.flatMap(commit),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("the cron history takes no more writes", cause)),
    Effect.forkScoped,
  )

  const write = (write: Write): Effect.Effect<void, CronStoreFailed> =>
    Effect.suspend(() => {
      const answer = Deferred.makeUnsafe<void, CronStoreFailed>()
      Queue.offerUnsafe(waiting, { write, answer })
      return Deferred.await(answer)
    })

  const persist = (one: Write): Effect.Effect<void> =>
    write(one).pipe(
      Effect.tap(() => notices.clear(notice, path)),
      Effect.catch((error) =>
        notices
          .raise(notice, path, `cron runs nothing: ${error.reason}`)
          .pipe(Effect.andThen(Effect.sleep(retryEvery)), Effect.andThen(Effect.suspend(() => persist(one)))),
      ),
    )

  return { write, persist }
})
export type CronWrites = Effect.Success<ReturnType<typeof makeCronWrites>>
