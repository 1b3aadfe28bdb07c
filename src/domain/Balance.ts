/** Latencies below this are as good as equal: a pause of the machine is no sign of a slow worker. Milliseconds. */
export const latencyFloorMs = 5
/** The time after which a slow answer counts for 1/e of what it did. */
export const memoryMs = 10_000
/** A worker that is new to a service gets its full share after this time. */
export const slowStartMs = 10_000
/** Costs within this factor of each other are as good as equal: the weights alone decide. */
const evenFactor = 2
/** How much one answer counts for what is usual. */
const sampleShare = 1 / 32
/** How much one quick answer counts against a slow one before it: one pause of the machine is soon forgotten. */
const quickShare = 1 / 8
/** A worker so many times slower than usual stood still. */
export const standstillLeast = 10
const standstillsMax = 4
/** Answers that come together after one standstill are one. */
const togetherMs = 100
/** Less makes no difference to a choice. */
const worthFading = 1.2

/**
 * The usual time of a method in milliseconds, after an answer that took `latencyMs`; `undefined` before the first one.
 * One outlier moves it by 1/32 of itself at most, so that a single blocked worker doesn't pass for what is usual.
 */
export const usualAfter = (usualMs: number | undefined, latencyMs: number): number => {
  if (usualMs === undefined) return latencyMs
  const step = Math.min(latencyMs - usualMs, usualMs + 1)
  return usualMs + step * sampleShare
}

/** How many times as long as usual something takes, or has taken already. 1 is usual. */
export const slownessOf = (tookMs: number, usualMs: number): number =>
  (tookMs + latencyFloorMs) / (usualMs + latencyFloorMs)

/** A slowness as it counts `elapsedMs` later, when nothing was heard since: it fades to 1. */
export const fadedSlowness = (slowness: number, elapsedMs: number): number =>
  slowness < worthFading || elapsedMs <= 0 ? slowness : 1 + (slowness - 1) * Math.exp(-elapsedMs / memoryMs)

/**
 * The slowness of a worker after an answer: a slow one counts at once and in full (the peak), a quick one a little at a
 * time, and the less the more often the worker stood still. `faded` is what was known, as it counts now.
 */
export const slownessAfter = (faded: number, sample: number, standstills: number): number =>
  sample >= faded ? sample : faded + (sample - faded) * quickShare * 4 ** (1 - Math.max(1, standstills))

/** How often a worker stood still of late, after it did again, `sinceMs` after the last time. */
export const standstillsAfter = (standstills: number, sinceMs: number): number => {
  if (sinceMs < togetherMs) return standstills
  return Math.min(standstillsMax, Math.max(0, standstills - Math.floor(sinceMs / memoryMs)) + 1)
}

/** How a worker does just now. Times in milliseconds. */
export interface Load {
  readonly inFlight: number
  /** Its weight, relative to the mean of all workers. */
  readonly share: number
  /** The time from one answer to the next while it is busy. */
  readonly paceMs: number
  /** How much longer than it usually does it has said nothing, though it owes an answer. */
  readonly overdueMs: number
  readonly slowness: number
}

/** The part of a silence of `quietMs` that is not usual where `usualMs` is. */
export const overdue = (quietMs: number, usualMs: number): number => Math.max(0, quietMs - 4 * usualMs - 0.5)

/**
 * What one more call costs on a worker rather than on another: about the milliseconds that it will take, above a floor
 * below which all are equal. What is in flight takes its time (calls times pace); a silence counts the more, the more
 * the calls in flight have piled up meanwhile; and all of it counts as many times as the worker was slow of late.
 */
export const loadCost = (load: Load, other: Load): number => {
  const piledUp = (load.inFlight / load.share + 1) / (other.inFlight / other.share + 1)
  const waitMs = (load.inFlight + 1) * load.paceMs + load.overdueMs * Math.max(1, piledUp)
  return (latencyFloorMs + waitMs) * load.slowness
}

/**
 * Which of two workers, both picked by weight, takes the call: 0 for the first, 1 for the second, `undefined` when they
 * cost about the same and the weights decide. The costlier one keeps a small chance, the smaller the costlier it is:
 * its calls show when it is well again. `random` is in [0, 1).
 */
export const cheaperOf = (first: number, second: number, random: number): 0 | 1 | undefined => {
  if (first > second * evenFactor) return random < ((second * evenFactor) / first) ** 2 ? 0 : 1
  if (second > first * evenFactor) return random < ((first * evenFactor) / second) ** 2 ? 1 : 0
  return undefined
}

/** The part of its weight that a worker has `ageMs` after it was found; it never begins at nothing. */
export const slowStartShare = (ageMs: number): number =>
  ageMs >= slowStartMs ? 1 : Math.max(0.1, Math.max(0, ageMs) / slowStartMs)

/** A worker of an endpoint, as the weights see it. */
export interface Shared {
  /** What slow start leaves of it, above 0 to 1. */
  readonly started: number
}

/**
 * The weight of each worker of one endpoint: the endpoint's own weight, shared among them. While one of several is new,
 * the others carry its part; while all are new, the endpoint gets less.
 */
export const sharesOf = (weight: number, workers: ReadonlyArray<Shared>): ReadonlyArray<number> => {
  let total = 0
  let most = 0
  for (const { started } of workers) {
    total += started
    most = Math.max(most, started)
  }
  return workers.map(({ started }) => (weight * most * started) / total)
}
