import type { BlockingThread } from "../platform/BlockingThread.ts"
import { EncodeError } from "../protocol/EncodeError.ts"
import { plain } from "../protocol/Plain.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { asRpcError, CallError } from "./CallError.ts"
import {
  callThread,
  receiveError,
  type StepAnswer,
  streamStepMs,
  type SyncCallSettings,
  type SyncConnectOptions,
  type ThreadAnswer,
  type ThreadMessage,
} from "./CallThread.ts"
import { SyncStream } from "./SyncStream.ts"

export interface SyncCaller {
  /**
   * As that of the asynchronous client, but blocks the calling thread until the answer is there. Throws a CallError.
   */
  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Result
  /** As that of the asynchronous client; each step of the loop blocks until its item is there. Throws a CallError. */
  stream<Item = unknown>(method: string, ...args: ReadonlyArray<unknown>): IterableIterator<Item>
}

/** The thread keeps the time of a call by itself. When it says nothing for so much longer, it is given up. */
const graceMs = 1_000

let lastId = 0
let lastStream = 0

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

  stream<Item = unknown>(method: string, ...args: ReadonlyArray<unknown>): IterableIterator<Item> {
    return this.#stream({}, method, args) as IterableIterator<Item>
  }

  /** The same client with other settings: `client.with({ timeoutMs: 2_000 }).call("report")`. */
  with(settings: SyncCallSettings): SyncCaller {
    return {
      call: <Result>(method: string, ...args: ReadonlyArray<unknown>) => this.#call(settings, method, args) as Result,
      stream: <Item>(method: string, ...args: ReadonlyArray<unknown>) =>
        this.#stream(settings, method, args) as IterableIterator<Item>,
    }
  }

  /** Closes its connections. Later calls fail. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#thread?.ended === false) this.#thread.tell({ kind: "close", client: this.#id })
  }

  #call(settings: SyncCallSettings, method: string, args: ReadonlyArray<unknown>): unknown {
    const answer = this.#placed(method, () => {
      const message = { kind: "call", client: this.#id, method, ...sendable(method, args, settings) } as const
      return this.#ask<ThreadAnswer>(message, settings.timeoutMs ?? this.#options.timeoutMs)
    })
    if ("error" in answer) throw receiveError(answer.error)
    return answer.value
  }

  #stream(settings: SyncCallSettings, method: string, args: ReadonlyArray<unknown>): IterableIterator<unknown> {
    const stream = ++lastStream
    const step = (message: () => ThreadMessage) =>
      this.#placed(method, () => this.#ask<StepAnswer>(message(), streamStepMs))
    return new SyncStream(
      {
        begin: () =>
          step(() => ({ kind: "stream", stream, client: this.#id, method, ...sendable(method, args, settings) })),
        next: () => step(() => ({ kind: "next", stream })),
        leave: () => {
          if (this.#thread?.ended === false) this.#thread.tell({ kind: "return", stream })
        },
      },
      receiveError,
    )
  }

  /** What goes wrong on the way to the thread is told like what goes wrong there. */
  #placed<A>(method: string, ask: () => A): A {
    try {
      return ask()
    } catch (error) {
      throw new CallError(asRpcError(error), { service: this.#service, method, endpoint: undefined })
    }
  }

  #ask<Answer>(message: ThreadMessage, timeoutMs: number): Answer {
    if (this.#closed) throw new RpcError("unavailable", "the client is closed", { executed: "no" })
    const thread = this.#openThread()
    const answer = thread.ask(message, timeoutMs + graceMs)
    if (answer !== undefined) return answer.value as Answer
    // The next call starts another one.
    thread.end()
    throw new RpcError("deadline_exceeded", "the thread that makes the calls has not answered in time", {
      executed: "maybe",
    })
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
