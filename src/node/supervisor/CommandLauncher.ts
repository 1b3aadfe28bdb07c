import { Effect } from "effect"
import { type Launched, LaunchFailed, type LaunchRequest } from "./Launched.ts"

/** Starts instances of commands. */
export const commandLauncher = Effect.sync(
  () =>
    (request: LaunchRequest): Effect.Effect<Launched, LaunchFailed> =>
      Effect.fail(new LaunchFailed({ reason: `${request.assignment.name}: commands can't be run yet` })),
)
