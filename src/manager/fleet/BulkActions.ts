import { Clock, Context, Effect, Layer } from "effect"
import { type Action, Actions, type Outcome } from "./Actions.ts"
import { Changes } from "./Changes.ts"
import type { BulkJob } from "./Views.ts"

type Target = { readonly id: string; readonly name: string }
/** `problem`: why nothing was done with the service at all. */
export type ServiceOutcome = Target & {
  readonly nodes: ReadonlyArray<Outcome>
  readonly problem: string | null
}
type BulkAction = Extract<Action, { kind: "start" | "stop" | "restart" | "reload" }>

const servicesAtOnce = 8

const stateOf = ({ nodes, problem }: ServiceOutcome): "done" | "failed" | "kept" | "pending" => {
  if (problem !== null) return "failed"
  const worst = (["failed", "pending", "kept"] as const).find((state) => nodes.some(({ outcome }) => outcome === state))
  return worst ?? "done"
}

const reasonOf = ({ nodes, problem }: ServiceOutcome): string | null => {
  if (problem !== null) return problem
  const wrong = nodes.filter(({ outcome }) => outcome !== "done")
  return wrong.length === 0 ? null : wrong.map(({ nodeName, reason }) => `${nodeName}: ${reason ?? ""}`).join("; ")
}

const make = Effect.gen(function* () {
  const actions = yield* Actions
  const changes = yield* Changes
  const scope = yield* Effect.scope
  let job: BulkJob | null = null

  const tell = (next: BulkJob) =>
    Effect.andThen(
      Effect.sync(() => (job = next)),
      changes.publish("services"),
    )

  const settle = Effect.fnUntraced(function* (
    startedAt: number,
    id: string,
    found: Partial<BulkJob["services"][number]>,
  ) {
    if (job?.startedAt !== startedAt) return
    yield* tell({ ...job, services: job.services.map((one) => (one.id === id ? { ...one, ...found } : one)) })
  })

  const one = Effect.fnUntraced(function* (
    target: Target,
    action: BulkAction,
    { by, node, startedAt }: { readonly node: string | undefined; readonly by: string; readonly startedAt: number },
  ) {
    yield* settle(startedAt, target.id, { state: "running" })
    const nothing = (error: { readonly message: string }): ServiceOutcome => ({
      ...target,
      nodes: [],
      problem: error.message,
    })
    const found = yield* actions.run(target.id, action, node, by).pipe(
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
    yield* settle(startedAt, target.id, { state: stateOf(found), reason: reasonOf(found) })
    return found
  })

  const prepare = Effect.fnUntraced(function* (
    targets: ReadonlyArray<Target>,
    action: BulkAction,
    node: string | undefined,
    by: string,
  ) {
    const startedAt = yield* Clock.currentTimeMillis
    const services = targets.map((target) => ({ ...target, state: "queued" as const, reason: null }))
    yield* tell({ action: action.kind, by, startedAt, endedAt: null, services })
    return Effect.forEach(targets, (target) => one(target, action, { node, by, startedAt }), {
      concurrency: servicesAtOnce,
    }).pipe(
      Effect.ensuring(
        Effect.flatMap(Clock.currentTimeMillis, (endedAt) =>
          job?.startedAt === startedAt ? tell({ ...job, endedAt }) : Effect.void,
        ),
      ),
    )
  })

  return BulkActions.of({
    run: Effect.fn("BulkActions.run")(prepare),
    start: Effect.fn("BulkActions.start")(function* (targets, action, by) {
      yield* Effect.forkIn(yield* prepare(targets, action, undefined, by), scope)
    }),
    current: Effect.sync(() => job),
    close: Effect.suspend(() => {
      if (job === null || job.endedAt === null) return Effect.void
      job = null
      return changes.publish("services")
    }),
  })
})

/** One action on several services. The last job stays to be seen until it is closed or the next begins. */
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
    readonly current: Effect.Effect<BulkJob | null>
    /** Forgets a job that has ended. */
    readonly close: Effect.Effect<void>
  }
>()("muster/manager/fleet/BulkActions") {
  static readonly layer = Layer.effect(BulkActions, make)
}
