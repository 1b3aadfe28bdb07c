import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import type { Slot } from "./SlotOptions.ts"

export type Placed = { readonly kind: WorkerKind; readonly slot: Slot }

const severity = ["FATAL", "BACKOFF", "STARTING", "STOPPING", "EXITED", "STOPPED"] as const

/** The state of a whole set: RUNNING when one of its processes is; the worst of all others otherwise. */
export const worstState = (places: ReadonlyArray<Placed>, isBlocked: boolean): ProcessStatus["state"] => {
  const states = new Set<string>(places.filter(({ kind }) => kind === "calls").map(({ slot }) => slot.state))
  if (states.has("RUNNING")) return "RUNNING"
  if (isBlocked) return "BACKOFF"
  return severity.find((state) => states.has(state)) ?? "STOPPED"
}

/** The first reason that any of its processes has. */
export const firstReason = (places: ReadonlyArray<Placed>): string | null =>
  places.map(({ slot }) => slot.status).find(({ reason }) => reason !== null)?.reason ?? null
