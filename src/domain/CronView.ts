import type { CronTask } from "./Cron.ts"
import type { Problem } from "./Problem.ts"

/** What pages, the API and the command line show of cron tasks. Times are milliseconds since 1970; null: not known, or never. */
export type CronRunState = "running" | "ok" | "failed" | "timeout" | "stopped" | "skipped" | "lost"

export type CronRunView = {
  readonly id: string
  readonly nodeId: string
  readonly nodeName: string
  readonly cause: "schedule" | "missed" | "retry" | "manual"
  readonly dueAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly state: CronRunState
  readonly attempt: number
  readonly exitCode: number | null
  readonly signal: string | null
  readonly reason: string | null
  readonly by: string | null
  readonly outputBytes: number
}

/**
 * Whether the task is where it should be. `sending`: its node gets it now. `away`: the node has an older version of it, or
 * none, until it is back. `waiting`: the node that had it before has not let go of it. `refused`: the node does not take it.
 */
export type CronPlace =
  | { readonly state: "here" | "sending" | "away" | "no-node" }
  | { readonly state: "waiting"; readonly nodeName: string; readonly connected: boolean }
  | { readonly state: "refused"; readonly problem: Problem }

export type CronTaskView = CronTask & {
  readonly revision: number
  readonly node: {
    readonly ip: string
    /** null: no node with this address has joined. */
    readonly id: string | null
    readonly name: string | null
    readonly connected: boolean
  }
  readonly place: CronPlace
  readonly nextAt: number | null
  readonly running: number
  readonly last: CronRunView | null
  /** The service that it calls is not there, or does not push its list to the node. */
  readonly lacks: null | {
    readonly what: "service" | "client"
    readonly service: string
    readonly serviceId: string | null
  }
  readonly createdAt: number
  readonly createdBy: string
  readonly modifiedAt: number
  readonly modifiedBy: string
}

/** A page of a task's history: what runs now comes first, on the first page only. */
export type CronRunsView = {
  readonly runs: ReadonlyArray<CronRunView>
  /** Runs that have ended, on all pages. */
  readonly total: number
  /** There are older ones. */
  readonly more: boolean
}

export type CronOutputView = { readonly head: string; readonly tail: string; readonly omitted: number }

/** When it ended after it began; of a run that goes on, so far. */
export const runMs = ({ endedAt, startedAt }: Pick<CronRunView, "endedAt" | "startedAt">, now: number): number | null =>
  startedAt === null ? null : (endedAt ?? now) - startedAt

/** When it began, or was due if it never did. */
export const runAt = ({ dueAt, startedAt }: Pick<CronRunView, "dueAt" | "startedAt">): number => startedAt ?? dueAt
