import type { Problem } from "../../domain/Problem.ts"
import { processProblem } from "../../domain/Problem.ts"
import { countOf, type Desired, type ProcessSpec, startTimeoutOf } from "../../domain/ProcessSpec.ts"
import type { ProcessStatus, WorkerStatus } from "../../protocol/NodeManager.ts"
import type { SessionState } from "./NodeSession.ts"

/** What a process set on a node is to come to. */
export type Goal = {
  readonly revision: number
  readonly desired: Desired
  readonly spec: ProcessSpec
}

export type Verdict = {
  readonly state: "done" | "failed" | "kept" | "pending"
  readonly problem: Problem | null
  /** The node's own word, which its status may not have told yet. */
  readonly counted?: { readonly ready: number; readonly total: number }
}

const done: Verdict = { state: "done", problem: null }

/** For the process table, the program and the way; on top of what the spec grants. */
const spareMs = 10_000
/** A set that waits for others may do so for ever: after so long its waiting is the answer. */
export const dependencyMs = 5_000

const allOf = (status: ProcessStatus): ReadonlyArray<WorkerStatus> => [...status.workers, ...status.taskWorkers]

/** A program that was to end, and ended well. */
const endedWell = ({ spec }: Goal, { reason, state }: WorkerStatus): boolean => {
  if (state !== "EXITED") return false
  const code = /^exited with code (\d+)$/.exec(reason ?? "")?.[1]
  return reason === null || (code !== undefined && spec.successCodes.includes(Number(code)))
}

const isUp = (goal: Goal, worker: WorkerStatus) =>
  (worker.state === "RUNNING" && worker.ready) || (goal.spec.restart !== "always" && endedWell(goal, worker))

const failure = (goal: Goal, status: ProcessStatus): Verdict | undefined => {
  const wrong = allOf(status).find(
    (worker) =>
      worker.state === "FATAL" ||
      (worker.state === "BACKOFF" && worker.reason !== null) ||
      (worker.state === "EXITED" && !endedWell(goal, worker)),
  )
  if (wrong === undefined) return undefined
  const reason = wrong.reason ?? status.reason
  return {
    state: "failed",
    problem: reason === null ? { _tag: "InState", state: wrong.state } : processProblem(reason),
  }
}

const whenRunning = (goal: Goal, status: ProcessStatus, cpus: number): Verdict | undefined => {
  const failed = failure(goal, status)
  if (failed !== undefined) return failed
  const count = countOf(goal.spec)
  if (status.workers.length !== (count === 0 ? cpus : count)) return undefined
  return allOf(status).every((worker) => isUp(goal, worker)) ? done : undefined
}

/** What came of it; undefined: not known yet. */
export const judge = (session: SessionState, status: ProcessStatus | undefined, goal: Goal): Verdict | undefined => {
  if (session.link === undefined) return { state: "kept", problem: session.problem ?? { _tag: "NotReachedYet" } }
  if (session.processesProblem !== null) return { state: "failed", problem: session.processesProblem.problem }
  if (status?.specRevision !== goal.revision || status.desired !== goal.desired) return undefined
  if (goal.desired === "stopped") return allOf(status).every(({ pid }) => pid === null) ? done : undefined
  return whenRunning(goal, status, session.status?.cpus ?? 1)
}

/** When there was no verdict in time: what it still waits for. */
export const unfinished = (status: ProcessStatus | undefined): Verdict => {
  if (status === undefined) return { state: "pending", problem: { _tag: "NothingThere" } }
  if (status.waitingFor !== null) return { state: "pending", problem: { _tag: "WaitsFor", what: status.waitingFor } }
  const alive = allOf(status).flatMap(({ pid, state }) => (state === "STOPPING" && pid !== null ? [pid] : []))
  if (alive.length > 0) return { state: "pending", problem: { _tag: "StillStopping", pids: alive } }
  const unready = status.workers.filter(({ ready, state }) => state === "RUNNING" && !ready).length
  if (unready > 0) return { state: "pending", problem: { _tag: "SomeNotReady", unready, of: status.workers.length } }
  return { state: "pending", problem: { _tag: "InState", state: status.state } }
}

/** How long a verdict is waited for. */
export const patienceOf = ({ desired, spec }: Goal): number =>
  spareMs + (desired === "stopped" ? spec.drainTimeoutMs : startTimeoutOf(spec) + spec.drainTimeoutMs)

/** For all processes of a set one after the other, and no longer than a day. */
export const patienceFor = (spec: ProcessSpec, processes: number): number =>
  Math.min(24 * 3_600_000, Math.max(1, processes) * (startTimeoutOf(spec) + spec.drainTimeoutMs + spareMs))
