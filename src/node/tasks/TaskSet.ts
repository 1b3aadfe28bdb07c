import type { Deferred } from "effect"
import type { RpcSettings } from "../../domain/RpcSettings.ts"
import type { TaskToRun } from "../../protocol/WorkerLink.ts"

/** What the queue of a process set must know of its settings. */
export type TaskSettings = Pick<RpcSettings, "taskWorkers" | "taskQueueMax" | "taskTimeoutMs" | "taskAttemptsMax">

/** A task that a worker has taken. */
export type Running = {
  readonly id: string
  readonly pid: number
  /** From 1. */
  readonly attempt: number
  readonly attemptsMax: number
  readonly task: string
  /** Monotonic milliseconds: its worker should have said something by then. */
  overdueAt: number
  /** What became of it is being written. */
  ending: boolean
}

/** A task worker that waits for a task. */
export type Waiter = {
  readonly pid: number
  /** Null: it leaves. */
  readonly answer: Deferred.Deferred<TaskToRun | null>
  handed: Running | undefined
}

/** StatsSnapshot's names. */
export type TaskCounts = {
  readonly tasking_num: number
  readonly task_queue_num: number
  readonly task_dead_num: number
}

/** What is kept in memory of one process set's queue; the tasks themselves are in the file. */
export class TaskSet {
  name: string
  /** Undefined: the node does not run the process set. */
  settings: TaskSettings | undefined
  /** Waiting ones in the file; those that run are among them. */
  stored = 0
  /** Tasks that are being written. */
  arriving = 0
  dead = 0
  readonly running = new Map<string, Running>()
  readonly waiters = new Set<Waiter>()
  /** Pids of task workers of an agent before this one that have yet to say what they run. */
  readonly awaited = new Set<number>()
  /** Its turn to be looked at comes. */
  poked = false

  constructor(name: string) {
    this.name = name
  }

  get waiting(): number {
    return this.stored - this.running.size
  }

  /** How many more may be queued. */
  room(max: number): number {
    return Math.max(0, max - this.waiting - this.arriving)
  }

  get counts(): TaskCounts {
    return { tasking_num: this.running.size, task_queue_num: this.waiting, task_dead_num: this.dead }
  }

  get isEmpty(): boolean {
    return this.stored + this.arriving + this.dead === 0
  }

  firstOverdue(): number {
    let first = Infinity
    for (const { ending, overdueAt } of this.running.values()) if (!ending) first = Math.min(first, overdueAt)
    return first
  }
}
