import { Clock, Effect } from "effect"
import { Changes, type Topic } from "./Changes.ts"

export type Target = { readonly id: string; readonly name: string }
type Item<Reason> = Target & {
  readonly state: "queued" | "running" | "done" | "failed" | "kept" | "pending"
  readonly reason: Reason | null
}
/** How one of them ended. */
export type Settled<Reason> = Pick<Item<Reason>, "state" | "reason"> & { readonly name?: string }

/** One action on several of a list, and how far it is. */
export type BulkJob<Action extends string, Reason = string> = {
  readonly action: Action
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly items: ReadonlyArray<Item<Reason>>
}

type Work<Action, Outcome, Reason> = {
  readonly action: Action
  readonly by: string
  readonly targets: ReadonlyArray<Target>
  readonly one: (target: Target) => Effect.Effect<Outcome>
  readonly settled: (outcome: Outcome) => Settled<Reason>
}

const atOnce = 8

/** The jobs of one list, told in its topic. The last job stays to be seen until it is closed or the next begins. */
export const bulkJobs = <Action extends string, Reason = string>(topic: Topic) =>
  Effect.gen(function* () {
    const changes = yield* Changes
    let job: BulkJob<Action, Reason> | null = null

    const tell = (next: BulkJob<Action, Reason> | null) =>
      Effect.andThen(
        Effect.sync(() => (job = next)),
        changes.publish(topic),
      )

    const settle = Effect.fnUntraced(function* (startedAt: number, id: string, found: Partial<Item<Reason>>) {
      if (job?.startedAt !== startedAt) return
      yield* tell({ ...job, items: job.items.map((one) => (one.id === id ? { ...one, ...found } : one)) })
    })

    /** Answers with the effect that ends when each has what came of it. */
    const begin = Effect.fnUntraced(function* <Outcome>({
      action,
      by,
      one,
      settled,
      targets,
    }: Work<Action, Outcome, Reason>) {
      const startedAt = yield* Clock.currentTimeMillis
      const items = targets.map((target) => ({ ...target, state: "queued" as const, reason: null }))
      yield* tell({ action, by, startedAt, endedAt: null, items })
      const work = Effect.fnUntraced(function* (target: Target) {
        yield* settle(startedAt, target.id, { state: "running" })
        const outcome = yield* one(target)
        yield* settle(startedAt, target.id, settled(outcome))
        return outcome
      })
      const end = Effect.flatMap(Clock.currentTimeMillis, (endedAt) =>
        job?.startedAt === startedAt ? tell({ ...job, endedAt }) : Effect.void,
      )
      return Effect.ensuring(Effect.forEach(targets, work, { concurrency: atOnce }), end)
    })

    return {
      begin,
      current: Effect.sync(() => job),
      /** Forgets a job that has ended. */
      close: Effect.suspend(() => (job === null || job.endedAt === null ? Effect.void : tell(null))),
    }
  })
