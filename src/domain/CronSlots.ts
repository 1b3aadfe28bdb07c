import type { MissedRuns } from "./Cron.ts"
import type { Plan } from "./Schedule.ts"

/** A run that begins up to so much later than it was due is on time: the agent may have been replaced meanwhile. */
export const onTimeMs = 60_000
/** Of runs that were missed, so many are made up for. */
export const missedRunsMax = 100
/** Runs of one task that wait for others of it to end. */
export const waitingRunsMax = 100
/** A clock that was put back by more was wrong before: what it has said of the future counts no more. */
export const putBackMaxMs = 3 * 3_600_000

export type DueRun = { readonly dueAt: number; readonly cause: "schedule" | "missed" }

/** What is to be done about the times that have come. */
export interface DueSlots {
  /** In the order in which they begin. */
  readonly runs: ReadonlyArray<DueRun>
  /** Those that nothing is done for, by the policy for missed runs: the first and the last of them. */
  readonly leftOut: { readonly from: number; readonly to: number } | undefined
  /** All up to this one are dealt with. */
  readonly lastSlot: number
}

/** The newest times in (after, now], at most `count`, oldest first. Never walks through all of a long absence. */
const newest = (plan: Plan, after: number, now: number, count: number): ReadonlyArray<number> => {
  for (let window = onTimeMs; ; window *= 4) {
    const start = Math.max(after, now - window)
    const found: Array<number> = []
    for (let slot = plan.next(start); slot !== undefined && slot <= now; slot = plan.next(slot)) found.push(slot)
    if (found.length >= count || start === after) return found.slice(-count)
  }
}

/** undefined: nothing is due. `lastSlot`: all up to it were dealt with before. */
export const dueSlots = (plan: Plan, lastSlot: number, now: number, missed: MissedRuns): DueSlots | undefined => {
  const first = plan.next(lastSlot)
  if (first === undefined || first > now) return undefined
  const slots = newest(plan, lastSlot, now, missed === "all" ? missedRunsMax : 2)
  const last = slots.at(-1) ?? first
  const isOnTime = now - last <= onTimeMs
  const chosen = missed === "all" ? slots : missed === "once" || isOnTime ? [last] : []
  const before = missed === "once" ? undefined : lastBefore(slots, chosen, plan, first)
  return {
    runs: chosen.map((dueAt) => ({ dueAt, cause: isOnTime && dueAt === last ? "schedule" : "missed" })),
    leftOut: before === undefined ? undefined : { from: first, to: before },
    lastSlot: last,
  }
}

/** The last one that is not chosen; undefined: all are. */
const lastBefore = (
  slots: ReadonlyArray<number>,
  chosen: ReadonlyArray<number>,
  plan: Plan,
  first: number,
): number | undefined => {
  const earliest = chosen[0]
  if (earliest === undefined) return slots.at(-1)
  if (earliest <= first) return undefined
  const at = slots.indexOf(earliest)
  if (at > 0) return slots[at - 1]
  return newest(plan, first - 1, earliest - 1, 1)[0]
}
