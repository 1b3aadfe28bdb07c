import type { ErrorCode, Executed } from "../domain/ErrorCode.ts"

export interface RpcErrorOptions {
  /** Default `yes`: whoever throws inside a handler has begun. */
  readonly executed?: Executed
  /** Anything that CBOR of muster/1 can carry, for the caller's program rather than for its reader. */
  readonly details?: unknown
  readonly cause?: unknown
}

/** What a call fails with, on both sides. `executed` tells whether it is safe to call again elsewhere. */
export class RpcError extends Error {
  override readonly name = "RpcError"
  readonly code: ErrorCode
  readonly executed: Executed
  readonly details: unknown

  constructor(code: ErrorCode, message: string, options?: RpcErrorOptions) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.executed = options?.executed ?? "yes"
    this.details = options?.details ?? null
  }
}
