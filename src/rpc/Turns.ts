import { now } from "./Deadlines.ts"

/** What has frames to read that wait for their turn. */
export interface Turned {
  /** Reads on until `turns.until`; false: some are left. */
  takeTurn(): boolean
}

/** After so much work without a pause the sockets are looked at again. */
const sliceMs = 8
/** A shorter pause than this is none: the event loop goes from one socket to the next. */
const pauseMs = 0.2
/** Behind for so long means more comes in than can be done. */
const overloadMs = 500

/**
 * Shares the event loop among all connections of this process. Handlers that compute are interrupted between two
 * requests, so that what arrives meanwhile is read when it arrives, with the time that its deadline counts from, and
 * no connection has to wait until another one has nothing left to do.
 */
class Turns {
  /** Whoever reads frames stops at this time, and asks for a turn. */
  until = 0
  #lastAt = 0
  #behindSince = 0
  readonly #queue: Array<Turned> = []

  /** Whether frames may be read now; else they wait for a turn. */
  begin(time: number): boolean {
    if (this.#queue.length > 0) return false
    if (time - this.#lastAt > pauseMs) this.until = time + sliceMs
    return time < this.until
  }

  /** Frames have been read until now. */
  end(time: number): void {
    this.#lastAt = time
  }

  /** Has not caught up for a while. */
  isOverloaded(time: number): boolean {
    return this.#queue.length > 0 && time - this.#behindSince > overloadMs
  }

  wait(turned: Turned): void {
    if (this.#queue.push(turned) > 1) return
    this.#behindSince = now()
    setImmediate(this.#run)
  }

  readonly #run = (): void => {
    let time = now()
    this.until = time + sliceMs
    // Each stays in the list during its turn: what it does must not count as the end of the queue.
    for (let count = this.#queue.length; count > 0 && time < this.until; count--) {
      const turned = this.#queue[0] as Turned
      const isDone = turned.takeTurn()
      this.#queue.shift()
      if (!isDone) this.#queue.push(turned)
      time = now()
    }
    this.#lastAt = time
    if (this.#queue.length > 0) setImmediate(this.#run)
  }
}

export const turns = new Turns()
