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
  /** Milliseconds left, never below 0; Infinity without a deadline. */
  remainingMs(): number
}

/**
 * Answers with a value or a promise of one. A thrown RpcError gives its code to the caller, anything else `internal`
 * with its message.
 */
export type Handler = (args: ReadonlyArray<unknown>, call: ServerCall) => unknown

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
  readonly methods: (name: string) => Handler | undefined
  readonly limits?: Partial<Limits>
  /** A reason to refuse the connection, told to the client before it is closed. */
  readonly accept?: (duplex: Duplex) => RpcError | undefined
  readonly onFault?: (fault: RpcFault) => void
}
