import type { BlockingThread } from "../platform/BlockingThread.ts"
import { EncodeError } from "../protocol/EncodeError.ts"
import { plain } from "../protocol/Plain.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { asRpcError, CallError } from "./CallError.ts"
import {
  type CallMessage,
  callThread,
  receiveError,
  type SyncCallSettings,
  type SyncConnectOptions,
  type ThreadAnswer,
} from "./CallThread.ts"

export interface SyncCaller {
  /** As that of the asynchronous client, but blocks the calling thread until the answer is there. Throws a CallError. */
  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Result
}

/** The thread keeps the time of a call by itself. When it says nothing for so much longer, it is given up. */
const graceMs = 1_000

let lastId = 0

/** Calls one service, and waits. Made by `connectSync`; open until `close`. */
export class SyncClient implements SyncCaller {
  readonly #id = ++lastId
  readonly #service: string
  readonly #options: SyncConnectOptions & { readonly timeoutMs: number }
  /** Where this client has been opened. */
  #thread: BlockingThread | undefined
  #closed = false

  constructor(service: string, options: SyncConnectOptions & { readonly timeoutMs: number }) {
    this.#service = service
    this.#options = options
  }

  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Result {
    return this.#call({}, method, args) as Result
  }

  /** The same client with other settings: `client.with({ timeoutMs: 2_000 }).call("report")`. */
  with(settings: SyncCallSettings): SyncCaller {
    return {
      call: <Result>(method: string, ...args: ReadonlyArray<unknown>) => this.#call(settings, method, args) as Result,
    }
  }

  /** Closes its connections. Later calls fail. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#thread?.ended === false) this.#thread.tell({ kind: "close", client: this.#id })
  }

  #call(settings: SyncCallSettings, method: string, args: ReadonlyArray<unknown>): unknown {
    const answer = this.#ask(settings, method, args)
    if ("error" in answer) throw receiveError(answer.error)
    return answer.value
  }

  #ask(settings: SyncCallSettings, method: string, args: ReadonlyArray<unknown>): ThreadAnswer {
    try {
      if (this.#closed) throw new RpcError("unavailable", "the client is closed", { executed: "no" })
      const message = {
        kind: "call",
        client: this.#id,
        method,
        ...sendable(method, args, settings),
      } satisfies CallMessage
      const thread = this.#openThread()
      const answer = thread.ask(message, (settings.timeoutMs ?? this.#options.timeoutMs) + graceMs)
      if (answer !== undefined) return answer.value as ThreadAnswer
      // The next call starts another one.
      thread.end()
      throw new RpcError("deadline_exceeded", "the thread that makes the calls has not answered in time", {
        executed: "maybe",
      })
    } catch (error) {
      throw new CallError(asRpcError(error), { service: this.#service, method, endpoint: undefined })
    }
  }

  #openThread(): BlockingThread {
    const thread = callThread()
    if (this.#thread !== thread) {
      thread.tell({ kind: "open", client: this.#id, service: this.#service, options: this.#options })
      this.#thread = thread
    }
    return thread
  }
}

/** In a form that passes to the thread, and means there what it means here: methods such as `toJSON` do not pass. */
const sendable = (method: string, args: ReadonlyArray<unknown>, settings: SyncCallSettings) => {
  try {
    const { hedgeAfterMs, idempotencyKey, idempotent, ip, retries, timeoutMs } = settings
    const meta = plain(settings.meta ?? {}) as Readonly<Record<string, unknown>>
    return {
      args: plain(args) as ReadonlyArray<unknown>,
      // What else a caller's object holds may not pass.
      settings: { hedgeAfterMs, idempotencyKey, idempotent, ip, meta, retries, timeoutMs },
    }
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error
    const reason = `The arguments of "${method}" cannot be sent: ${error.message}`
    throw new RpcError("invalid_argument", reason, { executed: "no", cause: error })
  }
}
