import { Clock, Context, Effect, Layer } from "effect"
import type { Problem } from "../../domain/Problem.ts"
import { Changes } from "./Changes.ts"
import type { ActionView } from "./Views.ts"

/** A process set of a service on a node. */
export type Place = { readonly serviceId: string; readonly nodeId: string; readonly name: string }

const keyOf = ({ name, nodeId, serviceId }: Place) => `${serviceId} ${nodeId} ${name}`
/** The oldest are forgotten: a page shows the last one of each place, for as long as the manager runs. */
const placesMax = 20_000

/** What was last asked of each process set, for pages that are open. */
export class ActionBoard extends Context.Service<
  ActionBoard,
  {
    readonly of: (place: Place) => ActionView | null
    readonly begin: (place: Place, action: ActionView["action"], by: string) => Effect.Effect<void>
    /** Nothing when something else was begun there meanwhile. */
    readonly end: (
      place: Place,
      action: ActionView["action"],
      outcome: {
        readonly state: Exclude<ActionView["state"], "running">
        readonly reason: string | null
        readonly problem: Problem | null
      },
    ) => Effect.Effect<void>
    /** A reload tells of itself: what was asked before it is over. */
    readonly clear: (place: Place) => Effect.Effect<void>
  }
>()("muster/manager/fleet/ActionBoard") {
  static readonly layer = Layer.effect(
    ActionBoard,
    Effect.gen(function* () {
      const changes = yield* Changes
      const last = new Map<string, ActionView>()
      const told = ({ serviceId }: Place) => changes.publish(`service:${serviceId}`)
      return ActionBoard.of({
        of: (place) => last.get(keyOf(place)) ?? null,
        begin: Effect.fnUntraced(function* (place, action, by) {
          const startedAt = yield* Clock.currentTimeMillis
          const oldest = last.size >= placesMax ? last.keys().next().value : undefined
          if (oldest !== undefined) last.delete(oldest)
          last.set(keyOf(place), {
            action,
            state: "running",
            by,
            startedAt,
            endedAt: null,
            reason: null,
            problem: null,
          })
          yield* told(place)
        }),
        end: Effect.fnUntraced(function* (place, action, outcome) {
          const begun = last.get(keyOf(place))
          if (begun?.action !== action) return
          last.set(keyOf(place), { ...begun, ...outcome, endedAt: yield* Clock.currentTimeMillis })
          yield* told(place)
        }),
        clear: (place) =>
          Effect.andThen(
            Effect.sync(() => last.delete(keyOf(place))),
            told(place),
          ),
      })
    }),
  )
}
