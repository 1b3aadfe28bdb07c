import type { RpcNumbers } from "./Setting.ts"

/** What is drawn once for each worker at its start, so that those of one age do not all go at once. Each in [0, 1). */
export type RecyclingDraw = { readonly requests: number; readonly lifetime: number }

/** How far a worker is. */
export type WorkerAge = { readonly requests: number; readonly rssBytes: number; readonly ageMs: number }

/** A worker's lifetime is the one that was set, give or take this share of it. */
const lifetimeSpread = 0.1

const mebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`

const duration = (ms: number) => {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ] as const
  const [size, unit] = units.find(([each]) => ms >= each) ?? [1_000, "s"]
  return `${(ms / size).toFixed(1)} ${unit}`
}

/** What a worker is replaced for. */
export type RecyclingSettings = Pick<RpcNumbers, "maxLifetimeMs" | "maxRequests" | "maxRequestsJitter" | "maxRssBytes">

/** Why a worker has to be replaced by a fresh one, for a person; undefined: it has not. */
export const recyclingReason = (
  settings: RecyclingSettings,
  age: WorkerAge,
  draw: RecyclingDraw,
): string | undefined => {
  const { maxLifetimeMs, maxRequests, maxRequestsJitter, maxRssBytes } = settings
  const requestsMax = maxRequests + Math.floor(draw.requests * (maxRequestsJitter + 1))
  if (maxRequests > 0 && age.requests >= requestsMax)
    return `it has answered ${age.requests} calls, and goes after ${requestsMax}`
  if (maxRssBytes > 0 && age.rssBytes > maxRssBytes)
    return `it has ${mebibytes(age.rssBytes)} of memory, and may have ${mebibytes(maxRssBytes)}`
  const lifetimeMs = maxLifetimeMs * (1 - lifetimeSpread + 2 * lifetimeSpread * draw.lifetime)
  if (maxLifetimeMs > 0 && age.ageMs >= lifetimeMs)
    return `it is ${duration(age.ageMs)} old, and goes after ${duration(lifetimeMs)}`
  return undefined
}

const youngMs = 10_000
const hasteMinMs = 1_000
const hasteMaxMs = 30_000

/**
 * How long no other worker is to be replaced after one of this age was. One that is replaced when it is hardly up was no
 * relief, so the wait doubles from one to the next. `before`: the wait that came before it.
 */
export const hasteMs = (ageMs: number, before: number): number =>
  ageMs >= youngMs + 2 * before ? 0 : Math.min(hasteMaxMs, Math.max(hasteMinMs, 2 * before))
