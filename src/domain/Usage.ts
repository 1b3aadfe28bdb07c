/** What the processes of an instance use together, at one moment. `at`: milliseconds since 1970; CPU in percent of one CPU. */
export type UsageSample = {
  readonly at: number
  readonly rssBytes: number
  readonly cpuPercent: number
  readonly processes: number
  /** null: it has no event loop that we know of. */
  readonly loopLagMs: number | null
}

/** What the kernel has counted of one process. */
export type CpuCount = { readonly pid: number; readonly startTime: number; readonly cpuTicks: number }

/** By pid: what a look found. */
export type CpuCounts = ReadonlyMap<number, CpuCount>

/**
 * The ticks that the processes of a tree have used from one look to the next: those that came since count from their
 * start. What one has used that ended in between is lost.
 */
export const ticksSince = (before: CpuCounts, now: Iterable<CpuCount>): number => {
  let ticks = 0
  for (const { cpuTicks, pid, startTime } of now) {
    const known = before.get(pid)
    ticks += cpuTicks - (known?.startTime === startTime ? known.cpuTicks : 0)
  }
  return Math.max(0, ticks)
}

/** Percent of one CPU, with one decimal. */
export const cpuPercentOf = (ticks: number, elapsedMs: number, ticksPerSecond: number): number =>
  elapsedMs <= 0 ? 0 : Math.round((ticks / ticksPerSecond / (elapsedMs / 1_000)) * 1_000) / 10
