import type { SetView } from "../../domain/StartOrder.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import type { Slot } from "./SlotOptions.ts"

export type Placed = { readonly kind: WorkerKind; readonly slot: Slot }

const severity = ["FATAL", "BACKOFF", "STARTING", "STOPPING", "EXITED", "STOPPED"] as const

const takingCalls = (places: ReadonlyArray<Placed>) =>
  places.filter(({ kind }) => kind === "calls").map(({ slot }) => slot)

/** The state of a whole set: RUNNING when one of its processes is; the worst of all others otherwise. */
export const worstState = (places: ReadonlyArray<Placed>, isBlocked: boolean): ProcessStatus["state"] => {
  const states = new Set<string>(takingCalls(places).map(({ state }) => state))
  if (states.has("RUNNING")) return "RUNNING"
  if (isBlocked) return "BACKOFF"
  return severity.find((state) => states.has(state)) ?? "STOPPED"
}

/** The first reason that any of its processes has. */
export const firstReason = (places: ReadonlyArray<Placed>): string | null =>
  places.map(({ slot }) => slot.status).find(({ reason }) => reason !== null)?.reason ?? null

/**
 * Since when its processes are in a state; undefined: none is. The set has run for as long as one of them has; in any
 * other state it is since the last of them came to it.
 */
export const sinceOf = (places: ReadonlyArray<Placed>, state: ProcessStatus["state"]): number | undefined => {
  const times = takingCalls(places).flatMap((slot) => (slot.state === state ? [slot.status.since] : []))
  return times.length === 0 ? undefined : state === "RUNNING" ? Math.min(...times) : Math.max(...times)
}

/** Each has come up, or could not. */
export const haveSettled = (places: ReadonlyArray<Placed>): boolean =>
  places.every(({ slot }) => slot.state !== "STARTING" && slot.state !== "STOPPED")

type Known = Pick<SetView, "begun" | "settled" | "reason"> & { readonly isRemoved: boolean }

/** A set as the rules of the start order see it. */
export const viewOf = (
  { name, spec }: ProcessAssignment,
  places: ReadonlyArray<Placed>,
  { isRemoved, ...known }: Known,
): SetView => {
  const slots = takingCalls(places)
  return {
    ...known,
    name,
    service: spec.service,
    startOrder: spec.startOrder,
    dependsOn: spec.dependsOn,
    desired: isRemoved ? "stopped" : spec.desired,
    started: slots.some(({ state }) => state === "RUNNING" || state === "EXITED"),
    ready: slots.some(({ isReady }) => isReady),
    completed: slots.length > 0 && slots.every(({ isCompleted }) => isCompleted),
    gone: places.length === 0,
  }
}
