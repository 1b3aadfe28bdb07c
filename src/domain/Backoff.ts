export type BackoffPolicy = {
  readonly baseMs: number
  readonly capMs: number
  /** A run at least this long starts the count anew. */
  readonly resetAfterMs: number
}

/** Restarts of a worker or a program after an unexpected exit. */
export const restartBackoff: BackoffPolicy = { baseMs: 500, capMs: 60_000, resetAfterMs: 60_000 }

/** Connections of the manager to a node that is away: it must have its lists within 5 s of its return. */
export const sessionBackoff: BackoffPolicy = { baseMs: 250, capMs: 3_000, resetAfterMs: 10_000 }

/**
 * The wait before try `failures` (from 1), with equal jitter: half of it fixed, half of it random, so that many that
 * failed together don't come back together. `random` is in [0, 1).
 */
export const backoffDelay = (policy: BackoffPolicy, failures: number, random: number): number => {
  const full = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return Math.round(full * (0.5 + random / 2))
}
