import { Effect } from "effect"
import { type Listen, SlotSockets } from "./SlotSockets.ts"

/** A port that somebody has although its set is stopped is looked at so often. */
export const heldAgainMs = 5_000

/**
 * What is still there of a set that is stopped: processes that can't be ended, and whoever has its port, which may be
 * something that one of its processes had started.
 */
export const makePortWatch = Effect.fnUntraced(function* (listen: Listen | null) {
  const ports = yield* SlotSockets
  /** Processes of the set were there since its port was last found free. */
  let isOpen = false
  let held: string | undefined
  let left: string | undefined

  const look = Effect.gen(function* () {
    if (listen === null || !isOpen) return false
    const found = yield* ports.assertFree(listen).pipe(
      Effect.as(undefined),
      Effect.catchTag("PortUnavailable", ({ code, message }) =>
        Effect.succeed(code === "EADDRINUSE" ? message : undefined),
      ),
    )
    if (found !== undefined && found !== held) yield* Effect.logWarning(`has stopped, but ${found}`)
    held = found
    isOpen = found !== undefined
    return isOpen
  })

  return {
    /** Processes of the set are about to be there. */
    used: () => {
      isOpen = true
      held = undefined
      left = undefined
    },
    leftBehind: (what: string) => void (left = what),
    /** Answers whether somebody has it, which is to be looked at again. */
    look,
    held: () => left ?? held,
  }
})
