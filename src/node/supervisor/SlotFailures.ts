import { Effect } from "effect"
import type { SlotHooks } from "./SlotOptions.ts"
import type { SlotNow } from "./SlotView.ts"

/**
 * Tells what the next agent has to know of a slot's failures, whenever that has changed: so nothing is tried sooner, or
 * as if for the first time, for a change of agents. `isKept`: an agent before this one has told something.
 */
export const failuresOf = (now: SlotNow, isKept: boolean, tell: SlotHooks["failing"]) => {
  let toldOf = now.state
  return Effect.suspend(() => {
    const { restarts, since, state } = now
    if (state === toldOf) return Effect.void
    toldOf = state
    if (state._tag === "BACKOFF" || state._tag === "FATAL") {
      isKept = true
      const { past, reason, until } = state
      return tell({ state: state._tag, past, until, reason, restarts, since })
    }
    // Until it has been well for a while, they count.
    if (!isKept || ("past" in state && state.past.ends > 0)) return Effect.void
    isKept = false
    return tell(undefined)
  })
}
