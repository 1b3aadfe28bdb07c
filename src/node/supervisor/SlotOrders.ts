import { Deferred, Effect } from "effect"
import type { Replacement } from "./SlotOptions.ts"
import type { Recipe } from "./WorkerRun.ts"

export type Outcome = Deferred.Deferred<Replacement>

/** Who waits for what comes of a recipe. `strict`: a process of it that is not ready in time is killed. */
export type Order = { readonly recipe: Recipe | undefined; readonly outcome: Outcome; readonly strict: boolean }

export const resolve = (outcome: Outcome | undefined, replacement: Replacement) =>
  outcome === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(outcome, replacement))

/** What is to be started in a slot next, and who waits for what comes of what was. */
export const makeOrders = () => {
  /** For when the present process has ended. */
  let ordered: Order | undefined
  /** Waits for the first outcome of the process that was started in place of none. */
  let awaited: Outcome | undefined

  return {
    /** In place of what was ordered before; undefined: the usual. */
    order: (next: Order | undefined) =>
      Effect.suspend(() => {
        const former = ordered
        ordered = next
        return resolve(former?.outcome, { _tag: "Stopped" })
      }),
    isOrdered: (outcome: Outcome) => ordered?.outcome === outcome,
    /** It is started now, and its outcome is awaited from here on. */
    take: (): Order | undefined => {
      const order = ordered
      ordered = undefined
      awaited = order?.outcome
      return order
    },
    answer: (replacement: Replacement) =>
      Effect.suspend(() => {
        const outcome = awaited
        awaited = undefined
        return resolve(outcome, replacement)
      }),
  }
}
