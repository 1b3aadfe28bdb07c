import type { ServerCall } from "../rpc/Handler.ts"
import { runWithin } from "../service/CallContext.ts"

type Step = IteratorResult<unknown, unknown>

/** A generator, of either kind. */
interface Source {
  next(): Step | Promise<Step>
  return?(): Step | Promise<Step>
}

/** What a handler answers a call for a stream with. The handler goes on within its call at each item. */
export class Items implements AsyncIterableIterator<unknown> {
  readonly #call: ServerCall
  readonly #source: Source
  readonly #check: ((item: unknown) => unknown) | undefined

  /** `check`: what is sent for an item; it may throw. */
  constructor(call: ServerCall, source: Source, check: ((item: unknown) => unknown) | undefined) {
    this.#call = call
    this.#source = source
    this.#check = check
  }

  next(): Promise<Step> {
    const step = runWithin(this.#call, this.#source.next, this.#source, []) as Step | Promise<Step>
    // An asynchronous generator has awaited its item itself.
    return step instanceof Promise && this.#check === undefined ? step : this.#finish(step)
  }

  async return(): Promise<Step> {
    await this.#source.return?.()
    return { done: true, value: undefined }
  }

  async #finish(given: Step | Promise<Step>): Promise<Step> {
    const step = await given
    if (step.done === true) return { done: true, value: undefined }
    try {
      // A plain generator may yield promises.
      const item: unknown = await step.value
      return { done: false, value: this.#check === undefined ? item : await this.#check(item) }
    } catch (error) {
      // Not an error of its own, so it would wait for ever to be asked for the next item, with all that it holds.
      await this.return().catch(() => undefined)
      throw error
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
