/** How one task differs from the service's settings. */
export interface TaskOptions {
  /** Not before this time from now. Milliseconds; default 0. */
  readonly delayMs?: number | undefined
  /** Of one run; default: the service's. */
  readonly timeoutMs?: number | undefined
  /** Runs in all; default: the service's. */
  readonly attemptsMax?: number | undefined
}
