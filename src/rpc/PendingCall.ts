import type { ErrorCode } from "../domain/ErrorCode.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { deadlines, Timed } from "./Deadlines.ts"

export interface CallOptions {
  /** From now to the answer; Infinity for none. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Goes along with the request: `traceparent` and the like. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined
}

/** What a call asks of its connection. */
export interface CallOwner {
  /** The sent call of this id ended by itself, and waits for nothing more. */
  abandoned(id: number): void
}

/** A call that waits for its final frame, its deadline or its caller's change of mind. */
export abstract class OpenCall extends Timed {
  readonly method: string
  /** 0: not sent yet. */
  id = 0
  readonly #owner: CallOwner
  readonly #timeoutMs: number
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: (() => void) | undefined

  constructor(owner: CallOwner, method: string, options: CallOptions) {
    super()
    this.#owner = owner
    this.method = method
    this.#timeoutMs = options.timeoutMs
    this.#signal = options.signal
    if (this.#signal === undefined) return
    this.#onAbort = () => this.abandon("cancelled", "The caller cancelled")
    this.#signal.addEventListener("abort", this.#onAbort)
  }

  /** RESPONSE came. */
  abstract resolve(value: unknown): void
  abstract reject(error: RpcError): void

  override expire(): void {
    this.abandon("deadline_exceeded", `No answer to "${this.method}" within ${Math.round(this.#timeoutMs)} ms`)
  }

  /** Takes back what would wake the call up again. */
  over(): void {
    deadlines.remove(this)
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort)
  }

  /** Waits for nothing more; the server is told. */
  protected leave(): void {
    this.over()
    if (this.id !== 0) this.#owner.abandoned(this.id)
  }

  protected abandon(code: ErrorCode, message: string): void {
    this.leave()
    this.reject(new RpcError(code, message, { executed: this.id === 0 ? "no" : "maybe" }))
  }
}

/** A call with one answer. */
export class PendingCall extends OpenCall {
  readonly promise: Promise<unknown>
  #resolve: (value: unknown) => void = ignore
  #reject: (error: RpcError) => void = ignore

  constructor(owner: CallOwner, method: string, options: CallOptions) {
    super(owner, method, options)
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  override resolve(value: unknown): void {
    this.#resolve(value)
  }

  override reject(error: RpcError): void {
    this.#reject(error)
  }
}

const ignore = () => undefined
