import { Effect } from "effect"
import { adoptOrphans, Orphans } from "../platform/Orphans.ts"

const every = "1 second"

/** What services leave behind comes to this process, which then has to let go what of it has ended: nobody else does. */
export const reapOrphans = Effect.gen(function* () {
  if (!(yield* Effect.promise(adoptOrphans))) return
  const orphans = new Orphans()
  yield* Effect.promise(() => orphans.reap()).pipe(
    Effect.delay(every),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("nobody reaps orphans any more", cause)),
    Effect.forkScoped,
  )
})
