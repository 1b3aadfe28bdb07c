import { readFileSync } from "node:fs"
import { clockTicks, type ProcessIdentity } from "./ProcessTable.ts"

/** Milliseconds since the start of the host, also those in which it slept. */
export const uptimeMs = (): number => Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1_000

/** How old a process of this boot is, in milliseconds. */
export const ageMs = ({ startTime }: ProcessIdentity): number =>
  Math.max(0, uptimeMs() - (Number(startTime) * 1_000) / clockTicks())
