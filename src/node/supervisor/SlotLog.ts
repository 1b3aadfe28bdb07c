import { Effect } from "effect"
import type { ProcessState } from "../../domain/ProcessState.ts"
import { seconds } from "./WorkerRun.ts"

const pidOf = (state: ProcessState) => ("pid" in state ? state.pid : null)

const took = (before: ProcessState, since: number) =>
  before._tag === "STARTING" ? `after ${Math.round(since - before.since)} ms` : "again"

const runningText = (before: ProcessState, now: Extract<ProcessState, { _tag: "RUNNING" }>) => {
  const former = pidOf(before)
  if (former !== null && former !== now.pid) return `ready; pid ${former} drains`
  if (now.adopted && before._tag === "STOPPED") return `goes on as it was left${now.ready ? "" : ", not ready"}`
  if (before._tag === "RUNNING") return now.ready ? "ready again" : undefined
  if (!now.ready) return `up ${took(before, now.since)}, not ready yet`
  return before._tag === "STARTING" ? `ready ${took(before, now.since)}` : "ready"
}

/** Tells a change of a slot's state in the log. `now`: by the monotonic clock. */
export const logChange = (before: ProcessState, state: ProcessState, now: number): Effect.Effect<void> => {
  const pid = pidOf(state) ?? pidOf(before)
  const told = (): Effect.Effect<void> => {
    switch (state._tag) {
      case "RUNNING": {
        const text = runningText(before, state)
        return text === undefined ? Effect.void : Effect.logInfo(text)
      }
      case "BACKOFF": {
        const { failures, ends } = state.past
        const wait = seconds(Math.max(0, state.until - now))
        return failures === 0
          ? Effect.logInfo(`ended: ${state.reason}; started again in ${wait} (end ${ends} in a row)`)
          : Effect.logWarning(`down: ${state.reason}; next try in ${wait} (failure ${failures} in a row)`)
      }
      case "FATAL":
        return Effect.logError(
          `down: ${state.reason}; given up after ${state.past.failures} failures in a row${
            state.until === null ? "" : `, tried again in ${seconds(Math.max(0, state.until - now))}`
          }`,
        )
      case "EXITED":
        return state.good
          ? Effect.logInfo(`completed: ${state.reason}`)
          : Effect.logWarning(`down: ${state.reason}; it is not to be started again`)
      case "STOPPED":
        return before._tag === "STOPPING" ? Effect.logInfo("stopped") : Effect.void
      default:
        return Effect.void
    }
  }
  return told().pipe(Effect.annotateLogs(pid === null ? {} : { pid }))
}
