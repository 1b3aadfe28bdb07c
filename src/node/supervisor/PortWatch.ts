import { Effect } from "effect"
import { type Listen, SlotSockets } from "./SlotSockets.ts"

/** A port that somebody has although its set is stopped is looked at so often. */
export const heldAgainMs = 5_000

/** Who has the port of a set that is stopped: something that one of its processes had started, perhaps. */
export const makePortWatch = Effect.fnUntraced(function* (listen: Listen | null) {
  const ports = yield* SlotSockets
  /** Processes of the set were there since its port was last found free. */
  let isOpen = false
  let held: string | undefined

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
    /** A process of the set is about to be there. */
    used: () => void (isOpen = true),
    /** It is not stopped: whoever has the port may. */
    forget: () => void (held = undefined),
    /** Answers whether somebody has it, which is to be looked at again. */
    look,
    held: () => held,
  }
})
