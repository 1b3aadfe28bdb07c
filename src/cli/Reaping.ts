import { Effect } from "effect"
import { nextSecond } from "../node/Monotonic.ts"
import { adoptOrphans, Orphans } from "../platform/Orphans.ts"

/** What services leave behind comes to this process, which then has to let go what of it has ended: nobody else does. */
export const reapOrphans = Effect.gen(function* () {
  if (!(yield* Effect.promise(adoptOrphans))) return
  const orphans = new Orphans()
  yield* nextSecond.pipe(
    Effect.andThen(Effect.promise(() => orphans.reap())),
    Effect.forever,
    Effect.tapCause((cause) => Effect.logError("nobody reaps orphans any more", cause)),
    Effect.forkScoped,
  )
})
