/** The reason of an end of which nobody can tell how it came about. */
export const unknownEnd = "ended; how is not known, as another agent had started it"
/** The same of one that has ended while no agent ran. */
export const unseenEnd = "ended while no agent ran; how is not known"

type Exit = { readonly code: number | null; readonly signal: string | null }

/** How a process has ended, for a person. `wasOver`: before this agent came. */
export const reasonOfEnd = ({ code, signal }: Exit, wasOver: boolean): string => {
  if (signal !== null) return `killed by ${signal}`
  if (code !== null) return `exited with code ${code}`
  return wasOver ? unseenEnd : unknownEnd
}

/** How far a process was when it ended unexpectedly, and how often in a row its place has failed by now. */
export type CrashMoment = { readonly wasRunning: boolean; readonly failures: number }

/** A program that can't even start would fill the book with the same report again and again: its first failure says it all. */
export const isWorthReport = ({ failures, wasRunning }: CrashMoment): boolean => wasRunning || failures <= 1

type ReportedCall = { readonly method: string; readonly ageMs: number; readonly remote: string }
type WrittenCall = { readonly method: string; readonly startedAt?: number; readonly remote?: string | undefined }

/** The calls of a report that are told one by one. */
const callsTold = 20

/**
 * The calls that ran when a process ended. What the journal says was so at that moment; who had called, where it does not
 * say, is known only from the last report before. `written`: the oldest first; `at`: of the end, both in milliseconds since 1970.
 */
export const callsAtEnd = (
  written: ReadonlyArray<WrittenCall>,
  reported: ReadonlyArray<ReportedCall>,
  at: number,
): ReadonlyArray<ReportedCall> => {
  if (written.length === 0) return reported
  const known = new Set(written.map(({ remote }) => remote))
  const others = reported.filter(({ remote }) => !known.has(remote))
  const callers = Map.groupBy(others, ({ method }) => method)
  return written.slice(0, callsTold).map(({ method, remote, startedAt }) => ({
    method,
    ageMs: Math.max(0, Math.round(at - (startedAt ?? at))),
    remote: remote ?? callers.get(method)?.shift()?.remote ?? "",
  }))
}
