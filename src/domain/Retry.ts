import type { ErrorCode, Executed } from "./ErrorCode.ts"

/** Further tries of one call, when it says nothing else. Those that cost the budget nothing are not among them. */
export const retriesDefault = 2
/** Connections and servers that would not take a call, one after the other, before it gives up, */
export const refusalsMax = 24
/** and before it waits between them: workers that are replaced need a moment. */
export const refusalsAtOnce = 3

export interface Attempted {
  readonly code: ErrorCode
  readonly executed: Executed
  /** The connection was going away, or there was none: nobody but the network has seen the call. */
  readonly untaken: boolean
  /** Running it twice does what running it once does. */
  readonly idempotent: boolean
  /** The server knows its repetition by a key. */
  readonly keyed: boolean
}

/**
 * What may follow a failed try: `free` another one, as nobody has seen it; `budget` another one, as far as the budget
 * goes; `never`. A call that may have been executed is repeated only when that does no harm.
 */
export const retryOf = ({ code, executed, idempotent, keyed, untaken }: Attempted): "free" | "budget" | "never" => {
  if (executed === "no") {
    if (code === "unavailable") return untaken ? "free" : "budget"
    // No connection in the time that it was given, while there is time left for another.
    if (code === "deadline_exceeded") return untaken ? "free" : "never"
    return code === "resource_exhausted" ? "budget" : "never"
  }
  if (executed === "yes" || !(idempotent || keyed)) return "never"
  return code === "unavailable" || code === "internal" || code === "resource_exhausted" ? "budget" : "never"
}

/**
 * The wait before retry `nth` (from 1) of a call that has nowhere else to go, in milliseconds. `random` is in [0, 1).
 */
export const retryWaitMs = (nth: number, random: number): number =>
  Math.min(250, 5 * 2 ** Math.min(10, nth)) * (0.5 + random / 2)

/** The more serious of two: a call of several tries was executed when one of them was. */
export const worstExecuted = (first: Executed, second: Executed): Executed => {
  if (first === "yes" || second === "yes") return "yes"
  return first === "maybe" || second === "maybe" ? "maybe" : "no"
}

/** Calls and retries of the last ten seconds, and retries of this one. */
export interface RetryCounts {
  readonly calls: number
  readonly retries: number
  readonly retriesThisSecond: number
}

export interface RetryLimits {
  /** Retries for each call, 0 to 1. */
  readonly ratio: number
  /** So many are allowed each second, however few calls there are. */
  readonly perSecond: number
}

export const retryLimits: RetryLimits = { ratio: 0.2, perSecond: 10 }

/** How many more retries there may be now. */
export const retriesLeft = (
  { calls, retries, retriesThisSecond }: RetryCounts,
  { perSecond, ratio }: RetryLimits,
): number => Math.max(0, Math.floor(calls * ratio + 1e-9) - retries, perSecond - retriesThisSecond)
