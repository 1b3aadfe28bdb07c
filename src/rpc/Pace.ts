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

/**
 * How many calls of a server are done in a time, and so how long a call takes that is begun among those that run. Only
 * calls that wait for something are counted, and no streams, which may run for hours.
 */
export class Pace {
  #running = 0
  /** The fewest that ran at once since the last sample. */
  #least = 0
  #ended = 0
  #at = 0
  /** 0: not known. */
  #perMs = 0

  begin(): void {
    this.#running++
  }

  end(): void {
    this.#ended++
    if (--this.#running < this.#least) this.#least = this.#running
  }

  /** To be called several times a second. */
  sample(time: number): void {
    const tookMs = time - this.#at
    if (tookMs < sampleMs) return
    const perMs = this.#ended / tookMs
    // With less to do than could be done, the pace is that of the callers. What a burst after that would take is unknown.
    if (this.#least >= runningLeast / 2) this.#perMs = this.#perMs === 0 ? perMs : (this.#perMs + perMs) / 2
    else if (loop.slack === Infinity) this.#perMs = 0
    this.#ended = 0
    this.#least = this.#running
    this.#at = time
  }

  /**
   * A call with so much time left would most likely be answered in vain: the event loop is behind, and by Little's law
   * those that run will take more than half of that time.
   */
  isTooSlowFor(leftMs: number): boolean {
    const { slack } = loop
    if (slack === Infinity || this.#perMs === 0) return false
    return this.#running >= runningLeast && this.#running > ((this.#perMs * leftMs) / 2) * slack
  }
}
