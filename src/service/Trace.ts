import { randomHex } from "../platform/Ids.ts"

/** A place in a trace, as W3C Trace Context has it. */
export interface Trace {
  /** What is sent along with calls that are made from here. */
  readonly traceparent: string
  /** The same in every call that a first one led to: 32 hex digits. */
  readonly traceId: string
  /** Of this call alone: 16 hex digits. */
  readonly spanId: string
}

const pattern = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(?:$|-)/

/** A span of its own below the one that `traceparent` names; a new trace when that names none. */
export const traceBelow = (traceparent: unknown): Trace => {
  const match = typeof traceparent === "string" && traceparent.length <= 255 ? pattern.exec(traceparent) : null
  const traceId = match?.[1] ?? randomHex(16)
  const spanId = randomHex(8)
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${match?.[2] ?? "00"}` }
}
