import type { Probe } from "./Probe.ts"

/** What a probe is for: whether a process gets calls, or whether it stays. */
export type ProbeRole = "readiness" | "liveness"

/** `text`: what was heard, for a person: `HTTP 503 from http://127.0.0.1:80/health`. */
export type ProbeAnswer = { readonly ok: boolean; readonly text: string }

/** How a process does by one of its probes. `row`: answers of the last one's kind in a row. */
export type ProbeState = {
  readonly isGood: boolean
  readonly row: number
  readonly last: ProbeAnswer | undefined
}

/** Nobody is ready who was not asked, and nobody is ended who was not asked. */
export const unasked = (role: ProbeRole): ProbeState => ({ isGood: role === "liveness", row: 0, last: undefined })

/** Turns good after `rise` good answers in a row, and bad after `fall` bad ones; an answer of the other kind begins anew. */
export const afterAnswer = (
  { isGood, last, row }: ProbeState,
  answer: ProbeAnswer,
  { fall, rise }: Pick<Probe, "rise" | "fall">,
): ProbeState => {
  const now = last?.ok === answer.ok ? row + 1 : 1
  const isEnough = now >= (answer.ok ? rise : fall)
  return { isGood: isEnough ? answer.ok : isGood, row: now, last: answer }
}

/**
 * Why it is bad, for a person: `liveness: HTTP 503 from http://127.0.0.1:80/health, 3 times in a row`. Readiness is told
 * without the number: it is shown as long as it is bad, and would be news each time.
 */
export const badReason = (role: ProbeRole, { isGood, last, row }: ProbeState): string | undefined => {
  if (isGood) return undefined
  const times = role === "readiness" || row < 2 ? "" : `, ${row} times in a row`
  return `${role}: ${last?.ok === false ? `${last.text}${times}` : last === undefined ? "not asked yet" : "good, but not often enough yet"}`
}

/** How long to wait before it is asked next, at `ageMs` after the start of its process. */
export const askInMs = ({ delayMs, periodMs }: Pick<Probe, "delayMs" | "periodMs">, state: ProbeState, ageMs: number) =>
  state.last === undefined ? Math.max(0, delayMs - ageMs) : periodMs
