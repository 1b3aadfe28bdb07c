import type { ErrorCode } from "./ErrorCode.ts"

/** So many failures, one after the other, and a worker gets no calls for a while. */
export const failuresMax = 5
/** The time over which calls are counted. */
export const windowMs = 10_000
const countedLeast = 20
const baseMs = 5_000
const capMs = 300_000
/** A worker that has been well for so long has one ejection less to its name. */
export const forgiveMs = 30_000
/** The call that shows whether a worker is well again has so long to do it: a stream may bring nothing for hours. */
export const proveMs = 5_000

/** What a call failed with, as far as it says whose fault it was. */
export interface Failed {
  readonly code: ErrorCode
  /** This side says so, rather than the server. */
  readonly isOwn: boolean
}

/**
 * Whether a failure speaks against the worker: it could not be reached, was lost, did not answer in time, or answered
 * what can't be read. What a handler says (`internal`, `invalid_argument`…) and what the caller did never do.
 */
export const isInfrastructure = ({ code, isOwn }: Failed): boolean =>
  code === "unavailable" || code === "deadline_exceeded" || (code === "internal" && isOwn)

/** How a worker's calls went, of late. */
export interface Tally {
  readonly consecutive: number
  /** Within the last ten seconds. */
  readonly failed: number
  readonly total: number
}

export const isUnfit = ({ consecutive, failed, total }: Tally): boolean =>
  consecutive >= failuresMax || (total >= countedLeast && failed * 2 > total)

/** Whether one more of `total` workers may be left out: half of them at most, and never the last one. */
export const mayEject = (ejected: number, total: number): boolean =>
  ejected < Math.max(1, Math.floor(total / 2)) && total - ejected > 1

/** How long the `times`th ejection (from 1) lasts, in milliseconds: give or take a fifth. `random` is in [0, 1). */
export const ejectionMs = (times: number, random: number): number =>
  Math.round(Math.min(capMs, baseMs * times) * (0.8 + random * 0.4))

/** The ejections to a worker's name, `wellMs` after it came back. */
export const timesAfter = (times: number, wellMs: number): number =>
  Math.max(0, times - Math.floor(Math.max(0, wellMs) / forgiveMs))
