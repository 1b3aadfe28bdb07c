import { Clock, Effect } from "effect"

/** For how long something took: milliseconds that no change of the host's clock touches. */
export const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
