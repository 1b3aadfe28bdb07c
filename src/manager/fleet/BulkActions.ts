import { Context, Effect, Layer } from "effect"
import { type Action, Actions, type Outcome } from "./Actions.ts"
import { type Begun, type BulkJob, bulkJobs, type Settled, type Target } from "./BulkJob.ts"
import type { BulkRunning, KernelService, NotFound } from "./Errors.ts"

type BulkAction = Extract<Action, { kind: "start" | "stop" | "restart" | "reload" }>
/** Why nothing was done with a service at all, or where it is not done. */
export type ServicesBulkReason =
  | NotFound
  | KernelService
  | { readonly _tag: "AtNodes"; readonly nodes: ReadonlyArray<Outcome> }
export type ServicesJob = BulkJob<BulkAction["kind"], ServicesBulkReason>
export type ServiceOutcome = Settled<ServicesBulkReason> & { readonly nodes: ReadonlyArray<Outcome> }

/** The worst of what came of it on the nodes. */
export const overall = (nodes: ReadonlyArray<Outcome>): Outcome["outcome"] =>
  (["failed", "pending", "kept"] as const).find((state) => nodes.some(({ outcome }) => outcome === state)) ?? "done"

const atNodes = (target: Target, nodes: ReadonlyArray<Outcome>): ServiceOutcome => {
  const wrong = nodes.filter(({ outcome }) => outcome !== "done")
  const reason = wrong.length === 0 ? null : ({ _tag: "AtNodes", nodes: wrong } as const)
  return { ...target, nodes, state: overall(nodes), reason }
}

const make = Effect.gen(function* () {
  const actions = yield* Actions
  const jobs = yield* bulkJobs<BulkAction["kind"], ServicesBulkReason>("services")

  const work = (
    targets: ReadonlyArray<Target>,
    kind: BulkAction["kind"],
    { by, node }: { readonly by: string; readonly node?: string | undefined },
  ) => ({
    action: kind,
    by,
    targets,
    one: (target: Target) =>
      actions.run(target.id, { kind }, node, by).pipe(
        Effect.flatMap(({ outcomes }) => outcomes),
        Effect.map((nodes) => atNodes(target, nodes)),
        Effect.catch((reason) => Effect.succeed<ServiceOutcome>({ ...target, nodes: [], state: "failed", reason })),
      ),
  })

  return BulkActions.of({
    begin: Effect.fn("BulkActions.begin")((targets, kind, by) => jobs.begin(work(targets, kind, { by }))),
    beside: Effect.fn("BulkActions.beside")((targets, kind, how) => jobs.beside(work(targets, kind, how))),
    current: jobs.current,
    close: jobs.close,
  })
})

/** One action on several services: one that fails does not stop the others. */
export class BulkActions extends Context.Service<
  BulkActions,
  {
    /** For a person, who waits for whatever runs. */
    readonly begin: (
      services: ReadonlyArray<Target>,
      action: BulkAction["kind"],
      by: string,
    ) => Effect.Effect<Begun<ServiceOutcome, ServicesJob>, BulkRunning>
    /** The same for a program, which is never refused. Answers with the effect that ends when each service has what came of it. */
    readonly beside: (
      services: ReadonlyArray<Target>,
      action: BulkAction["kind"],
      how: { readonly by: string; readonly node?: string | undefined },
    ) => Effect.Effect<Effect.Effect<ReadonlyArray<ServiceOutcome>>>
    /** Those that run, and those that have ended since the last one began. */
    readonly current: Effect.Effect<ReadonlyArray<ServicesJob>>
    /** Forgets those that have ended. */
    readonly close: Effect.Effect<void>
  }
>()("muster/manager/fleet/BulkActions") {
  static readonly layer = Layer.effect(BulkActions, make)
}
