import type { TaskOptions } from "../protocol/TaskOptions.ts"

export type LogLevel = "debug" | "info" | "warn" | "error"

/** What a line of the log says beside its message. */
export type LogFields = Readonly<Record<string, unknown>>

/** The work on whose behalf a task is queued; empty outside of any. */
export type Queueing = {
  readonly traceparent?: string
  /** How long it may take, in milliseconds. */
  readonly withinMs?: number
}

/** What the process that a module runs in does for it. */
export interface ServiceHost {
  /** The service that the module is. */
  readonly service: string
  log(level: LogLevel, message: string, fields: LogFields): void
  /** Rejects with an RpcError. Answers the task's id when it is on the disk. */
  queueTask(task: string, payload: unknown, options: TaskOptions, of: Queueing): Promise<string>
}

let host: ServiceHost | undefined

/** Says where the module runs; the worker does it before it loads the module. */
export const setHost = (here: ServiceHost): void => {
  host = here
}

export const currentHost = (): ServiceHost => {
  if (host === undefined) throw new Error("muster/service is used outside of a worker: start the module as a service")
  return host
}
