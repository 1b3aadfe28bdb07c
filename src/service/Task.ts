import type { TaskOptions } from "../protocol/TaskOptions.ts"
import { currentHost } from "./Host.ts"
import { Context, type WorkContext } from "./WorkContext.ts"

/** What the run of a task may know of itself, and do on its behalf. */
export interface TaskContext extends WorkContext {
  /** The same at each attempt. */
  readonly id: string
  /** The name under which the module exports it. */
  readonly name: string
  /** From 1. A task runs at least once: what was begun before may have been done in part. */
  readonly attempt: number
}

/** A task as a module exports it: `export const tasks = { resize: async (payload, ctx) => … }`. */
export type TaskHandler = (payload: never, ctx: TaskContext) => unknown

interface TaskRun {
  readonly id: string
  readonly task: string
  readonly attempt: number
  readonly traceparent?: string
}

export class RunningTask extends Context implements TaskContext {
  readonly id: string
  readonly name: string
  readonly attempt: number

  constructor(run: TaskRun, signal: AbortSignal, remainingMs: () => number) {
    super({ signal, traceparent: run.traceparent, remainingMs })
    this.id = run.id
    this.name = run.task
    this.attempt = run.attempt
  }
}

/**
 * Queues a task of this service, outside of a call. Answers its id when it is on the disk: from then on it runs at least
 * once, in a task worker. Rejects with an RpcError: `resource_exhausted` when the queue is full, `failed_precondition`
 * when the module exports no such task.
 */
export const task = async (name: string, payload: unknown, options: TaskOptions = {}): Promise<string> =>
  await currentHost().queueTask(name, payload, options, {})
