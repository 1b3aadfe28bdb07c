/** Each worker says how it does so often. */
export const reportEveryMs = 1_000
/** One that idles says so less often, as that is most of what an agent does while nothing happens. */
const idleReportEveryMs = 5_000
/** Fewer missing reports than this can't be told from late ones. */
const reportsMin = 3

/** How often one that idles has to report to a set with this `heartbeatTimeoutMs`. */
export const idleReportMs = (timeoutMs: number): number =>
  timeoutMs === 0 ? idleReportEveryMs : Math.max(reportEveryMs, Math.min(idleReportEveryMs, timeoutMs / reportsMin))

/** The loop of one that idles stood still for so long: that is told at once. */
const notableLagMs = 100
/** Its timer is late at times: a report is rather sent early than a whole second late. */
const slackMs = 250

/** Whether one that idles has to report now. `sinceMs`: since its last report; `idleMs`: of `idleReportMs`. */
export const isIdleReportDue = (sinceMs: number, idleMs: number, loopLagMs: number): boolean =>
  sinceMs >= idleMs - slackMs || loopLagMs >= notableLagMs

/**
 * How long a worker has said nothing. `heard`: its reports so far. `waitedMs`: how long it has waited for a CPU in all its
 * life; undefined: not asked for.
 */
export type Silence = { readonly heard: number; readonly silentMs: number; readonly waitedMs: number | undefined }

export const noSilence: Silence = { heard: 0, silentMs: 0, waitedMs: undefined }

/** Whether it is worth to ask the kernel how long it has waited for a CPU. */
export const isLongSilent = ({ silentMs }: Silence, timeoutMs: number): boolean =>
  timeoutMs > 0 && silentMs >= timeoutMs / 2

/**
 * Looked at each second. A look that comes late counts as one second and no more: then it was the agent, or the whole
 * host, that did not run, and reports may wait to be read. Nor does the time count in which it waited for a CPU.
 */
export const lookAt = (silence: Silence, heard: number, sinceLastLookMs: number, waitedMs?: number): Silence => {
  if (heard !== silence.heard) return { heard, silentMs: 0, waitedMs: undefined }
  const starvedMs = waitedMs === undefined || silence.waitedMs === undefined ? 0 : waitedMs - silence.waitedMs
  const countedMs = Math.max(0, Math.min(sinceLastLookMs, reportEveryMs) - starvedMs)
  return { heard, silentMs: silence.silentMs + countedMs, waitedMs }
}

/** Why a worker is to be killed, for a person; undefined: it is not stuck. `timeoutMs` 0: nobody cares. */
export const stuckReason = ({ silentMs }: Silence, timeoutMs: number): string | undefined =>
  timeoutMs > 0 && silentMs >= Math.max(timeoutMs, reportsMin * reportEveryMs)
    ? `stuck: its event loop did not turn for ${(silentMs / 1000).toFixed(1)} s`
    : undefined
