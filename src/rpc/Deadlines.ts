/** Milliseconds on a clock that is never set. */
export const now = (): number => performance.now()

/** Something that is over at a time. Linked into the wheel itself, so that a call costs no timer and no closure. */
export abstract class Timed {
  dueAt = 0
  /** The wheel's own. */
  previous: Timed | undefined = undefined
  next: Timed | undefined = undefined
  slot = -1

  abstract expire(): void
}

const tickMs = 8
const slots = 512

/** A wheel of deadlines: adding and removing take the same short time however many there are. Late by 8 ms at most. */
class Wheel {
  readonly #heads: Array<Timed | undefined> = Array.from({ length: slots }, () => undefined)
  #count = 0
  #tick = 0
  #ticking = false

  add(timed: Timed, dueAt: number): void {
    if (!this.#ticking) this.#begin()
    timed.dueAt = dueAt
    const slot = Math.max(Math.ceil(dueAt / tickMs), this.#tick + 1) & (slots - 1)
    const head = this.#heads[slot]
    timed.slot = slot
    timed.next = head
    timed.previous = undefined
    if (head !== undefined) head.previous = timed
    this.#heads[slot] = timed
    this.#count++
  }

  remove(timed: Timed): void {
    if (timed.slot < 0) return
    const { next, previous } = timed
    if (previous === undefined) this.#heads[timed.slot] = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    timed.slot = -1
    timed.next = timed.previous = undefined
    this.#count--
  }

  #begin(): void {
    this.#ticking = true
    this.#tick = Math.floor(now() / tickMs)
    setTimeout(() => this.#turn(), tickMs)
  }

  #turn(): void {
    const time = now()
    const target = Math.floor(time / tickMs)
    // After a long pause each slot is looked at once.
    const first = Math.max(this.#tick + 1, target - slots + 1)
    this.#tick = target
    for (let tick = first; tick <= target; tick++) this.#expire(tick & (slots - 1), time)
    if (this.#count > 0) setTimeout(() => this.#turn(), tickMs)
    else this.#ticking = false
  }

  #expire(slot: number, time: number): void {
    // Taken out first: what expires may add and remove others.
    const over: Array<Timed> = []
    for (let timed = this.#heads[slot]; timed !== undefined; timed = timed.next)
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
