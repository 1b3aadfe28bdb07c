/** The streams that are being answered, to be ended when the port closes: one that follows would not end by itself. */
export class OpenStreams {
  readonly #open = new Set<Tracked>()

  /** Gives an answer back, watched when it is a stream. */
  track(answer: unknown): unknown {
    if (!isItems(answer)) return answer
    const tracked = new Tracked(answer[Symbol.asyncIterator](), () => this.#open.delete(tracked))
    this.#open.add(tracked)
    return tracked
  }

  end(): void {
    for (const stream of this.#open) void stream.return()
  }
}

const isItems = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value

const done = { done: true, value: undefined } as const

class Tracked implements AsyncIterableIterator<unknown, undefined> {
  readonly #items: AsyncIterator<unknown>
  readonly #over: () => void

  constructor(items: AsyncIterator<unknown>, over: () => void) {
    this.#items = items
    this.#over = over
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    try {
      const step = await this.#items.next()
      if (step.done !== true) return step
    } catch (error) {
      this.#over()
      throw error
    }
    this.#over()
    return done
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#over()
    await this.#items.return?.()
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
