import type { ErrorCode } from "../domain/ErrorCode.ts"
import type { Identity } from "../platform/Transport.ts"
import type { Request } from "../protocol/Messages.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now, Timed } from "./Deadlines.ts"
import type { ServerCall, ServerMethod } from "./Handler.ts"
import type { ServerStream } from "./ServerStream.ts"

/** What a call needs of its connection. */
export interface CallHost {
  readonly remote: string
  readonly peer: Identity | undefined
  readonly client: string
  /** The call is answered by this error before its handler is done. */
  gaveUp(call: RunningCall, error: RpcError): void
}

export interface CallSetup {
  readonly request: Request
  readonly arrivedAt: number
  readonly entry: ServerMethod
}

/** A request whose handler is called. Exactly one answer leaves for it, whichever reason for one comes first. */
export class RunningCall extends Timed implements ServerCall {
  /** 0: nobody waits for an answer. */
  readonly id: number
  readonly arrivedAt: number
  readonly entry: ServerMethod
  answered = false
  /** Its place in the journal of the guard. */
  place = 0
  /** Its items, when the caller asked for a stream. */
  stream: ServerStream | undefined
  context: unknown
  readonly #host: CallHost
  readonly #request: Request
  #controller: AbortController | undefined
  #reason: RpcError | undefined

  constructor(host: CallHost, id: number, setup: CallSetup) {
    super()
    const { arrivedAt, entry, request } = setup
    this.#host = host
    this.id = id
    this.#request = request
    this.entry = entry
    this.arrivedAt = arrivedAt
    this.dueAt = arrivedAt + request.deadlineMs
  }

  get method(): string {
    return this.#request.method
  }

  get meta(): Readonly<Record<string, unknown>> {
    return this.#request.meta
  }

  get isStream(): boolean {
    return this.stream !== undefined
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
    this.#host.gaveUp(this, this.#reason)
    this.#controller?.abort(this.#reason)
    this.stream?.stop()
  }
}
