import type { ServerCall } from "../rpc/Handler.ts"
import { Context, type WorkContext } from "./WorkContext.ts"

export interface ServiceCaller {
  /** What the caller calls itself. Nobody has checked it. */
  readonly name: string
  /** The common name in the caller's certificate; undefined on a port without TLS. */
  readonly certificate: string | undefined
  /** `ip:port`. */
  readonly remote: string
}

/** What a handler may know of its call, and do on its behalf. */
export interface CallContext extends WorkContext {
  /** `function` or `Class.method`. */
  readonly method: string
  readonly caller: ServiceCaller
}

class RunningContext extends Context implements CallContext {
  readonly #call: ServerCall

  constructor(call: ServerCall) {
    super({
      get signal() {
        return call.signal
      },
      traceparent: call.meta["traceparent"],
      remainingMs: () => call.remainingMs(),
    })
    this.#call = call
  }

  get method(): string {
    return this.#call.method
  }

  get caller(): ServiceCaller {
    const { client, peer, remote } = this.#call
    return { name: client, certificate: peer?.commonName, remote }
  }
}

type Invoked = (...args: ReadonlyArray<unknown>) => unknown

let running: ServerCall | undefined

/** Runs a function of the module; while it has not awaited anything, `context` gives the context of `call`. */
export const runWithin = (call: ServerCall, run: Invoked, owner: unknown, args: ReadonlyArray<unknown>): unknown => {
  const outer = running
  running = call
  try {
    return run.apply(owner, args as Array<unknown>)
  } finally {
    running = outer
  }
}

/** The context of a call that is known: one for each call, whoever asks. */
export const contextOf = (call: ServerCall): CallContext =>
  (call.context ??= new RunningContext(call)) as RunningContext

/**
 * The context of the call that a handler answers. To be asked for before its first `await`: later the process may be
 * busy with another call. What it gives stays good for the whole call.
 */
export const context = (): CallContext => {
  if (running !== undefined) return contextOf(running)
  throw new Error(
    "context() was asked for outside of a call, or after an await. Ask at the top of the handler " +
      "(const ctx = context()), and use what it gave from then on",
  )
}
