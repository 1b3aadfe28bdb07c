import type { Caller } from "../client/Client.ts"
import type { TaskOptions } from "../protocol/TaskOptions.ts"
import { currentHost, type LogFields, type LogLevel } from "./Host.ts"
import { clientOf } from "./Peers.ts"
import { type Trace, traceBelow } from "./Trace.ts"

/** Lines for the service's log, with the time, the process and the trace. `fields`: what a program may want to find. */
export interface Log {
  /** Only written when MUSTER_LOG_LEVEL is `debug` in the environment of the service. */
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** What a call and a task have in common. */
export interface WorkContext {
  /** The service that this module is. */
  readonly service: string
  /** Aborted when there is nobody any more who waits for the result, or the time is over. */
  readonly signal: AbortSignal
  readonly trace: Trace
  readonly log: Log
  /** Milliseconds that are left, never below 0; Infinity without a deadline. */
  remainingMs(): number
  /** Calls another service with the time that is left; cancelling this call cancels that one. Rejects with a CallError. */
  call<Result = unknown>(service: string, method: string, ...args: ReadonlyArray<unknown>): Promise<Result>
  /** The same for a method that answers with a stream: its items as they come. */
  stream<Item = unknown>(service: string, method: string, ...args: ReadonlyArray<unknown>): AsyncIterableIterator<Item>
  /** The same for a call whose answer nobody waits for. Resolves when it is sent. */
  send(service: string, method: string, ...args: ReadonlyArray<unknown>): Promise<void>
  /** Queues a task of this service. Answers its id when it is on the disk. */
  task(name: string, payload: unknown, options?: TaskOptions): Promise<string>
}

/** What only the call or the task itself knows. */
interface Work {
  readonly signal: AbortSignal
  readonly traceparent: unknown
  remainingMs(): number
}

/** Made when a handler asks for it, so that the others pay nothing. */
export abstract class Context implements WorkContext {
  readonly service = currentHost().service
  readonly #work: Work
  #trace: Trace | undefined
  #log: Log | undefined

  constructor(work: Work) {
    this.#work = work
  }

  get signal(): AbortSignal {
    return this.#work.signal
  }

  get trace(): Trace {
    return (this.#trace ??= traceBelow(this.#work.traceparent))
  }

  get log(): Log {
    return (this.#log ??= logOf(this.trace.traceId))
  }

  remainingMs(): number {
    return this.#work.remainingMs()
  }

  async call<Result = unknown>(service: string, method: string, ...args: ReadonlyArray<unknown>): Promise<Result> {
    return await this.#peer(service).call<Result>(method, ...args)
  }

  stream<Item = unknown>(
    service: string,
    method: string,
    ...args: ReadonlyArray<unknown>
  ): AsyncIterableIterator<Item> {
    return this.#peer(service).stream<Item>(method, ...args)
  }

  async send(service: string, method: string, ...args: ReadonlyArray<unknown>): Promise<void> {
    await this.#peer(service).send(method, ...args)
  }

  async task(name: string, payload: unknown, options: TaskOptions = {}): Promise<string> {
    const { traceparent } = this.trace
    return await currentHost().queueTask(name, payload, options, { traceparent, withinMs: this.remainingMs() })
  }

  /** The service, for calls on behalf of this work: with its time, its end and its trace. */
  #peer(service: string): Caller {
    const leftMs = this.remainingMs()
    return clientOf(service, this.service).with({
      timeoutMs: leftMs === Infinity ? undefined : leftMs,
      signal: this.signal,
      meta: { traceparent: this.trace.traceparent },
    })
  }
}

const logOf = (trace: string): Log => {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) =>
    currentHost().log(level, message, { trace, ...fields })
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") }
}
