import { backoffDelay, restartBackoff } from "./Backoff.ts"

/** Supervisord's state names; each state carries only its own fields. Times are milliseconds of a monotonic clock. */
export type ProcessState =
  | { readonly _tag: "STOPPED" }
  | { readonly _tag: "STARTING"; readonly pid: number; readonly since: number; readonly failures: number }
  | { readonly _tag: "RUNNING"; readonly pid: number; readonly since: number; readonly failures: number }
  | { readonly _tag: "BACKOFF"; readonly failures: number; readonly until: number; readonly reason: string }
  | { readonly _tag: "STOPPING"; readonly pid: number; readonly since: number }
  | { readonly _tag: "FATAL"; readonly reason: string }

export type ProcessEvent =
  | { readonly _tag: "Start" }
  | { readonly _tag: "Spawned"; readonly pid: number; readonly at: number }
  | { readonly _tag: "SpawnFailed"; readonly at: number; readonly reason: string }
  | { readonly _tag: "Ready"; readonly at: number }
  | { readonly _tag: "Exited"; readonly at: number; readonly reason: string }
  | { readonly _tag: "BackoffOver" }
  | { readonly _tag: "Stop"; readonly at: number }
  /** A worker of another version is wanted, or a fresh one of the same. */
  | { readonly _tag: "Replace" }
  /** The worker that was started beside the present one is ready. */
  | { readonly _tag: "Succeeded"; readonly pid: number; readonly at: number }

/**
 * What the supervisor has to do after an event. `accompany`: start a successor beside the present worker. `retire`: ask
 * the former worker to drain. `dismiss`: end the successor, nobody wants it any more.
 */
export type ProcessAction = "spawn" | "wait" | "terminate" | "accompany" | "retire" | "dismiss" | "none"

export type Transition = { readonly state: ProcessState; readonly action: ProcessAction }

const stay = (state: ProcessState): Transition => ({ state, action: "none" })

const spawnFrom = (state: ProcessState, states: ReadonlyArray<ProcessState["_tag"]>): Transition =>
  states.includes(state._tag) ? { state, action: "spawn" } : stay(state)

const backOff = (failures: number, at: number, reason: string, random: number): Transition => ({
  state: { _tag: "BACKOFF", failures, reason, until: at + backoffDelay(restartBackoff, failures, random) },
  action: "wait",
})

const exited = (state: ProcessState, event: { at: number; reason: string }, random: number): Transition => {
  switch (state._tag) {
    case "STARTING":
      return backOff(state.failures + 1, event.at, event.reason, random)
    case "RUNNING": {
      const healthy = event.at - state.since >= restartBackoff.resetAfterMs
      return backOff(healthy ? 1 : state.failures + 1, event.at, event.reason, random)
    }
    case "STOPPING":
      return stay({ _tag: "STOPPED" })
    default:
      return stay(state)
  }
}

const stop = (state: ProcessState, at: number): Transition => {
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return { state: { _tag: "STOPPING", pid: state.pid, since: at }, action: "terminate" }
    case "BACKOFF":
    case "FATAL":
      return stay({ _tag: "STOPPED" })
    default:
      return stay(state)
  }
}

/** Beside a worker that runs; in its place when there is none: then there is nobody to protect. */
const replace = (state: ProcessState): Transition => {
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return { state, action: "accompany" }
    case "BACKOFF":
    case "FATAL":
      return { state: { _tag: "STOPPED" }, action: "spawn" }
    default:
      return { state, action: "dismiss" }
  }
}

const succeeded = (state: ProcessState, { at, pid }: { pid: number; at: number }): Transition => {
  const next: ProcessState = { _tag: "RUNNING", pid, since: at, failures: 0 }
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return { state: next, action: "retire" }
    case "BACKOFF":
    case "FATAL":
      return { state: next, action: "none" }
    default:
      return { state, action: "dismiss" }
  }
}

/**
 * The state machine of one worker slot: pure, so that each edge is tested without a process. Every unexpected exit
 * backs off (0.5 s to 60 s, anew after 60 s up), so a program that lives two seconds can't spin. `random` in [0, 1).
 */
export const transition = (state: ProcessState, event: ProcessEvent, random: number): Transition => {
  switch (event._tag) {
    case "Start":
      return spawnFrom(state, ["STOPPED", "FATAL"])
    case "Spawned":
      return stay({
        _tag: "STARTING",
        pid: event.pid,
        since: event.at,
        failures: state._tag === "BACKOFF" ? state.failures : 0,
      })
    case "SpawnFailed":
      return backOff(state._tag === "BACKOFF" ? state.failures + 1 : 1, event.at, event.reason, random)
    case "Ready":
      return state._tag === "STARTING" ? stay({ ...state, _tag: "RUNNING", since: event.at }) : stay(state)
    case "Exited":
      return exited(state, event, random)
    case "BackoffOver":
      return spawnFrom(state, ["BACKOFF"])
    case "Stop":
      return stop(state, event.at)
    case "Replace":
      return replace(state)
    case "Succeeded":
      return succeeded(state, event)
  }
}
