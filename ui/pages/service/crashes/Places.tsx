import type { Messages } from "../../../messages/Messages.ts"
import { formatMicros } from "../../../parts/Format.ts"
import type { PageContext } from "../../../ViewModels.ts"

/** An instance in its set: `0`, `tasks 0`. */
export const placeText = ({ crashes }: Messages, { kind, slot }: { kind: "calls" | "tasks"; slot: number }) =>
  kind === "tasks" ? crashes.taskWorker(slot) : String(slot)

const hour = 3_600_000
const day = 24 * hour

/** A time in the unit that a person would use. */
export const formatLong = (page: PageContext, ms: number): string => {
  if (ms < 60_000) return formatMicros(page.lang, ms * 1_000)
  const format = (value: number, unit: "minute" | "hour" | "day") =>
    new Intl.NumberFormat(page.lang, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(
      value,
    )
  if (ms < hour) return format(ms / 60_000, "minute")
  return ms < day ? format(ms / hour, "hour") : format(ms / day, "day")
}
