import { Clock, Effect } from "effect"
import { Changes } from "./Changes.ts"
import { BulkRunning } from "./Errors.ts"

export type Target = { readonly id: string; readonly name: string }
type Item<Reason> = Target & {
  readonly state: "queued" | "running" | "done" | "failed" | "kept" | "pending"
  readonly reason: Reason | null
}
/** How one of them ended. */
export type Settled<Reason> = Target & {
  readonly state: Exclude<Item<Reason>["state"], "queued" | "running">
  readonly reason: Reason | null
}

/** One action on several of a list, and how far it is. */
export type BulkJob<Action extends string, Reason> = {
  readonly action: Action
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly items: ReadonlyArray<Item<Reason>>
}

/** `run`: ends when each has what came of it. `job`: how far it is. */
export type Begun<Outcome, Job> = {
  readonly run: Effect.Effect<ReadonlyArray<Outcome>>
  readonly job: Effect.Effect<Job>
}

type Work<Action, Outcome> = {
  readonly action: Action
  readonly by: string
  readonly targets: ReadonlyArray<Target>
  readonly one: (target: Target) => Effect.Effect<Outcome>
}

const atOnce = 8
/** What programs begin while so many jobs run is not seen. */
const shownMax = 5

const isRunning = ({ endedAt }: { readonly endedAt: number | null }) => endedAt === null

/** The jobs of one list, told in its topic. Those that have ended stay to be seen until they are closed or the next begins. */
export const bulkJobs = <Action extends string, Reason>(list: "services" | "cron") =>
  Effect.gen(function* () {
    type Job = BulkJob<Action, Reason>
    const changes = yield* Changes
    let jobs: ReadonlyArray<Job> = []

    const show = <Outcome extends Settled<Reason>>(
      { action, by, one, targets }: Work<Action, Outcome>,
      startedAt: number,
    ): Begun<Outcome, Job> => {
      const items = targets.map((target) => ({ ...target, state: "queued" as const, reason: null }))
      let job: Job = { action, by, startedAt, endedAt: null, items }
      jobs = [...jobs.filter(isRunning), job]
      const tell = (change: Partial<Job>) => {
        const next = { ...job, ...change }
        jobs = jobs.map((other) => (other === job ? next : other))
        job = next
        return changes.publish(list)
      }
      const settle = (id: string, found: Partial<Item<Reason>>) =>
        Effect.suspend(() => tell({ items: job.items.map((item) => (item.id === id ? { ...item, ...found } : item)) }))
      const work = Effect.fnUntraced(function* (target: Target) {
        yield* settle(target.id, { state: "running" })
        const outcome = yield* one(target)
        const { name, reason, state } = outcome
        yield* settle(target.id, { name, reason, state })
        return outcome
      })
      const end = Effect.flatMap(Clock.currentTimeMillis, (endedAt) => tell({ endedAt }))
      return {
        run: Effect.ensuring(Effect.forEach(targets, work, { concurrency: atOnce }), end),
        job: Effect.sync(() => job),
      }
    }

    return {
      /** For a person, who waits for whatever runs. */
      begin: Effect.fnUntraced(function* <Outcome extends Settled<Reason>>(work: Work<Action, Outcome>) {
        const startedAt = yield* Clock.currentTimeMillis
        // Nothing may come between the look and the taking: of two that begin at the same moment one is told of the other.
        const running = jobs.find(isRunning)
        if (running !== undefined) return yield* new BulkRunning({ list, by: running.by })
        const begun = show(work, startedAt)
        yield* changes.publish(list)
        return begun
      }),
      /** The same for a program, which is never refused. Answers with the effect that ends when each has what came of it. */
      beside: Effect.fnUntraced(function* <Outcome extends Settled<Reason>>(work: Work<Action, Outcome>) {
        const startedAt = yield* Clock.currentTimeMillis
        if (jobs.filter(isRunning).length >= shownMax)
          return Effect.forEach(work.targets, work.one, { concurrency: atOnce })
        const { run } = show(work, startedAt)
        yield* changes.publish(list)
        return run
      }),
      /** In the order in which they began. */
      current: Effect.sync(() => jobs),
      /** Forgets those that have ended. */
      close: Effect.suspend(() => {
        if (jobs.every(isRunning)) return Effect.void
        jobs = jobs.filter(isRunning)
        return changes.publish(list)
      }),
    }
  })
