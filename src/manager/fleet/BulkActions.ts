import { Context, Effect, Layer } from "effect"
import { type Action, Actions, type Outcome } from "./Actions.ts"
import { type BulkJob, bulkJobs, type Settled, type Target } from "./BulkJob.ts"

/** `problem`: why nothing was done with the service at all. */
export type ServiceOutcome = Target & {
  readonly nodes: ReadonlyArray<Outcome>
  readonly problem: string | null
}
type BulkAction = Extract<Action, { kind: "start" | "stop" | "restart" | "reload" }>
export type ServicesJob = BulkJob<BulkAction["kind"]>

const stateOf = ({ nodes, problem }: ServiceOutcome): Settled<string>["state"] => {
  if (problem !== null) return "failed"
  const worst = (["failed", "pending", "kept"] as const).find((state) => nodes.some(({ outcome }) => outcome === state))
  return worst ?? "done"
}

const reasonOf = ({ nodes, problem }: ServiceOutcome): string | null => {
  if (problem !== null) return problem
  const wrong = nodes.filter(({ outcome }) => outcome !== "done")
  return wrong.length === 0 ? null : wrong.map(({ nodeName, reason }) => `${nodeName}: ${reason ?? ""}`).join("; ")
}

const settled = (outcome: ServiceOutcome): Settled<string> => ({ state: stateOf(outcome), reason: reasonOf(outcome) })

const make = Effect.gen(function* () {
  const actions = yield* Actions
  const jobs = yield* bulkJobs<BulkAction["kind"]>("services")
  const scope = yield* Effect.scope

  const one = Effect.fnUntraced(function* (target: Target, action: BulkAction, node: string | undefined, by: string) {
    const nothing = (error: { readonly message: string }): ServiceOutcome => ({
      ...target,
      nodes: [],
      problem: error.message,
    })
    return yield* actions.run(target.id, action, node, by).pipe(
      Effect.flatMap(({ outcomes }) => outcomes),
      Effect.map((nodes): ServiceOutcome => ({ ...target, nodes, problem: null })),
      Effect.catch((error) =>
        Effect.succeed(
          nothing(
            error._tag === "NotFound" && target.id === ""
              ? { message: `There is no service ${JSON.stringify(target.name)}` }
              : error,
          ),
        ),
      ),
    )
  })

  const prepare = (targets: ReadonlyArray<Target>, action: BulkAction, node: string | undefined, by: string) =>
    jobs.begin({ action: action.kind, by, targets, one: (target) => one(target, action, node, by), settled })

  return BulkActions.of({
    run: Effect.fn("BulkActions.run")(prepare),
    start: Effect.fn("BulkActions.start")(function* (targets, action, by) {
      yield* Effect.forkIn(yield* prepare(targets, action, undefined, by), scope)
    }),
    current: jobs.current,
    close: jobs.close,
  })
})

/** One action on several services. */
export class BulkActions extends Context.Service<
  BulkActions,
  {
    /** Answers with the effect that ends when each service has what came of it. */
    readonly run: (
      services: ReadonlyArray<Target>,
      action: BulkAction,
      node: string | undefined,
      by: string,
    ) => Effect.Effect<Effect.Effect<ReadonlyArray<ServiceOutcome>>>
    /** Returns at once; progress is in `current` and in the topic `services`. */
    readonly start: (services: ReadonlyArray<Target>, action: BulkAction, by: string) => Effect.Effect<void>
    readonly current: Effect.Effect<ServicesJob | null>
    /** Forgets a job that has ended. */
    readonly close: Effect.Effect<void>
  }
>()("muster/manager/fleet/BulkActions") {
  static readonly layer = Layer.effect(BulkActions, make)
}
