import { Effect } from "effect"

/**
 * Clears up behind a process that has ended, again when that fails: for some seconds, then its end is told all the same,
 * and the answer is undefined. Whoever waits for the end would wait for ever otherwise.
 */
export const clearUp = <A, E>(act: Effect.Effect<A, E>, triesLeft = 5): Effect.Effect<A | undefined> =>
  Effect.catchCause(act, (cause) =>
    triesLeft > 0
      ? Effect.andThen(Effect.sleep("1 second"), clearUp(act, triesLeft - 1))
      : Effect.as(Effect.logError("what a process has left can't be cleared up", cause), undefined),
  )
