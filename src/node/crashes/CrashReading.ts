import { Data, Effect } from "effect"
import { setIdOf } from "../../domain/ProcessSpec.ts"
import { Supervisor } from "../supervisor/Supervisor.ts"
import { Crashes } from "./Crashes.ts"

export class NoSuchCrash extends Data.TaggedError("NoSuchCrash")<{ readonly id: string }> {
  override get message() {
    return `this node has no crash report ${JSON.stringify(this.id)}: the last 20 of each process set are kept`
  }
}

/** Crash reports as they are asked for: those of a process set by its name. */
export const crashReading = Effect.gen(function* () {
  const crashes = yield* Crashes
  const supervisor = yield* Supervisor
  return {
    list: Effect.fnUntraced(function* (name: string) {
      const set = supervisor.find(name)
      // One that is run here no more may still have reports.
      return { crashes: yield* crashes.list(set === undefined ? name : setIdOf(set.assignment)) }
    }),
    get: Effect.fnUntraced(function* (id: string) {
      return (yield* crashes.get(id)) ?? (yield* new NoSuchCrash({ id }))
    }),
  }
})
