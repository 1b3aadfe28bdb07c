import { now } from "./Deadlines.ts"

/** `later`: a call has begun that is not done, and has its own first turn before the next one. */
export type TurnEnd = "done" | "later" | "timeUp"

/** What has frames to read. */
export interface Turned {
  /** The time as it last looked at it. */
  readonly clock: number
  /** Reads on until `turns.until`. */
  takeTurn(time: number): TurnEnd
  /** Others have their turn; `isDone`: it is in line no more. */
  turnOver(isDone: boolean): void
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
  /** Whoever reads frames stops at this time. */
  until = 0
  #lastAt = 0
  /** 0: nobody waits for the next turn of the event loop. */
  #behindSince = 0
  readonly #queue: Array<Turned> = []

  /** Has not caught up for a while. */
  isOverloaded(time: number): boolean {
    return this.#behindSince > 0 && time - this.#behindSince > overloadMs
  }

  /** Something has come for one that is not in line yet: it has its turn now, or after those who wait. */
  enter(turned: Turned, time: number): void {
    if (this.#queue.push(turned) > 1) return
    if (time - this.#lastAt > pauseMs) this.until = time + sliceMs
    this.#go(time)
  }

  /** What the first in line has begun has had its first turn. */
  readonly #goOn = (): void => {
    const time = now()
    const first = time < this.until ? undefined : this.#queue.shift()
    if (first !== undefined) {
      this.#queue.push(first)
      first.turnOver(false)
    }
    this.#go(time)
  }

  readonly #begin = (): void => {
    const time = now()
    this.until = time + sliceMs
    this.#go(time)
  }

  #go(startedAt: number): void {
    let time = startedAt
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (time >= this.until) return this.#pause(time)
      const end = first.takeTurn(time)
      if (end === "later") return queueMicrotask(this.#goOn)
      this.#queue.shift()
      if (end === "timeUp") this.#queue.push(first)
      first.turnOver(end === "done")
      time = first.clock
    }
    this.#behindSince = 0
    this.#lastAt = time
  }

  #pause(time: number): void {
    if (this.#behindSince === 0) this.#behindSince = time
    setImmediate(this.#begin)
  }
}

export const turns = new Turns()
