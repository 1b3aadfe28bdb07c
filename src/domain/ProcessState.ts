import { backoffDelay, restartBackoff } from "./Backoff.ts"
import type { RestartPolicy } from "./ProcessSpec.ts"

/** What an operator has set of how a process is started again. */
export type ProcessPolicy = {
  readonly restart: RestartPolicy
  /** Exit codes that count as a good end. */
  readonly successCodes: ReadonlyArray<number>
  /** It is up as soon as it is there: however soon it ends, that is no failed start. */
  readonly upAtOnce: boolean
  /** Failures in a row that are followed by another try; 0: any number. */
  readonly startRetries: number
  /** One that is FATAL is tried once more after so long; 0: never. */
  readonly fatalRetryMs: number
}

/** How its last runs ended, since one that lasted a minute. */
export type Past = {
  /** Bad ends in a row. */
  readonly failures: number
  /** Ends in a row, good ones too: by these the wait grows. */
  readonly ends: number
}

/** `adopted`: it was started by an agent before this one. */
type Alive = { readonly pid: number; readonly since: number; readonly adopted: boolean }

/** One that has failed, and is tried again at `until`. */
export type Failing = {
  readonly state: "BACKOFF" | "FATAL"
  readonly past: Past
  readonly until: number | null
  readonly reason: string
}

/** Supervisord's state names; each state carries only its own fields. Times are milliseconds of a monotonic clock. */
export type ProcessState =
  | { readonly _tag: "STOPPED" }
  /** `pid` null: it is being started right now. */
  | (Omit<Alive, "pid"> & { readonly _tag: "STARTING"; readonly pid: number | null; readonly past: Past })
  /** `ready`: new callers may be led to it. */
  | (Alive & { readonly _tag: "RUNNING"; readonly past: Past; readonly ready: boolean })
  | { readonly _tag: "BACKOFF"; readonly past: Past; readonly until: number; readonly reason: string }
  /** `next`: what follows on its end. */
  | (Alive & { readonly _tag: "STOPPING"; readonly next: "stop" | "start" })
  /** It ended by itself and stays down; `good`: by a code that says so. */
  | { readonly _tag: "EXITED"; readonly reason: string; readonly good: boolean }
  /** `until` null: until a person starts it. */
  | { readonly _tag: "FATAL"; readonly past: Past; readonly until: number | null; readonly reason: string }

/** How a process ended. `code` and `signal` null: nobody knows. `forced`: we had killed it for a reason. */
export type ProcessEnd = {
  readonly at: number
  readonly code: number | null
  readonly signal: string | null
  readonly forced: boolean
  readonly reason: string
}

export type ProcessEvent =
  | { readonly _tag: "Start"; readonly at: number }
  | { readonly _tag: "Spawned"; readonly pid: number; readonly at: number }
  | { readonly _tag: "SpawnFailed"; readonly at: number; readonly reason: string }
  /** It accepts calls, or has been up for long enough. `ready`: no probe has to say so too. */
  | { readonly _tag: "Up"; readonly at: number; readonly ready: boolean }
  /** What its readiness probe says of it now. */
  | { readonly _tag: "Probed"; readonly ready: boolean }
  /** It is alive and of no use any more: its liveness probe says so, or it is stuck. */
  | { readonly _tag: "Failing" }
  | (ProcessEnd & { readonly _tag: "Exited" })
  | { readonly _tag: "WaitOver"; readonly at: number }
  | { readonly _tag: "Stop"; readonly at: number }
  /** It is to end, and another is to be started then. */
  | { readonly _tag: "Restart"; readonly at: number }
  /** A process of another version is wanted, or a fresh one of the same. */
  | { readonly _tag: "Replace"; readonly at: number }
  /** The process that was started beside the present one is ready. */
  | { readonly _tag: "Succeeded"; readonly pid: number; readonly at: number }
  /** An agent before this one has started it, and it still runs. */
  | {
      readonly _tag: "Adopted"
      readonly pid: number
      readonly since: number
      readonly up: boolean
      readonly ready: boolean
      /** Undefined: nothing bad. */
      readonly past?: Past | undefined
    }
  /** Under an agent before this one it has ended, and was to stay down. */
  | { readonly _tag: "Recalled"; readonly reason: string; readonly good: boolean }
  /** Under an agent before this one it has failed. */
  | ({ readonly _tag: "Remembered" } & Failing)

/**
 * What the supervisor has to do after an event. `wait`: until the state's `until`. `kill`: it is of no use. `accompany`:
 * start a successor beside the present process. `postpone`: start it when the present process has ended. `retire`: ask
 * the former process to drain. `dismiss`: end the successor, nobody wants it any more.
 */
