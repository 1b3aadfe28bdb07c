import { retriesLeft, type RetryLimits } from "../domain/Retry.ts"

const seconds = 10

/**
 * What a client may repeat: a part of what it calls, so that retries never multiply the load of a service that is down.
 * Counted by seconds of the clock that is passed in; a call costs one comparison and one addition.
 */
export class RetryBudget {
  readonly #limits: RetryLimits
  readonly #calls = new Float64Array(seconds)
  readonly #retries = new Float64Array(seconds)
  #second = 0
  #endsAt = -Infinity
  #index = 0

  constructor(limits: RetryLimits) {
    this.#limits = limits
  }

  called(time: number): void {
    if (time >= this.#endsAt) this.#turn(time)
    this.#calls[this.#index] = (this.#calls[this.#index] ?? 0) + 1
  }

  /** Takes one retry, if there is one left. */
  take(time: number): boolean {
    if (this.left(time) < 1) return false
    this.#retries[this.#index] = (this.#retries[this.#index] ?? 0) + 1
    return true
  }

  left(time: number): number {
    if (time >= this.#endsAt) this.#turn(time)
    const retriesThisSecond = this.#retries[this.#index] ?? 0
    const counts = { calls: sum(this.#calls), retries: sum(this.#retries), retriesThisSecond }
    return retriesLeft(counts, this.#limits)
  }

  #turn(time: number): void {
    const second = Math.floor(time / 1_000)
    const passed = Math.min(seconds, second - this.#second)
    for (let step = 1; step <= passed; step++) {
      const index = (this.#second + step) % seconds
      this.#calls[index] = this.#retries[index] = 0
    }
    if (passed === seconds) {
      this.#calls.fill(0)
      this.#retries.fill(0)
    }
    this.#second = second
    this.#index = second % seconds
    this.#endsAt = (second + 1) * 1_000
  }
}

const sum = (numbers: Float64Array): number => numbers.reduce((total, number) => total + number, 0)
