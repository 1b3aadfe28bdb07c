import type { ErrorCode } from "../../domain/ErrorCode.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { httpStatus } from "./HttpStatus.ts"

export interface RefusalOptions {
  /** Where HTTP has a better word than the code's own status. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** The gateway's own no: nothing was sent to any service. */
export class Refusal extends RpcError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, { headers = {}, status = httpStatus[code] }: RefusalOptions = {}) {
    super(code, message, { executed: "no" })
    this.status = status
    this.headers = headers
  }
}
