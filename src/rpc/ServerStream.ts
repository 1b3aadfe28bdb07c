import { creditHighest } from "../protocol/Messages.ts"
import type { RunningCall } from "./RunningCall.ts"

/** What a stream asks of its connection. */
export interface StreamHost {
  /** The peer doesn't take what was written. */
  readonly isBlocked: boolean
  /** Sends one item; when it has no form or is too large, the call is given up. */
  sendItem(call: RunningCall, value: unknown): void
  /** The generator is done, or threw. Once, and last. */
  settled(call: RunningCall, threw: boolean, error: unknown): void
}

/** Items that one stream sends before others have their turn. */
const burstMax = 64

/**
 * Pulls the items of one call out of its generator, one at a time: only while there is credit, and only while the peer
 * takes what is sent. So a slow reader stops the producer, and nothing piles up between them.
 */
export class ServerStream {
  readonly #host: StreamHost
  readonly #call: RunningCall
  #credit: number
  #iterator: AsyncIterator<unknown> | undefined
  #isPulling = false
  #isStopped = false
  #isSettled = false
  #isSingle = false
  #burst = 0
  readonly #onStep = (step: IteratorResult<unknown>) => this.#stepped(step)
  readonly #onThrow = (error: unknown) => this.#settle(true, error)

  constructor(host: StreamHost, call: RunningCall, credit: number) {
    this.#host = host
    this.#call = call
    this.#credit = credit
  }

  /** The handler has given what holds the items. */
  start(items: AsyncIterable<unknown>): void {
    try {
      this.#iterator = items[Symbol.asyncIterator]()
    } catch (error) {
      return this.#settle(true, error)
    }
    if (this.#isStopped) this.#return(this.#iterator)
    else this.pull()
  }

  /** The handler has given one answer: the only item. */
  startSingle(value: unknown): void {
    this.#isSingle = true
    this.start({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value }) }) })
  }

  /** false: more than a side may have. */
  grant(credit: number): boolean {
    if (this.#isStopped) return true
    this.#credit += credit
    if (this.#credit > creditHighest) return false
    this.pull()
    return true
  }

  /** Asks for the next item, if there is credit and room for it. */
  pull(): void {
    const iterator = this.#iterator
    if (iterator === undefined || this.#isPulling || this.#isStopped || this.#isSettled) return
    if (this.#credit === 0 || this.#host.isBlocked) return
    this.#isPulling = true
    if (this.#burst++ < burstMax) return this.#next(iterator)
    this.#burst = 0
    setImmediate(() => this.#next(iterator))
  }

  /** Nobody wants more: the generator runs its `finally`. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    if (this.#iterator !== undefined) this.#return(this.#iterator)
  }

  #next(iterator: AsyncIterator<unknown>): void {
    if (this.#isStopped) return
    try {
      Promise.resolve(iterator.next()).then(this.#onStep, this.#onThrow)
    } catch (error) {
      this.#settle(true, error)
    }
  }

  #stepped(step: IteratorResult<unknown>): void {
    this.#isPulling = false
    if (this.#isStopped) return
    if (typeof step !== "object" || step === null)
      return this.#settle(true, new TypeError("A step of the stream is no object"))
    if (step.done === true) return this.#settle(false, undefined)
    this.#credit--
    this.#host.sendItem(this.#call, step.value)
    if (this.#isSingle && !this.#isStopped) this.#settle(false, undefined)
    else this.pull()
  }

  /** What runs in the generator now runs on to its next `yield`: nothing can stop it but its signal. */
  #return(iterator: AsyncIterator<unknown>): void {
    try {
      Promise.resolve(iterator.return?.()).then(() => this.#settle(false, undefined), this.#onThrow)
    } catch (error) {
      this.#settle(true, error)
    }
  }

  #settle(threw: boolean, error: unknown): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#host.settled(this.#call, threw, error)
  }
}
