import type { Problem } from "./Problem.ts"

/* The queued work of a service, as a page shows it. Times are milliseconds since 1970. */

export type TaskCounts = { readonly waiting: number; readonly running: number; readonly dead: number }

/** A task that failed in all of its runs: it stays until somebody queues it again, or throws it away. */
export type DeadLetter = {
  readonly nodeId: string
  readonly nodeName: string
  readonly id: string
  readonly task: string
  readonly attempts: number
  readonly attemptsMax: number
  /** JSON, cut at 4 KiB. */
  readonly payload: string
  readonly queuedAt: number
  readonly error: string | null
}

export type TasksView = {
  /** False: no node has been asked yet. */
  readonly known: boolean
  readonly counts: TaskCounts
  readonly nodes: ReadonlyArray<{ readonly nodeName: string; readonly name: string; readonly counts: TaskCounts }>
  readonly silent: ReadonlyArray<{ readonly nodeName: string; readonly problem: Problem }>
  readonly letters: ReadonlyArray<DeadLetter>
  /** Dead letters that are not among these. */
  readonly more: number
}

/** Dead letters of one node that a page shows. */
export const lettersShownMax = 100
