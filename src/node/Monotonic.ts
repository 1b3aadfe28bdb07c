import { Clock, Effect } from "effect"
import { untilWhole } from "../platform/Time.ts"

/** For how long something took: milliseconds that no change of the host's clock touches. */
export const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

const secondMs = 1_000

/** Waits for the next whole second of the host's clock: who looks each second looks with all others, and the host wakes once. */
export const nextSecond = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sleep(untilWhole(secondMs, now)))
