import { startTimer, stopTimer, type Timer, untilWhole } from "../platform/Time.ts"
import { now } from "./Deadlines.ts"
import { loop } from "./Pace.ts"

export interface Swept {
  /**
   * Looks whether a time is over. `pausedMs`: how long this process itself stood still, which is nobody's fault. Gives
   * whether it is to be looked at soon again: it waits for its peer.
   */
  sweep(time: number, pausedMs: number): boolean
}

const intervalMs = 250
/** While next to nothing is heard and nobody waits. */
export const restMs = 1_000
/** So many chunks between two looks are more than signs of life. */
const chunksMax = 16

const open = new Set<Swept>()
let timer: Timer | undefined
let dueAt = 0
let isResting = false
let chunks = 0

/** One timer looks after all connections: their times are seconds, so a quarter of one is exact enough. */
export const beginSweep = (swept: Swept): void => {
  open.add(swept)
  if (timer === undefined) wait(intervalMs)
  else if (isResting) hasten()
}

export const endSweep = (swept: Swept): void => {
  open.delete(swept)
  if (open.size > 0 || timer === undefined) return
  stopTimer(timer)
  timer = undefined
}

/** Bytes have come. */
export const stir = (): void => {
  if (++chunks === chunksMax && isResting) hasten()
}

const hasten = () => {
  stopTimer(timer)
  wait(intervalMs)
}

/** With the other timers of this host: it wakes once for all of them. */
const wait = (ms: number) => {
  isResting = ms > intervalMs
  const waitMs = untilWhole(ms)
  dueAt = now() + waitMs
  timer = startTimer(turn, waitMs)
}

const turn = () => {
  const time = now()
  const lateMs = time - dueAt
  const pausedMs = Math.max(0, lateMs - intervalMs)
  loop.note(lateMs)
  let isBusy = chunks >= chunksMax
  chunks = 0
  for (const swept of open) if (swept.sweep(time, pausedMs)) isBusy = true
  // The last of them may have left meanwhile, or one come, which has begun to wait by itself.
  stopTimer(timer)
  if (open.size > 0) wait(isBusy ? intervalMs : restMs)
}
