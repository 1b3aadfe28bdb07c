import type { StepAnswer } from "./CallThread.ts"

type Passed = Extract<StepAnswer, { readonly error: unknown }>["error"]

/** What a stream asks of the thread. Each throws a CallError. */
export interface SyncStreamSteps {
  begin(): StepAnswer
  next(): StepAnswer
  leave(): void
}

/** The items of one call, for a program that waits for each of them. */
export class SyncStream implements IterableIterator<unknown> {
  readonly #steps: SyncStreamSteps
  readonly #received: (error: Passed) => Error
  #state: "new" | "open" | "over" = "new"

  constructor(steps: SyncStreamSteps, received: (error: Passed) => Error) {
    this.#steps = steps
    this.#received = received
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<unknown> {
    while (this.#state !== "over") {
      const answer = this.#step()
      if ("step" in answer) {
        if (answer.step.done === true) this.#state = "over"
        return answer.step
      }
      if ("error" in answer) {
        this.#state = "over"
        throw this.#received(answer.error)
      }
    }
    return { done: true, value: undefined }
  }

  return(): IteratorResult<unknown> {
    if (this.#state === "open") this.#steps.leave()
    this.#state = "over"
    return { done: true, value: undefined }
  }

  #step(): StepAnswer {
    const isNew = this.#state === "new"
    this.#state = "open"
    try {
      return isNew ? this.#steps.begin() : this.#steps.next()
    } catch (error) {
      this.#state = "over"
      throw error
    }
  }
}
