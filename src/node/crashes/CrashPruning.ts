import { Effect, Layer } from "effect"
import { setIdOf } from "../../domain/ProcessSpec.ts"
import { Supervisor } from "../supervisor/Supervisor.ts"
import { Crashes } from "./Crashes.ts"

const lookEvery = "1 hour"

/**
 * Removes crash reports of process sets that the node does not run any more. Until it was said what runs here, no report
 * is one of a set that was removed.
 */
export const crashPruning = Layer.effectDiscard(
  Effect.gen(function* () {
    const crashes = yield* Crashes
    const supervisor = yield* Supervisor

    const prune = Effect.gen(function* () {
      const statuses = yield* supervisor.statuses
      const sets = statuses.flatMap(({ name }) => supervisor.find(name)?.assignment ?? [])
      yield* crashes.prune(new Set(sets.map(setIdOf)))
    }).pipe(Effect.catch((error) => Effect.logWarning(`old crash reports can't be removed: ${error.message}`)))

    yield* supervisor.told.pipe(
      Effect.andThen(prune),
      Effect.andThen(Effect.forever(Effect.andThen(Effect.sleep(lookEvery), prune))),
      Effect.forkScoped,
    )
  }),
)
