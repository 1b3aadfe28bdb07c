import { Effect } from "effect"
import { adoptsOrphans, Orphans } from "../platform/Orphans.ts"

const every = "1 second"

/** As the first process of a container there is nobody else to do it. */
export const reapOrphans = Effect.suspend(() => {
  if (!adoptsOrphans()) return Effect.void
  const orphans = new Orphans()
  return Effect.promise(() => orphans.reap()).pipe(
    Effect.delay(every),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("nobody reaps orphans any more", cause)),
    Effect.forkScoped,
    Effect.asVoid,
  )
})
