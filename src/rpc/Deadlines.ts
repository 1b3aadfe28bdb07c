import { startTimer, stopTimer, type Timer } from "../platform/Time.ts"

/** Milliseconds on a clock that is never set. */
export const now = (): number => performance.now()

/** Something that is over at a time. Linked into the wheel itself, so that a call costs no timer and no closure. */
export abstract class Timed {
  dueAt = 0
  /** The wheel's own. */
  before: Timed | undefined = undefined
  behind: Timed | undefined = undefined
  slot = -1

  abstract expire(): void
}

const tickMs = 8
const slots = 512
/** A timer so late was held up by this process itself. */
const lateMs = 16
/** How often the sockets are looked at then, as this process may stand still again meanwhile. */
const looksMax = 2

/** A wheel of deadlines: adding and removing take the same short time however many there are. Late by 8 ms at most. */
class Wheel {
  readonly #heads: Array<Timed | undefined> = Array.from({ length: slots }, () => undefined)
  #count = 0
  #tick = 0
  /** Keeps this process from its end only while there is something to wait for. */
  #timer: Timer | undefined
  /** The tick that the timer waits for. */
  #wakeAt = 0

  add(timed: Timed, dueAt: number): void {
    if (this.#count === 0) {
      this.#tick = Math.floor(now() / tickMs)
      this.#timer?.ref()
    }
    timed.dueAt = dueAt
    const tick = Math.max(Math.ceil(dueAt / tickMs), this.#tick + 1)
    const slot = tick & (slots - 1)
    const head = this.#heads[slot]
    timed.slot = slot
    timed.behind = head
    timed.before = undefined
    if (head !== undefined) head.before = timed
    this.#heads[slot] = timed
    this.#count++
    if (this.#timer === undefined || tick < this.#wakeAt) this.#wake(tick)
  }

  remove(timed: Timed): void {
    if (timed.slot < 0) return
    const { before, behind } = timed
    if (before === undefined) this.#heads[timed.slot] = behind
    else before.behind = behind
    if (behind !== undefined) behind.before = before
    timed.slot = -1
    timed.behind = timed.before = undefined
    if (--this.#count === 0) this.#timer?.unref()
  }

  #wake(tick: number): void {
    stopTimer(this.#timer)
    this.#wakeAt = tick
    this.#timer = startTimer(() => this.#due(tick * tickMs), Math.max(1, Math.ceil(tick * tickMs - now())))
  }

  /** After this process stood still, the answers that came meanwhile are read first: they were in time. */
  #due(dueAt: number, left = looksMax): void {
    const time = now()
    if (left > 0 && time - dueAt > lateMs) setImmediate(() => setTimeout(() => this.#due(time, left - 1), 0))
    else this.#turn()
  }

  #nextTick(): number {
    let tick = this.#tick + 1
    while (tick < this.#tick + slots && this.#heads[tick & (slots - 1)] === undefined) tick++
    return tick
  }

  #turn(): void {
    stopTimer(this.#timer)
    this.#timer = undefined
    const time = now()
    const target = Math.floor(time / tickMs)
    // After a long pause each slot is looked at once.
    const first = Math.max(this.#tick + 1, target - slots + 1)
    this.#tick = target
    for (let tick = first; tick <= target; tick++) this.#expire(tick & (slots - 1), time)
    if (this.#count > 0) this.#wake(this.#nextTick())
  }

  #expire(slot: number, time: number): void {
    // Taken out first: what expires may add and remove others.
    const over: Array<Timed> = []
    for (let timed = this.#heads[slot]; timed !== undefined; timed = timed.behind)
      if (timed.dueAt <= time) over.push(timed)
    for (const timed of over) {
      if (timed.slot < 0) continue
      this.remove(timed)
      timed.expire()
    }
  }
}

/** The deadlines of all calls of this process. */
export const deadlines = new Wheel()
