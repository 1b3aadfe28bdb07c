import { Effect } from "effect"
import { monotonicMs } from "../Monotonic.ts"
import type { InstanceRequest, RestartVerdict } from "../../protocol/ProcessMessages.ts"
import type { Placed } from "./SetStatus.ts"
import type { Replacement, Slot } from "./SlotOptions.ts"

/** One process of a set, or all of one kind, or all. */
export type InstanceChoice = Omit<InstanceRequest, "name">

export const choose = ({ kind, slot }: InstanceChoice, places: ReadonlyArray<Placed>): ReadonlyArray<Slot> =>
  places
    .filter((place) => slot === undefined || place.slot.index === slot)
    .filter((place) => place.kind === (kind ?? (slot === undefined ? place.kind : "calls")))
    .map((place) => place.slot)

const reasonOf = (outcome: Replacement) =>
  outcome._tag === "Failed" ? outcome.reason : outcome._tag === "Stopped" ? "it was stopped meanwhile" : undefined

/** Ends the processes of these slots, all at once, and starts them anew; tells what came of it when each has. */
export const restartSlots = Effect.fnUntraced(function* (
  slots: ReadonlyArray<Slot>,
  obstacle: () => string | undefined,
) {
  const startedAt = yield* monotonicMs
  const outcomes = yield* Effect.forEach(slots, ({ restart }) => restart, { concurrency: "unbounded" })
  const reasons = outcomes.map(reasonOf)
  const reason = reasons.find((one) => one !== undefined) ?? (slots.length === 0 ? obstacle() : undefined)
  const verdict: RestartVerdict = {
    outcome: reason === undefined ? "done" : "failed",
    restarted: reasons.filter((one) => one === undefined).length,
    total: slots.length,
    reason: reason ?? null,
    tookMs: (yield* monotonicMs) - startedAt,
  }
  return verdict
})
