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

type Work<Action, Outcome> = {
  readonly action: Action
  readonly by: string
  readonly targets: ReadonlyArray<Target>
  readonly one: (target: Target) => Effect.Effect<Outcome>
}

const atOnce = 8

/** The jobs of one list, told in its topic. The last job stays to be seen until it is closed or the next begins. */
export const bulkJobs = <Action extends string, Reason>(list: "services" | "cron") =>
  Effect.gen(function* () {
    const changes = yield* Changes
    let job: BulkJob<Action, Reason> | null = null

    const tell = (change: Partial<BulkJob<Action, Reason>>) => {
      job = job && { ...job, ...change }
      return changes.publish(list)
    }
    const settle = (id: string, found: Partial<Item<Reason>>) =>
      Effect.suspend(() =>
        tell({ items: (job?.items ?? []).map((one) => (one.id === id ? { ...one, ...found } : one)) }),
      )

    const begin = Effect.fnUntraced(function* <Outcome extends Settled<Reason>>({
      action,
      by,
      one,
      targets,
    }: Work<Action, Outcome>) {
      const startedAt = yield* Clock.currentTimeMillis
      // Nothing may come between the look and the taking: of two that begin at the same moment one is told of the other.
      if (job !== null && job.endedAt === null) return yield* new BulkRunning({ list, by: job.by })
      const items = targets.map((target) => ({ ...target, state: "queued" as const, reason: null }))
      job = { action, by, startedAt, endedAt: null, items }
      yield* changes.publish(list)
      const work = Effect.fnUntraced(function* (target: Target) {
        yield* settle(target.id, { state: "running" })
        const outcome = yield* one(target)
        const { name, reason, state } = outcome
        yield* settle(target.id, { name, reason, state })
        return outcome
      })
      const end = Effect.flatMap(Clock.currentTimeMillis, (endedAt) => tell({ endedAt }))
      return Effect.ensuring(Effect.forEach(targets, work, { concurrency: atOnce }), end)
    })

    return {
      /** Answers with the effect that ends when each has what came of it; one at a time. */
      begin,
      /** The same for a program, which is not refused while another job runs: nobody sees it then. */
      beside: <Outcome extends Settled<Reason>>(work: Work<Action, Outcome>) =>
        Effect.catchTag(begin(work), "BulkRunning", () =>
          Effect.succeed(Effect.forEach(work.targets, work.one, { concurrency: atOnce })),
        ),
      current: Effect.sync(() => job),
      /** Forgets a job that has ended. */
      close: Effect.suspend(() => {
        if (job === null || job.endedAt === null) return Effect.void
        job = null
        return changes.publish(list)
      }),
    }
  })
