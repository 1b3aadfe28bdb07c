const windowMs = 10_000
const linesMax = 20

interface Window {
  readonly until: number
  lines: number
  left: number
}

/**
 * Keeps what each call may say within bounds, so that a fault in every call neither fills the disk nor hides the rest:
 * 20 lines of each kind in 10 seconds, then how many there were beside them. `now` is in milliseconds.
 */
export class LogPace {
  readonly #write: (line: string) => void
  readonly #now: () => number
  readonly #windows = new Map<string, Window>()

  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write
    this.#now = now
  }

  /** `kind`: one of a few, such as a method's name; `line` is made only when it is written. */
  say(kind: string, line: () => string): void {
    this.settle()
    let window = this.#windows.get(kind)
    if (window === undefined) {
      window = { until: this.#now() + windowMs, lines: 0, left: 0 }
      this.#windows.set(kind, window)
    }
    if (window.lines >= linesMax) window.left++
    else {
      window.lines++
      this.#write(line())
    }
  }

  /** Tells what was left out and is over; to be called now and then. */
  settle(): void {
    const time = this.#now()
    for (const [kind, { left, until }] of this.#windows) {
      if (time < until) continue
      this.#windows.delete(kind)
      if (left > 0) this.#write(`${kind}: ${left} more of these lines were left out within ${windowMs / 1_000} s`)
    }
  }
}
