import { Context, Effect, Layer } from "effect"
import { type Begun, type BulkJob, bulkJobs, type Settled, type Target } from "../BulkJob.ts"
import type { BulkRunning, Conflict, CronWaits, NodeUnavailable, NotFound } from "../Errors.ts"
import { CronRuns } from "./CronRuns.ts"
import { CronTasks } from "./CronTasks.ts"

export type CronBulkAction = "enable" | "disable" | "start" | "remove" | "restore"
type CronFailure = Conflict | CronWaits | NodeUnavailable | NotFound
/** `staysAt`: it is deleted, and goes on at this node, which is away, until that can be told. */
type Done = { readonly name: string; readonly staysAt?: string | null }
export type CronBulkReason = CronFailure | { readonly _tag: "StaysAt"; readonly name: string; readonly node: string }
export type CronJob = BulkJob<CronBulkAction, CronBulkReason>
/** What came of it for one task. */
export type CronOutcome = Settled<CronBulkReason>

const make = Effect.gen(function* () {
  const jobs = yield* bulkJobs<CronBulkAction, CronBulkReason>("cron")
  const runs = yield* CronRuns
  const tasks = yield* CronTasks

  const act = (action: CronBulkAction, { id, name }: Target, by: string): Effect.Effect<Done, CronFailure> => {
    if (action === "remove") return tasks.remove(id, by)
    if (action === "restore") return tasks.restore(id, by)
    if (action === "start") return Effect.as(runs.start(id, by), { name })
    return tasks.setEnabled(id, action === "enable", by)
  }

  const one = (action: CronBulkAction, target: Target, by: string) =>
    act(action, target, by).pipe(
      Effect.map(({ name, staysAt: node = null }): CronOutcome => {
        const reason = node === null ? null : ({ _tag: "StaysAt", name, node } as const)
        return { ...target, name, state: reason === null ? "done" : "kept", reason }
      }),
      Effect.catch((reason): Effect.Effect<CronOutcome> => Effect.succeed({ ...target, state: "failed", reason })),
    )

  const work = (targets: ReadonlyArray<Target>, action: CronBulkAction, by: string) => ({
    action,
    by,
    targets,
    one: (target: Target) => one(action, target, by),
  })

  return CronBulk.of({
    begin: Effect.fn("CronBulk.begin")((targets, action, by) => jobs.begin(work(targets, action, by))),
    beside: Effect.fn("CronBulk.beside")((targets, action, by) => jobs.beside(work(targets, action, by))),
    current: jobs.current,
    close: jobs.close,
  })
})

/** One action on several cron tasks: one that fails does not stop the others. */
export class CronBulk extends Context.Service<
  CronBulk,
  {
    /** For a person, who waits for whatever runs. */
    readonly begin: (
      tasks: ReadonlyArray<Target>,
      action: CronBulkAction,
      by: string,
    ) => Effect.Effect<Begun<CronOutcome, CronJob>, BulkRunning>
    /** The same for a program, which is never refused. Answers with the effect that ends when each task has what came of it. */
    readonly beside: (
      tasks: ReadonlyArray<Target>,
      action: CronBulkAction,
      by: string,
    ) => Effect.Effect<Effect.Effect<ReadonlyArray<CronOutcome>>>
    /** Those that run, and those that have ended since the last one began. */
    readonly current: Effect.Effect<ReadonlyArray<CronJob>>
    /** Forgets those that have ended. */
    readonly close: Effect.Effect<void>
  }
>()("muster/manager/fleet/cron/CronBulk") {
  static readonly layer = Layer.effect(CronBulk, make)
}
