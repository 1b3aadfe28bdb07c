import { Clock, Effect } from "effect"

/** For how long something took: milliseconds that no change of the host's clock touches. */
export const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

const secondMs = 1_000
/** A timer may be so early. */
const earlyMs = 20

/** Waits for the next whole second of that clock: who looks each second looks with all others, and the host wakes once. */
export const nextSecond = Effect.flatMap(monotonicMs, (now) => {
  const leftMs = secondMs - (now % secondMs)
  return Effect.sleep(leftMs < earlyMs ? leftMs + secondMs : leftMs)
})
