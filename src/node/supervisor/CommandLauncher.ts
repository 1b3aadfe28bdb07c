import { Effect } from "effect"
import { type Launched, LaunchFailed, type RunRequest } from "./Launched.ts"

/** Starts instances of commands. */
export const commandLauncher = Effect.sync(
  () =>
    (request: RunRequest): Effect.Effect<Launched, LaunchFailed> =>
      Effect.fail(new LaunchFailed({ reason: `${request.assignment.name}: commands can't be run yet` })),
)
