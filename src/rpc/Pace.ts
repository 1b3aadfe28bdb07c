import type { Counts } from "./ServerFigures.ts"

const lateMs = 60
const runningLeast = 8
const sampleMs = 200

/** Whether the event loop of this process keeps up, from how late its timers are. */
class Loop {
  #late = 0

  /** One timer was so late. */
  note(byMs: number): void {
    this.#late = byMs > lateMs ? this.#late + 1 : 0
  }

  /** Late twice in a row: more than one handler that computed for long. */
  get isLagging(): boolean {
    return this.#late > 1
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
    const { running } = this.#counts
    return loop.isLagging && running >= runningLeast && running > (this.#perMs * leftMs) / 2
  }
}
