import type { Counts } from "./ServerFigures.ts"

/** A timer so late says that the event loop is behind; one so late does not say that it keeps up. */
const lateMs = 60
const nearlyLateMs = 30
const growth = 1.1
const slackMax = 16
const runningLeast = 8
const sampleMs = 200

/** Whether the event loop of this process keeps up, from how late its timers are. */
class Loop {
  /**
   * How many times the calls that can be done in time are let in; Infinity: it keeps up, all are. To refuse calls is what
   * makes it better, so after that more and more are let in, and not all at once.
   */
  slack = Infinity
  #late = 0

  /** One timer was so late. Twice in a row is more than one handler that computed for long. */
  note(byMs: number): void {
    if (byMs > lateMs) {
      if (++this.#late > 1 || this.slack !== Infinity) this.slack = 1
      return
    }
    this.#late = 0
    if (byMs < nearlyLateMs) this.slack = this.slack * growth > slackMax ? Infinity : this.slack * growth
  }
}

export const loop = new Loop()

/** How many calls of a server are done in a time, and so how long a call takes that is begun among those that run. */
export class Pace {
  readonly #counts: Counts
  #served = 0
  #at = 0
  #perMs = 0

  constructor(counts: Counts) {
    this.#counts = counts
  }

  /** To be called several times a second. */
  sample(time: number): void {
    const tookMs = time - this.#at
    if (tookMs < sampleMs) return
    const perMs = (this.#counts.served - this.#served) / tookMs
    this.#perMs = (this.#perMs + perMs) / 2
    this.#served = this.#counts.served
    this.#at = time
  }

  /**
   * A call with so much time left would most likely be answered in vain: the event loop is behind, and by Little's law
   * those that run will take more than half of that time.
   */
  isTooSlowFor(leftMs: number): boolean {
    const { slack } = loop
    // Of a server that has just begun nothing is known yet.
    if (slack === Infinity || this.#perMs === 0) return false
    // A stream may run for hours, and mostly waits.
    const running = this.#counts.running - this.#counts.streams
    return running >= runningLeast && running > ((this.#perMs * leftMs) / 2) * slack
  }
}
