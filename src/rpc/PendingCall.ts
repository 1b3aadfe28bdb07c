import { RpcError } from "../protocol/RpcError.ts"
import { deadlines, Timed } from "./Deadlines.ts"

export interface CallOptions {
  /** From now to the answer; Infinity for none. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Goes along with the request: `traceparent` and the like. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined
}

export interface PendingCallSetup {
  readonly id: number
  readonly method: string
  readonly options: CallOptions
  readonly resolve: (value: unknown) => void
  readonly reject: (error: RpcError) => void
}

/** A call that waits for its answer, its deadline or its caller's change of mind. */
export class PendingCall extends Timed {
  readonly id: number
  readonly method: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: RpcError) => void
  readonly #connection: { abandoned(id: number): void }
  readonly #timeoutMs: number
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: (() => void) | undefined

  constructor(connection: { abandoned(id: number): void }, setup: PendingCallSetup) {
    super()
    this.#connection = connection
    this.id = setup.id
    this.method = setup.method
    this.resolve = setup.resolve
    this.reject = setup.reject
    this.#timeoutMs = setup.options.timeoutMs
    this.#signal = setup.options.signal
    if (this.#signal === undefined) return
    this.#onAbort = () => this.#abandon(new RpcError("cancelled", "The caller cancelled", { executed: "maybe" }))
    this.#signal.addEventListener("abort", this.#onAbort)
  }

  override expire(): void {
    const message = `No answer to "${this.method}" within ${this.#timeoutMs} ms`
    this.#abandon(new RpcError("deadline_exceeded", message, { executed: "maybe" }))
  }

  /** Takes back what would wake the call up again. */
  over(): void {
    deadlines.remove(this)
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort)
  }

  #abandon(error: RpcError): void {
    this.over()
    this.#connection.abandoned(this.id)
    this.reject(error)
  }
}