export type ProcessAction =
  | "spawn"
  | "wait"
  | "terminate"
  | "kill"
  | "accompany"
  | "postpone"
  | "retire"
  | "dismiss"
  | "none"

export type Transition = { readonly state: ProcessState; readonly action: ProcessAction }

const noPast: Past = { failures: 0, ends: 0 }

const stay = (state: ProcessState): Transition => ({ state, action: "none" })

const starting = (at: number, past: Past): Transition => ({
  state: { _tag: "STARTING", pid: null, since: at, past, adopted: false },
  action: "spawn",
})

type Fault = { readonly at: number; readonly reason: string }

/**
 * The wait is counted from `since`, when it came up: it keeps the starts of what keeps ending apart, and holds up nothing
 * that has run for longer than that.
 */
const backOff = (past: Past, { at, reason }: Fault, since: number, random: number): Transition => ({
  state: {
    _tag: "BACKOFF",
    past,
    reason,
    until: Math.max(at, since + backoffDelay(restartBackoff, past.ends, random)),
  },
  action: "wait",
})

type Failure = Fault & { readonly since: number }

const failed = (before: Past, { at, reason, since }: Failure, policy: ProcessPolicy, random: number): Transition => {
  const past = { failures: before.failures + 1, ends: before.ends + 1 }
  if (policy.startRetries === 0 || past.failures <= policy.startRetries)
    return backOff(past, { at, reason }, since, random)
  const until = policy.fatalRetryMs === 0 ? null : at + policy.fatalRetryMs
  return { state: { _tag: "FATAL", past, until, reason }, action: until === null ? "none" : "wait" }
}

const isGood = ({ code, forced, signal }: ProcessEnd, { successCodes }: ProcessPolicy) =>
  !forced && signal === null && code !== null && successCodes.includes(code)

const exited = (state: ProcessState, event: ProcessEnd, policy: ProcessPolicy, random: number): Transition => {
  const good = isGood(event, policy)
  const down = stay({ _tag: "EXITED", reason: event.reason, good })
  if (state._tag === "RUNNING" || (state._tag === "STARTING" && policy.upAtOnce)) {
    if (policy.restart === "never" || (policy.restart === "unexpected" && good)) return down
    const past = event.at - state.since >= restartBackoff.resetAfterMs ? noPast : state.past
    if (!good) return failed(past, { ...event, since: state.since }, policy, random)
    return backOff({ failures: 0, ends: past.ends + 1 }, event, state.since, random)
  }
  switch (state._tag) {
    case "STARTING":
      // Before it was up even a good code is a failed start: it has not done what it was started for.
      return policy.restart === "never" ? down : failed(state.past, { ...event, since: event.at }, policy, random)
    case "STOPPING":
      return state.next === "start" ? starting(event.at, noPast) : stay({ _tag: "STOPPED" })
    default:
      return stay(state)
  }
}

const stopping = ({ adopted, pid }: Omit<Alive, "since">, at: number, next: "stop" | "start"): Transition => ({
  state: { _tag: "STOPPING", pid, since: at, next, adopted },
  action: "terminate",
})

const stop = (state: ProcessState, at: number): Transition => {
  switch (state._tag) {
    case "STARTING":
      return state.pid === null ? stay({ _tag: "STOPPED" }) : stopping({ ...state, pid: state.pid }, at, "stop")
    case "RUNNING":
      return stopping(state, at, "stop")
    case "STOPPING":
      return state.next === "stop" ? stay(state) : stay({ ...state, next: "stop" })
    case "STOPPED":
      return stay(state)
    default:
      return stay({ _tag: "STOPPED" })
  }
}

const start = (state: ProcessState, at: number): Transition => {
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return stay(state)
    case "STOPPING":
      return state.next === "start" ? stay(state) : stay({ ...state, next: "start" })
    default:
      return starting(at, noPast)
  }
}

/** From whatever state but that of one that is stopped: it stays so. */
const restart = (state: ProcessState, at: number): Transition => {
  if (state._tag === "RUNNING") return stopping(state, at, "start")
  if (state._tag === "STARTING" && state.pid !== null) return stopping({ ...state, pid: state.pid }, at, "start")
  if (state._tag === "STOPPED" || (state._tag === "STOPPING" && state.next === "stop"))
    return { state, action: "dismiss" }
  return start(state, at)
}

