import { sleep } from "../../platform/Time.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { valueJson } from "../../protocol/ValueJson.ts"

/** How a stream is written. */
interface StreamForm {
  readonly headers: Readonly<Record<string, string>>
  readonly item: (json: string) => string
  /** The last thing of a stream that failed. */
  readonly error: (json: string) => string
  /** The last thing of one that did not. */
  readonly end: string
  /**
   * Says nothing: begins an answer whose first item is not there yet, and keeps those on the way from taking the connection
   * for dead. Undefined: nothing can be said, and the answer begins with its first item.
   */
  readonly ping: string | undefined
}

// Proxies such as nginx would gather the items otherwise.
const unbuffered = { "cache-control": "no-store", "x-accel-buffering": "no" }

export const streamForms = {
  ndjson: {
    headers: { ...unbuffered, "content-type": "application/x-ndjson" },
    item: (json) => `${json}\n`,
    error: (json) => `{"error":${json}}\n`,
    end: "",
    ping: undefined,
  },
  sse: {
    headers: { ...unbuffered, "content-type": "text/event-stream" },
    item: (json) => `data: ${json}\n\n`,
    error: (json) => `event: error\ndata: ${json}\n\n`,
    end: "event: end\ndata: null\n\n",
    ping: ":\n\n",
  },
} satisfies Readonly<Record<string, StreamForm>>

/** A refusal comes sooner, and then has a status of its own. */
const headMs = 1_000
const pingMs = 15_000

export interface StreamAnswerOptions {
  readonly form: StreamForm
  /** Aborted: the HTTP client has gone. */
  readonly gone: AbortSignal
  /** Aborted: the gateway stops. */
  readonly closing: AbortSignal
  /** The answer, once there is one, is over in whatever way. Called once. */
  readonly onEnd: () => void
}

/**
 * Answers with the items of a stream, each taken when the HTTP client has room for it. Rejects with what the stream
 * fails with before anything was sent; a later failure is told at the end of the answer.
 */
export const streamAnswer = async (items: AsyncIterator<unknown>, options: StreamAnswerOptions): Promise<Response> => {
  const first = items.next()
  await (options.form.ping === undefined ? first : withinHead(first))
  // Nothing is taken ahead of what the client reads: the stream itself has a window for that.
  const body = new ReadableStream<Uint8Array>(new ItemSource(items, first, options), { highWaterMark: 0 })
  return new Response(body, { headers: options.form.headers })
}

const withinHead = async (first: Promise<unknown>): Promise<void> => {
  const done = new AbortController()
  try {
    await Promise.race([first, sleep(headMs, done.signal)])
  } finally {
    done.abort()
  }
}

const encoder = new TextEncoder()

/** The body of an answer: what a ReadableStream pulls from. */
class ItemSource {
  readonly #items: AsyncIterator<unknown>
  readonly #options: StreamAnswerOptions
  readonly #over = new AbortController()
  /** Asked for, and not sent. */
  #next: Promise<IteratorResult<unknown>> | undefined
  #isWaiting = false

  constructor(items: AsyncIterator<unknown>, first: Promise<IteratorResult<unknown>>, options: StreamAnswerOptions) {
    this.#items = items
    this.#next = first
    this.#options = options
    for (const signal of [options.gone, options.closing]) {
      signal.addEventListener("abort", () => this.cancel(), { signal: this.#over.signal })
    }
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { ping } = this.#options.form
    if (ping === undefined) return
    // The runtime sends no header before the first bytes of the body.
    controller.enqueue(encoder.encode(ping))
    void this.#ping(controller, encoder.encode(ping))
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const { closing, form } = this.#options
    try {
      this.#isWaiting = true
      const got = await (this.#next ?? this.#items.next())
      this.#next = undefined
      if (got.done !== true) controller.enqueue(encoder.encode(form.item(valueJson(got.value))))
      else this.#finish(controller, closing.aborted ? form.error(errorJson(stopping())) : form.end)
    } catch (error) {
      this.#finish(controller, form.error(errorJson(closing.aborted ? stopping() : error)))
    } finally {
      this.#isWaiting = false
    }
  }

  /** Nobody reads it any more, or nobody may. */
  cancel(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    this.#options.onEnd()
    void this.#items.return?.()
  }

  #finish(controller: ReadableStreamDefaultController<Uint8Array>, last: string): void {
    if (last !== "") controller.enqueue(encoder.encode(last))
    controller.close()
    this.cancel()
  }

  async #ping(controller: ReadableStreamDefaultController<Uint8Array>, ping: Uint8Array): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await sleep(pingMs, signal)
      // Only when the client has read all there was.
      if (this.#isWaiting && !signal.aborted) controller.enqueue(ping)
    }
  }
}

const stopping = () => new RpcError("unavailable", "the gateway stops: its node does", { executed: "maybe" })

const errorJson = (error: unknown): string => {
  const { code, details, executed, message } =
    error instanceof RpcError ? error : new RpcError("internal", String(error), { executed: "maybe" })
  return valueJson({ code, message, executed, details })
}
