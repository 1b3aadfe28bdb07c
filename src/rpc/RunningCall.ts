import type { ErrorCode } from "../domain/ErrorCode.ts"
import type { Identity } from "../platform/Transport.ts"
import type { Request } from "../protocol/Messages.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now, Timed } from "./Deadlines.ts"
import type { ServerCall } from "./Handler.ts"

/** What a call needs of its connection. */
export interface CallHost {
  readonly remote: string
  readonly peer: Identity | undefined
  readonly client: string
  answerError(id: number, error: RpcError): void
}

/** A request whose handler was called. Exactly one answer leaves for it, whichever reason for one comes first. */
export class RunningCall extends Timed implements ServerCall {
  readonly id: number
  readonly arrivedAt: number
  answered = false
  readonly #host: CallHost
  readonly #request: Request
  #controller: AbortController | undefined
  #reason: RpcError | undefined

  constructor(host: CallHost, id: number, request: Request, arrivedAt: number) {
    super()
    this.#host = host
    this.id = id
    this.#request = request
    this.arrivedAt = arrivedAt
    this.dueAt = arrivedAt + request.deadlineMs
  }

  get method(): string {
    return this.#request.method
  }

  get meta(): Readonly<Record<string, unknown>> {
    return this.#request.meta
  }

  get remote(): string {
    return this.#host.remote
  }

  get peer(): Identity | undefined {
    return this.#host.peer
  }

  get client(): string {
    return this.#host.client
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  remainingMs(): number {
    return Math.max(0, this.dueAt - now())
  }

  override expire(): void {
    this.giveUp("deadline_exceeded", "The deadline passed while the call was running")
  }

  /** Answers with an error at once and tells the handler, which may go on until it notices. */
  giveUp(code: ErrorCode, message: string): void {
    if (this.answered) return
    this.answered = true
    this.#reason = new RpcError(code, message)
    this.#host.answerError(this.id, this.#reason)
    this.#controller?.abort(this.#reason)
  }
}
