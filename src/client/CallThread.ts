import type { ErrorCode, Executed } from "../domain/ErrorCode.ts"
import { BlockingThread, siblingEntry, type ThreadEntry, ThreadFailed } from "../platform/BlockingThread.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { CallError, type CallPlace } from "./CallError.ts"
import type { CallSettings } from "./CallSettings.ts"
import type { ConnectOptions } from "./connect.ts"

/** Those of `connect` that a thread can be told: all but functions. */
export type SyncConnectOptions = Pick<
  ConnectOptions,
  "certificates" | "dataDir" | "discovery" | "endpoints" | "idempotent" | "name" | "retryBudget" | "timeoutMs" | "tls"
>

/** How one call differs from the client's own settings. */
export type SyncCallSettings = Omit<CallSettings, "signal">

export interface CallMessage {
  readonly kind: "call"
  readonly client: number
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly settings: SyncCallSettings
}

/** The first step of a stream, which has a number from then on. */
export interface StreamMessage extends Omit<CallMessage, "kind"> {
  readonly kind: "stream"
  readonly stream: number
}

/** The thread answers a step of a stream after so long, with an item or without. Milliseconds. */
export const streamStepMs = 500

/** What the thread is told. `client` is the number that the other side gave it. */
export type ThreadMessage =
  | {
      readonly kind: "open"
      readonly client: number
      readonly service: string
      readonly options: SyncConnectOptions
    }
  | CallMessage
  | StreamMessage
  | { readonly kind: "next"; readonly stream: number }
  | { readonly kind: "return"; readonly stream: number }
  | { readonly kind: "close"; readonly client: number }

/** A CallError on its way between threads. */
export interface PassedError extends CallPlace {
  readonly code: ErrorCode
  readonly message: string
  readonly executed: Executed
  readonly details: unknown
}

export type ThreadAnswer = { readonly value: unknown } | { readonly error: PassedError }

/** `waiting`: there is no item yet. */
export type StepAnswer =
  | { readonly step: IteratorResult<unknown> }
  | { readonly waiting: true }
  | { readonly error: PassedError }

export const passError = (error: CallError): PassedError => {
  const { code, details, endpoint, executed, method, service } = error
  const message = error.cause instanceof Error ? error.cause.message : error.message
  return { code, details, endpoint, executed, method, service, message }
}

export const receiveError = ({ code, details, executed, message, ...place }: PassedError): CallError =>
  new CallError(new RpcError(code, message, { executed, details }), place)

/** Loading the library on a busy machine; not counted to the timeout of the call that waits for it. */
const startMs = 10_000

let entry: ThreadEntry = siblingEntry("./SyncThread", import.meta.url)
let shared: BlockingThread | undefined

/** For a program that holds this library without its files. */
export const useThreadEntry = (own: ThreadEntry | undefined): void => {
  entry = own ?? entry
}

/** The one thread that makes the calls of all synchronous clients. Throws an RpcError when there can't be one. */
export const callThread = (): BlockingThread => {
  if (shared?.ended === false) return shared
  try {
    shared = BlockingThread.start(entry, startMs)
    return shared
  } catch (cause) {
    if (!(cause instanceof ThreadFailed)) throw cause
    throw cannotStart(cause)
  }
}

const cannotStart = (cause: ThreadFailed): RpcError => {
  const reason = `the thread for synchronous calls cannot start: ${cause.message}`
  const advice = `; keep "muster/client" out of the bundle, as an external module, or call asynchronously with connect()`
  return new RpcError(
    cause.isMissing ? "failed_precondition" : "unavailable",
    reason + (cause.isMissing ? advice : ""),
    {
      executed: "no",
      cause,
    },
  )
}
