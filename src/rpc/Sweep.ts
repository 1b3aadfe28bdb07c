import { now } from "./Deadlines.ts"
import { loop } from "./Pace.ts"

export interface Swept {
  /** Looks whether a time is over. `pausedMs`: how long this process itself stood still, which is nobody's fault. */
  sweep(time: number, pausedMs: number): void
}

const intervalMs = 250
const open = new Set<Swept>()
let timer: ReturnType<typeof setInterval> | undefined
let lastAt = 0

/** One timer looks after all connections: their times are seconds, so a quarter of one is exact enough. */
export const beginSweep = (swept: Swept): void => {
  open.add(swept)
  if (timer !== undefined) return
  lastAt = now()
  timer = setInterval(turn, intervalMs)
}

export const endSweep = (swept: Swept): void => {
  open.delete(swept)
  if (open.size > 0 || timer === undefined) return
  clearInterval(timer)
  timer = undefined
}

const turn = () => {
  const time = now()
  const pausedMs = Math.max(0, time - lastAt - 2 * intervalMs)
  loop.note(time - lastAt - intervalMs)
  lastAt = time
  for (const swept of open) swept.sweep(time, pausedMs)
}
