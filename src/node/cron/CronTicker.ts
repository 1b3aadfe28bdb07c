import { Cause, Clock, Effect, Queue, type Scope } from "effect"
import { dueSlots, type DueSlots } from "../../domain/CronSlots.ts"
import { newId } from "../../platform/Ids.ts"
import type { CronEntry } from "./CronEntry.ts"
import type { CronStore, WaitingRun } from "./CronStore.ts"
import type { CronWrites } from "./CronWrites.ts"
import { isoTime } from "./IsoTime.ts"

const cleanEveryMs = 3_600_000
/** What a removed task has done is kept so long, for the manager to fetch. */
const removedKeptMs = 7 * 24 * 3_600_000

type Taken = { readonly entry: CronEntry; readonly due: DueSlots; readonly runs: ReadonlyArray<WaitingRun> }

export type TickerOptions = {
  readonly entries: () => Iterable<CronEntry>
  readonly store: CronStore
  readonly writes: CronWrites
  readonly nextEnd: () => number
  readonly changed: Effect.Effect<void>
  readonly scope: Scope.Scope
  readonly lookMs: number
  /** What changes the tasks waits meanwhile. */
  readonly alone: <A, E>(act: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** Lets runs begin when they are due. A time is dealt with on the disk before anything is done about it. */
export const makeTicker = Effect.fnUntraced(function* (options: TickerOptions) {
  const { alone, changed, entries, lookMs, nextEnd, scope, store, writes } = options
  const pokes = yield* Queue.sliding<void>(1)
  let cleanedAt = 0

  const waitingRun = Effect.fnUntraced(function* (
    entry: CronEntry,
    { cause, dueAt }: DueSlots["runs"][number],
    now: number,
  ) {
    const notBefore = yield* entry.runs.jittered(now)
    const run: WaitingRun = { id: newId(), taskId: entry.task.id, cause, dueAt, attempt: 1, by: null, notBefore }
    return run
  })

  const take = Effect.fnUntraced(function* (entry: CronEntry, now: number) {
    const due = dueSlots(entry.plan, entry.row.lastSlot, now, entry.task.missed)
    if (due === undefined) return []
    const runs = yield* Effect.forEach(due.runs, (run) => waitingRun(entry, run, now))
    return [{ entry, due, runs } satisfies Taken]
  })

  /** One line of the history says what was left out. */
  const leftOut = ({ due, entry }: Taken, now: number) => {
    if (due.leftOut === undefined) return
    const { from, to } = due.leftOut
    const id = newId()
    store.insertWaiting({
      id,
      taskId: entry.task.id,
      cause: "missed",
      dueAt: to,
      attempt: 1,
      by: null,
      notBefore: now,
    })
    const reason =
      from === to
        ? `missed: nothing was there to run it at ${isoTime(to)}`
        : `missed: nothing was there to run those from ${isoTime(from)} to ${isoTime(to)}`
    store.end(id, { state: "skipped", endedAt: now, exitCode: null, signal: null, reason, by: null }, nextEnd())
  }

  const tick = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const entry of entries()) entry.heed(now, () => new Set(store.ahead(entry.task.id, now)))
    const come = [...entries()].filter(({ nextAt = Infinity }) => nextAt <= now)
    const taken = (yield* Effect.forEach(come, (entry) => take(entry, now))).flat()
    if (taken.length === 0) return
    for (const { due, entry } of taken) entry.take(due.lastSlot)
    yield* writes.persist(() => {
      for (const one of taken) {
        leftOut(one, now)
        for (const run of one.runs) store.insertWaiting(run)
        store.takeSlot(one.entry.task.id, one.due.lastSlot)
      }
    })
    yield* changed
    yield* Effect.forEach(
      taken,
      ({ entry, runs }) => Effect.forkIn(Effect.forEach(runs, entry.runs.wait, { discard: true }), scope),
      { discard: true },
    )
  })

  const clean = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (now - cleanedAt < cleanEveryMs && now >= cleanedAt) return
    cleanedAt = now
    yield* writes.write(() => {
      for (const { task } of entries()) store.prune(task.id, { runs: task.keepRuns, since: now - task.keepMs })
      store.forget(now - removedKeptMs)
    })
  })

  const untilNext = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    let nextAt = now + lookMs
    for (const entry of entries()) nextAt = Math.min(nextAt, entry.nextAt ?? Infinity)
    yield* Effect.timeoutOption(Queue.take(pokes), Math.max(0, nextAt - now))
  })

  const tell = (what: string) => (cause: Cause.Cause<unknown>) => Effect.logError(what, Cause.squash(cause))

  const run = alone(tick).pipe(
    // What is due then is so at the next look, too.
    Effect.catchCause((cause) =>
      Effect.andThen(tell("what is due of the cron tasks can't be seen; trying again")(cause), Effect.sleep(lookMs)),
    ),
    Effect.andThen(
      Effect.catchCause(clean, tell("the history of the cron tasks can't be cleaned up; trying again in an hour")),
    ),
    Effect.andThen(untilNext),
    Effect.forever,
    Effect.forkIn(scope),
  )

  return { run, poke: Effect.asVoid(Queue.offer(pokes, undefined)) }
})
