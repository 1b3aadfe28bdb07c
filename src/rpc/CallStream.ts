import { RpcError } from "../protocol/RpcError.ts"
import { type CallOptions, type CallOwner, OpenCall } from "./PendingCall.ts"

export interface StreamOptions extends CallOptions {
  /** Items that the server may send ahead of their being taken; default 64. */
  readonly window?: number
}

export interface StreamOwner extends CallOwner {
  /** The server may send so many more. */
  granted(id: number, credit: number): void
}

export const windowDefault = 64
const windowMax = 1_000_000
/** Places of taken items that are kept before the list is moved up. */
const compactAt = 1_024

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void
  reject(error: RpcError): void
}

const done = { done: true, value: undefined } as const

/**
 * The items of a call whose answer is a stream, in the order in which they were sent. The server sends as many ahead as
 * the window allows, and more as they are taken. Leaving a `for await`, or `return()`, cancels the call. `next` rejects
 * with an RpcError after the last item that came.
 */
export class CallStream extends OpenCall implements AsyncIterableIterator<unknown, undefined> {
  get isOver(): boolean {
    return this.#isOver
  }

  /** Credit of the request's map. */
  readonly window: number
  readonly #owner: StreamOwner
  #items: Array<unknown> = []
  #taken = 0
  #waiters: Array<Waiter> = []
  /** Items that the server may still send. */
  #credit: number
  /** Items that were taken since credit was last given. */
  #used = 0
  #isOver = false
  #error: RpcError | undefined

  constructor(owner: StreamOwner, method: string, options: StreamOptions) {
    super(owner, method, options)
    this.#owner = owner
    this.window = Math.min(windowMax, Math.max(1, Math.floor(options.window ?? windowDefault)))
    this.#credit = this.window
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#taken < this.#items.length) return Promise.resolve({ done: false, value: this.#take() })
    if (this.#isOver) return this.#error === undefined ? Promise.resolve(done) : this.#fail(this.#error)
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  /** Cancels the call, if it is not over, and forgets what was not taken. */
  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#items = []
    this.#taken = 0
    this.#error = undefined
    if (!this.#isOver) {
      this.end()
      this.leave()
    }
    return Promise.resolve(done)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** An ITEM came. */
  item(value: unknown): void {
    if (this.#isOver) return
    if (--this.#credit < 0)
      return this.abandon("resource_exhausted", "The server sent more items than it was given credit for")
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#items.push(value)
    else {
      this.#use()
      waiter.resolve({ done: false, value })
    }
  }

  /** END came. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(done)
  }

  /** What came is no item. */
  spoil(): void {
    this.abandon("internal", `An item of "${this.method}" is malformed`)
  }

  override resolve(): void {
    this.reject(new RpcError("internal", `The stream of "${this.method}" was answered like a call`))
  }

  override reject(error: RpcError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#error = error
    // The first hears why; for those behind it the stream is over.
    this.#waiters.shift()?.reject(this.#once(error))
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(done)
  }

  #once(error: RpcError): RpcError {
    this.#error = undefined
    return error
  }

  #fail(error: RpcError): Promise<never> {
    return Promise.reject(this.#once(error))
  }

  #take(): unknown {
    const value = this.#items[this.#taken]
    this.#items[this.#taken++] = undefined
    if (this.#taken === this.#items.length || this.#taken >= compactAt) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    this.#use()
    return value
  }

  /** Half a window at a time, so that credit costs few frames and the server doesn't wait for it. */
  #use(): void {
    if (++this.#used * 2 < this.window || this.#isOver) return
    this.#credit += this.#used
    this.#owner.granted(this.id, this.#used)
    this.#used = 0
  }
}
