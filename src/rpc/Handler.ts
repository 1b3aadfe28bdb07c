import type { ErrorCode } from "../domain/ErrorCode.ts"
import type { Duplex, Identity } from "../platform/Transport.ts"
import type { Limits } from "../protocol/Limits.ts"
import type { RpcError } from "../protocol/RpcError.ts"

/** What a handler may know of the call it answers. */
export interface ServerCall {
  readonly method: string
  readonly peer: Identity | undefined
  /** `ip:port`, or `unix`. */
  readonly remote: string
  /** What the client called itself in HELLO. */
  readonly client: string
  /** The request's own map: `traceparent` and whatever else the caller sent. */
  readonly meta: Readonly<Record<string, unknown>>
  /** Aborted when the caller cancels, its deadline passes or its connection is lost. Made when first asked for. */
  readonly signal: AbortSignal
  /** The caller asked for a stream of items. */
  readonly isStream: boolean
  /** Whatever the handler's side keeps with the call; the server doesn't look at it. */
  context?: unknown
  /** Milliseconds left, never below 0; Infinity without a deadline. */
  remainingMs(): number
}

/**
 * Answers with a value or a promise of one; an async iterable, when the caller asked for a stream. A thrown RpcError gives its code to the caller, anything else `internal`
 * with its message.
 */
export type Handler = (args: ReadonlyArray<unknown>, call: ServerCall) => unknown

/** One method of a server, and what the server keeps for it. Made by `serverMethod`. */
export interface ServerMethod {
  /** `function` or `Class.method`. */
  readonly name: string
  readonly handle: Handler
  /** Calls of it that run at once; more are refused with `resource_exhausted`, not executed. */
  readonly concurrencyMax: number
  /** Answers streams only: a call for one answer is refused without being run. */
  readonly streams: boolean
  /** Calls of it that run now. The server's own. */
  running: number
  /** How long its calls have taken lately. The server's own. */
  usualMs: number
  /** Hears of each answer; undefined: nobody counts. */
  readonly meter: MethodMeter | undefined
}

/** Counts the answers of one method. Called on the path of each call: no allocation, no clock of its own. */
export interface MethodMeter {
  /** `micros`: from the arrival of the request to its answer. `code` undefined: a result. */
  record(micros: number, code: ErrorCode | undefined): void
}

/** Where method and arguments stand in the bytes that hold them. */
export type GuardedCall = { readonly method: string; readonly start: number; readonly end: number }

/**
 * Looks at each request between its decoding and its handler, by the bytes of method and arguments, which are the same
 * when the same call is made again. For the journal of calls in flight, from which a call that kills workers is known.
 */
export interface CallGuard {
  /** A connection is about to make its first call; answers the number by which its calls name it. 0: it has none. */
  enter(remote: string): number
  /** It has gone, and none of its calls runs any more: another one may have its number. */
  leave(caller: number): void
  /** What stands in the way of the call, else the number of the place that it takes in the journal. */
  begin(call: GuardedCall, bytes: Uint8Array, caller: number): number | RpcError
  /** The handler has settled. */
  end(place: number): void
}

export const serverMethod = (
  name: string,
  handle: Handler,
  options: {
    readonly concurrencyMax?: number
    readonly meter?: MethodMeter | undefined
    /** Default: whether the handler itself is written as `async function*`. */
    readonly streams?: boolean
  } = {},
): ServerMethod => ({
  name,
  handle,
  concurrencyMax: options.concurrencyMax ?? Infinity,
  streams: options.streams ?? Object.prototype.toString.call(handle) === "[object AsyncGeneratorFunction]",
  running: 0,
  usualMs: 0,
  meter: options.meter,
})

/** The lookup of a table of methods that stays. */
export const methodsOf = (
  handlers: Readonly<Record<string, Handler>> | ReadonlyMap<string, Handler>,
): ((name: string) => ServerMethod | undefined) => {
  const entries = handlers instanceof Map ? [...(handlers as ReadonlyMap<string, Handler>)] : Object.entries(handlers)
  const table = new Map(entries.map(([name, handle]) => [name, serverMethod(name, handle)]))
  return (name) => table.get(name)
}

export interface RpcFault {
  readonly kind: "handler" | "protocol" | "refused"
  readonly remote: string
  readonly method?: string
  readonly error: unknown
}

export interface RpcServerOptions {
  readonly service: string
  readonly worker: { readonly id: number; readonly count: number }
  /** The name comes with `::` turned into `.`. `ping` is answered by the server itself. */
  readonly methods: (name: string) => ServerMethod | undefined
  readonly limits?: Partial<Limits>
  readonly guard?: CallGuard | undefined
  /** Methods that may be called twice without harm, told to each client. */
  readonly idempotent?: ReadonlyArray<string>
  /** Calls that take longer are told to `onSlow`; streams are not. 0: none. */
  readonly slowCallMs?: number
  readonly onSlow?: (call: ServerCall, ms: number) => void
  /** A reason to refuse the connection, told to the client before it is closed. */
  readonly accept?: (duplex: Duplex) => RpcError | undefined
  readonly onFault?: (fault: RpcFault) => void
  /** Clients of the predecessor are answered too, on connections without TLS. Default: no. */
  readonly legacy?: boolean
}
