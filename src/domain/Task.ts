import { backoffDelay, type BackoffPolicy } from "./Backoff.ts"

/** Runs of a task after one that failed. */
export const taskBackoff: BackoffPolicy = { baseMs: 1_000, capMs: 300_000, resetAfterMs: 0 }

/** Dead letters that a process set keeps; the oldest goes for a newer one. */
export const deadTasksMax = 10_000

/**
 * Bytes that the tasks of a node take, of all its process sets together: the disk that they would fill is also the one
 * that its lists are written to. No more are queued then.
 */
export const taskBytesMax = 1024 * 1024 * 1024

/** Tasks of a process set that was taken from the node are kept so long, in case it comes back. */
export const removedSetKeptMs = 7 * 24 * 3_600_000

/** The worker ends a run that takes too long; when it has said nothing for so long after that, the agent does. */
export const taskGraceMs = 5_000

/** A task is not put off for longer. */
export const taskDelayMaxMs = 366 * 24 * 3_600_000

/**
 * How a run ended that did not end well. `failed`: the handler threw, or its time was over. `crashed`: its worker died.
 * `silent`: its worker said nothing in time.
 */
export type TaskFailure = "failed" | "crashed" | "silent"

export type AfterFailure = { readonly next: "again"; readonly afterMs: number } | { readonly next: "dead" }

/**
 * What follows when run `attempt` (from 1) of at most `attemptsMax` did not end well. A task whose worker died goes back
 * at once: the worker was ended by something else more often than by the task. `random` is in [0, 1).
 */
export const afterFailure = (
  run: { readonly attempt: number; readonly attemptsMax: number },
  failure: TaskFailure,
  random: number,
): AfterFailure => {
  if (run.attempt >= run.attemptsMax) return { next: "dead" }
  return { next: "again", afterMs: failure === "crashed" ? 0 : backoffDelay(taskBackoff, run.attempt, random) }
}
