import { startTimer, stopTimer, type Timer, untilWhole } from "../platform/Time.ts"

/** An idle worker wakes so often for it: of a loop that is stuck for less than this not every time is seen. */
const stepMs = 100

/** How late this process's event loop is, sampled by one timer that sleeps in between. */
export class LoopLag {
  /** A rough clock for what can't afford to ask for the time. Milliseconds since 1970, late by a sample and the lag. */
  now = Date.now()
  #longestMs = 0
  #dueAt = Infinity
  #timer: Timer | undefined

  constructor() {
    this.#wait()
  }

  /** The longest since it was last asked. Milliseconds. */
  take(): number {
    // A loop that was stuck until now runs the timers that are due in no particular order.
    this.#look()
    const longest = this.#longestMs
    this.#longestMs = 0
    return Math.round(longest)
  }

  stop(): void {
    stopTimer(this.#timer)
  }

  #look(): void {
    this.now = Date.now()
    const now = performance.now()
    this.#longestMs = Math.max(this.#longestMs, now - this.#dueAt)
    this.#dueAt = now + stepMs
  }

  #wait(): void {
    const waitMs = untilWhole(stepMs, this.now)
    this.#dueAt = performance.now() + waitMs
    this.#timer = startTimer(() => {
      this.#look()
      this.#wait()
    }, waitMs)
  }
}
