import { existsSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import { getBuiltinModule } from "node:process"
import type { MessagePort, Worker } from "node:worker_threads"

/** When there is to be a thread: each worker would wait 2 ms for it. */
const workerThreads = () => getBuiltinModule("node:worker_threads")

/** What a thread runs: a file that calls `serveThread`, and what stands in its `process.argv` after the file's name. */
export interface ThreadEntry {
  readonly url: URL
  readonly argv?: ReadonlyArray<string>
}

/** Why there is no thread. */
export class ThreadFailed extends Error {
  override readonly name = "ThreadFailed"
  /** There is no such file: a bundler took the code and left it behind. */
  readonly isMissing: boolean

  constructor(message: string, options?: { readonly isMissing?: boolean; readonly cause?: unknown }) {
    super(message, { cause: options?.cause })
    this.isMissing = options?.isMissing ?? false
  }
}

interface ThreadLink {
  readonly port: MessagePort
  /** One number, raised with each message of the thread. */
  readonly signal: SharedArrayBuffer
}

type Answer = { readonly id: number; readonly value: unknown }

const nothingMoved: Array<never> = []

type Runtime = { readonly Bun?: { readonly isStandaloneExecutable?: boolean; readonly main: string } }

/** The running executable as a thread's entry, told by `argv` what to be; undefined when this runs from files. */
export const executableEntry = (argv: ReadonlyArray<string>): ThreadEntry | undefined => {
  const { Bun } = globalThis as Runtime
  return Bun?.isStandaloneExecutable === true ? { url: pathToFileURL(Bun.main), argv } : undefined
}

/** The module `name` in the folder of the module at `url`, in the form that one has: source or compiled. */
export const siblingEntry = (name: string, url: string): ThreadEntry => ({
  url: new URL(`${name}${url.endsWith(".ts") ? ".ts" : ".js"}`, url),
})

/**
 * A thread that is asked and waited for without the event loop of the one who asks. It doesn't keep the process alive.
 * Values pass as structured clones.
 */
export class BlockingThread {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal: Int32Array
  #lastId = 0
  #ended = false

  private constructor(worker: Worker, port: MessagePort, signal: Int32Array) {
    this.#worker = worker
    this.#port = port
    this.#signal = signal
    worker.unref()
    worker.on("exit", () => {
      this.#ended = true
    })
    // Heard only when the event loop runs again. Without a listener it would end the process then.
    worker.on("error", () => {
      this.#ended = true
    })
  }

  /** Waits until it serves. Throws ThreadFailed. */
  static start(entry: ThreadEntry, timeoutMs: number): BlockingThread {
    const { argv = [], url } = entry
    // A missing file is told to the event loop only, which doesn't run while this waits.
    if (url.protocol !== "file:" || (argv.length === 0 && !existsSync(fileURLToPath(url)))) {
      throw new ThreadFailed(`there is no file ${url.href}`, { isMissing: true })
    }
    const { MessageChannel } = workerThreads()
    const { port1, port2 } = new MessageChannel()
    const buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const link: ThreadLink = { port: port2, signal: buffer }
    const signal = new Int32Array(buffer)
    const worker = makeWorker(entry, link)
    const thread = new BlockingThread(worker, port1, signal)
    if (Atomics.wait(signal, 0, 0, timeoutMs) === "timed-out") {
      thread.end()
      throw new ThreadFailed(`${url.href} did not start within ${timeoutMs} ms`)
    }
    return thread
  }

  /** It is known to have ended; this is not heard of while a thread waits. */
  get ended(): boolean {
    return this.#ended
  }

  /** Says something that has no answer. */
  tell(message: unknown): void {
    this.#port.postMessage({ id: 0, message }, nothingMoved)
  }

  /** Blocks until the answer is there; undefined when it is not within the time. */
  ask(message: unknown, timeoutMs: number): { readonly value: unknown } | undefined {
    const id = ++this.#lastId
    const until = performance.now() + timeoutMs
    this.#port.postMessage({ id, message }, nothingMoved)
    for (;;) {
      const seen = Atomics.load(this.#signal, 0)
      const answer = this.#take(id)
      if (answer !== undefined) return answer
      const leftMs = until - performance.now()
      if (leftMs <= 0) return undefined
      Atomics.wait(this.#signal, 0, seen, leftMs)
    }
  }

  /** Ends it, whatever it does. */
  end(): void {
    this.#ended = true
    void this.#worker.terminate()
    this.#port.close()
  }

  /** The answer to `id`, if it is there. Those before it came too late for whoever asked. */
  #take(id: number): Answer | undefined {
    const { receiveMessageOnPort } = workerThreads()
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: Answer } | undefined
      if (received === undefined || received.message.id === id) return received?.message
    }
  }
}

const makeWorker = ({ argv = [], url }: ThreadEntry, link: ThreadLink): Worker => {
  try {
    // Without the flags of the process: of `node --input-type=module -` and its like no thread can be made.
    return new (workerThreads().Worker)(url, {
      argv: [...argv],
      execArgv: [],
      workerData: link,
      transferList: [link.port],
    })
  } catch (cause) {
    throw new ThreadFailed(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** The thread's side: gives every message to `answer`, which must not reject, and what it resolves to back. */
export const serveThread = (answer: (message: unknown) => Promise<unknown>): void => {
  const link = workerThreads().workerData as ThreadLink | null
  if (!(link?.signal instanceof SharedArrayBuffer)) throw new ThreadFailed("this is started by a program, as a thread")
  const { port } = link
  const signal = new Int32Array(link.signal)
  const raise = () => {
    Atomics.add(signal, 0, 1)
    Atomics.notify(signal, 0)
  }
  const serve = async ({ id, message }: { readonly id: number; readonly message: unknown }) => {
    const value = await answer(message)
    if (id === 0) return
    port.postMessage({ id, value } satisfies Answer, nothingMoved)
    raise()
  }
  port.on("message", (received: { readonly id: number; readonly message: unknown }) => void serve(received))
  raise()
}
