import { RpcError } from "../protocol/RpcError.ts"

/** Which call failed, and where; `endpoint` is undefined when none was reached. */
export interface CallPlace {
  readonly service: string
  readonly method: string
  readonly endpoint: string | undefined
}

/** What a call rejects with: the reason's code, whether the method may have run, and where it happened. */
export class CallError extends RpcError {
  readonly service: string
  readonly method: string
  readonly endpoint: string | undefined

  constructor(reason: RpcError, { endpoint, method, service }: CallPlace) {
    const at = endpoint === undefined ? "" : ` at ${endpoint}`
    super(reason.code, `${service} ${method}${at}: ${reason.message}`, {
      executed: reason.executed,
      details: reason.details,
      cause: reason,
    })
    this.service = service
    this.method = method
    this.endpoint = endpoint
  }
}

/** An error of ours as it is; anything else as `internal`, not to be taken for safe to repeat. */
export const asRpcError = (error: unknown): RpcError =>
  error instanceof RpcError
    ? error
    : new RpcError("internal", error instanceof Error ? error.message : String(error), {
        executed: "maybe",
        cause: error,
      })
