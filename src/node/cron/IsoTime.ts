import { DateTime } from "effect"

/** Milliseconds since 1970 as `2026-11-26T08:30:00.000Z`. */
export const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))
