import { encode } from "../protocol/Encode.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { deadlines, now, Timed } from "./Deadlines.ts"
import type { CallStream } from "./CallStream.ts"
import type { CallOptions } from "./PendingCall.ts"

const countMax = 16_384
const listOfThree = 0x83

/** The method and arguments of a call, encoded; what follows them on the wire is the map with the time left. */
export const encodeHead = (method: string, args: ReadonlyArray<unknown>): Uint8Array => {
  const [name, list] = [encode(method), encode(args)]
  const head = new Uint8Array(1 + name.length + list.length)
  head[0] = listOfThree
  head.set(name, 1)
  head.set(list, 1 + name.length)
  return head
}

/** A call that is sent when the server has room for it. Encoded already: its caller may change the arguments now. */
export class WaitingCall extends Timed {
  readonly method: string
  readonly head: Uint8Array
  readonly options: CallOptions
  readonly promise: Promise<unknown>
  /** What waits, when it is a stream: that has its own deadline and signal. */
  stream: CallStream | undefined
  resolve: (value: unknown) => void = () => undefined
  reject: (error: RpcError) => void = () => undefined
  readonly #leave: (call: WaitingCall) => void
  readonly #onAbort = () => this.giveUp(new RpcError("cancelled", "Cancelled before it was sent", { executed: "no" }))

  constructor(method: string, head: Uint8Array, options: CallOptions, leave: (call: WaitingCall) => void) {
    super()
    this.method = method
    this.head = head
    this.options = options
    this.#leave = leave
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    options.signal?.addEventListener("abort", this.#onAbort)
    if (Number.isFinite(options.timeoutMs)) deadlines.add(this, now() + options.timeoutMs)
  }

  /** The options with the time that is left. */
  get remaining(): CallOptions {
    const { timeoutMs } = this.options
    return Number.isFinite(timeoutMs) ? { ...this.options, timeoutMs: Math.max(1, this.dueAt - now()) } : this.options
  }

  override expire(): void {
    const message = `No room for "${this.method}" on the connection within ${Math.round(this.options.timeoutMs)} ms`
    this.giveUp(new RpcError("deadline_exceeded", message, { executed: "no" }))
  }

  giveUp(error: RpcError): void {
    this.over()
    this.#leave(this)
    this.reject(error)
  }

  /** It waits no more. */
  over(): void {
    deadlines.remove(this)
    this.options.signal?.removeEventListener("abort", this.#onAbort)
  }
}

/** Calls above the server's limit of calls at once: in their order, bounded in number and bytes. */
export class WaitingCalls {
  readonly #calls = new Set<WaitingCall>()
  readonly #bytesMax: number
  #bytes = 0
  readonly #leave = (call: WaitingCall) => this.#remove(call)

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#calls.size
  }

  /** Undefined: too many wait already. Throws an EncodeError when the arguments have no form. */
  add(method: string, args: ReadonlyArray<unknown>, options: CallOptions): WaitingCall | undefined {
    if (this.#calls.size >= countMax || this.#bytes > this.#bytesMax) return undefined
    const call = new WaitingCall(method, encodeHead(method, args), options, this.#leave)
    this.#calls.add(call)
    this.#bytes += call.head.length
    return call
  }

  take(): WaitingCall | undefined {
    for (const call of this.#calls) {
      this.#remove(call)
      call.over()
      return call
    }
    return undefined
  }

  refuseAll(error: () => RpcError): void {
    for (const call of this.#calls) call.giveUp(error())
  }

  #remove(call: WaitingCall): void {
    if (this.#calls.delete(call)) this.#bytes -= call.head.length
  }
}
