import type { ErrorCode, Executed } from "./ErrorCode.ts"

/** What became of a call of the console at one endpoint. */
export type CallResult = {
  /** `ip:port` */
  readonly endpoint: string
  readonly tookMs: number
} & (
  | {
      readonly ok: true
      /** JSON, cut at `bytesShownMax`; of a stream a list of its first items. */
      readonly json: string
      /** Of the whole JSON. */
      readonly bytes: number
      readonly cut: boolean
      readonly stream: StreamSeen | null
    }
  | {
      readonly ok: false
      readonly code: ErrorCode
      readonly message: string
      readonly executed: Executed
      /** JSON; null: none were given. */
      readonly details: string | null
    }
)

export type CallOutcome = CallResult & { readonly nodeName: string | null }

export type StreamSeen = {
  readonly items: number
  /** `limit`: it goes on, but enough was seen. `time`: the time was over. */
  readonly end: "ended" | "limit" | "time"
}

export const bytesShownMax = 256 * 1024
export const itemsShownMax = 100
/** How long a call of the console may take. */
export const consoleTimeout = { minimumMs: 1, maximumMs: 30_000 } as const
/** Endpoints that are called when all are asked for. */
export const endpointsCalledMax = 64