/** Beside a process that runs; in its place when there is none: then there is nobody to protect. */
const replace = (state: ProcessState, at: number): Transition => {
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return { state, action: "accompany" }
    case "STOPPING":
      return { state, action: state.next === "start" ? "postpone" : "dismiss" }
    case "STOPPED":
      return { state, action: "dismiss" }
    default:
      return starting(at, noPast)
  }
}

const succeeded = (state: ProcessState, { at, pid }: { pid: number; at: number }): Transition => {
  const next: ProcessState = { _tag: "RUNNING", pid, since: at, past: noPast, ready: true, adopted: false }
  switch (state._tag) {
    case "STARTING":
    case "RUNNING":
      return { state: next, action: "retire" }
    case "STOPPED":
    case "STOPPING":
      return { state, action: "dismiss" }
    default:
      return { state: next, action: "none" }
  }
}

const spawned = (state: ProcessState, { at, pid }: { pid: number; at: number }): Transition => {
  if (state._tag === "STARTING" && state.pid === null) return stay({ ...state, pid, since: at })
  // It was stopped while it was being started: what has come of that must end too.
  return state._tag === "STOPPED" ? stopping({ pid, adopted: false }, at, "stop") : stay(state)
}

const up = (state: ProcessState, { at, ready }: { at: number; ready: boolean }): Transition =>
  state._tag === "STARTING" && state.pid !== null
    ? stay({ ...state, _tag: "RUNNING", pid: state.pid, since: at, ready })
    : stay(state)

const probed = (state: ProcessState, ready: boolean): Transition =>
  state._tag === "RUNNING" && state.ready !== ready ? stay({ ...state, ready }) : stay(state)

const failing = (state: ProcessState): Transition => {
  if (state._tag === "RUNNING") return { state: { ...state, ready: false }, action: "kill" }
  return state._tag === "STARTING" && state.pid !== null ? { state, action: "kill" } : stay(state)
}

const waitOver = (state: ProcessState, at: number): Transition =>
  state._tag === "BACKOFF" || (state._tag === "FATAL" && state.until !== null) ? starting(at, state.past) : stay(state)

const adopted = (state: ProcessState, event: Extract<ProcessEvent, { _tag: "Adopted" }>): Transition => {
  if (state._tag !== "STOPPED") return stay(state)
  const alive = { pid: event.pid, since: event.since, past: event.past ?? noPast, adopted: true }
  return stay(event.up ? { ...alive, _tag: "RUNNING", ready: event.ready } : { ...alive, _tag: "STARTING" })
}

const recalled = (state: ProcessState, { good, reason }: { good: boolean; reason: string }): Transition =>
  stay(state._tag === "STOPPED" ? { _tag: "EXITED", reason, good } : state)

const remembered = (state: ProcessState, { past, reason, state: before, until }: Failing): Transition => {
  if (state._tag !== "STOPPED") return stay(state)
  if (before === "FATAL")
    return { state: { _tag: before, past, until, reason }, action: until === null ? "none" : "wait" }
  return { state: { _tag: before, past, until: until ?? 0, reason }, action: "wait" }
}

type Edges = {
  readonly [Tag in ProcessEvent["_tag"]]: (
    state: ProcessState,
    event: Extract<ProcessEvent, { readonly _tag: Tag }>,
    policy: ProcessPolicy,
    random: number,
  ) => Transition
}

const edges: Edges = {
  Start: (state, { at }) => start(state, at),
  Spawned: spawned,
  SpawnFailed: (state, event, policy, random) =>
    state._tag === "STARTING" ? failed(state.past, { ...event, since: event.at }, policy, random) : stay(state),
  Up: up,
  Probed: (state, { ready }) => probed(state, ready),
  Failing: failing,
  Exited: exited,
  WaitOver: (state, { at }) => waitOver(state, at),
  Stop: (state, { at }) => stop(state, at),
  Restart: (state, { at }) => restart(state, at),
  Replace: (state, { at }) => replace(state, at),
  Succeeded: succeeded,
  Adopted: adopted,
  Recalled: recalled,
  Remembered: remembered,
}

/**
 * The state machine of one process: pure, so that each edge is tested without one. Every unexpected end backs off (0.5 s
 * to 60 s, anew after 60 s up), and so does a good one of a process that is always started again, so a program that
 * lives two seconds can't spin. `random` in [0, 1).
 */
export const transition = <Tag extends ProcessEvent["_tag"]>(
  state: ProcessState,
  event: Extract<ProcessEvent, { readonly _tag: Tag }>,
  policy: ProcessPolicy,
  random: number,
): Transition => edges[event._tag as Tag](state, event, policy, random)
