import type { WorkerKey, WorkerOrders, WorkerReady, WorkerReport } from "../protocol/WorkerLink.ts"

export interface DrainOptions {
  readonly timeoutMs: number
  /** Another worker accepts on the same socket by now: whoever comes is its guest. */
  readonly isSucceeded: boolean
}

/** What a worker process is for: to answer calls, or to run queued tasks. */
export interface Duty {
  /** What it tells its agent when it is ready. */
  readonly offers: Omit<WorkerReady, keyof WorkerKey>
  /** The same with what it does now: what it tells the next agent. */
  greeting(): Omit<WorkerReady, keyof WorkerKey>
  /** From here on it can be given work. */
  begin(): Promise<void>
  /** The agent knows that it is ready. */
  start(): void
  /** How it does, each second. */
  report(): Omit<WorkerReport, keyof WorkerKey>
  /** What the agent says; again whenever it has changed. */
  obey(orders: WorkerOrders): void
  /** Takes nothing more, and returns when what runs is done, or the time is up. */
  drain(options: DrainOptions): Promise<void>
}
