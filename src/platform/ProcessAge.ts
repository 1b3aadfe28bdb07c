import { readFileSync } from "node:fs"
import { withSpareFile } from "./SpareFile.ts"
import { clockTicks, type ProcessIdentity } from "./ProcessTable.ts"

/** Milliseconds since the start of the host, also those in which it slept. */
export const uptimeMs = (): number =>
  Number.parseFloat(withSpareFile(() => readFileSync("/proc/uptime", "utf8"))) * 1_000

/** How old a process of this boot is, in milliseconds. */
export const ageMs = ({ startTime }: ProcessIdentity): number =>
  Math.max(0, uptimeMs() - (Number(startTime) * 1_000) / clockTicks())

/**
 * How long the main thread of a process has waited for a CPU since its start, while others had them all; undefined when
 * there is no such process, or the kernel does not count that.
 */
export const waitedForCpuMs = (pid: number): number | undefined => {
  try {
    const nanos = Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1])
    return Number.isFinite(nanos) ? nanos / 1e6 : undefined
  } catch {
    return undefined
  }
}
