import { decode } from "../../protocol/Decode.ts"
import { encode } from "../../protocol/Encode.ts"
import type { KeyBegun, KeyOutcome } from "../../protocol/WorkerLink.ts"
import type { KeyLog, KeyRecord } from "./KeyLog.ts"

export type KeyLimits = { readonly keys: number; readonly bytes: number; readonly resultBytes: number }

export const keyLimits: KeyLimits = { keys: 10_000, bytes: 64 * 1024 ** 2, resultBytes: 1024 ** 2 }

/** `call`: which of its worker's calls asks, by the worker's count. */
export type Asker = { readonly pid: number; readonly call?: number | undefined }

type Running = Asker & { readonly request: string }

/** `outcome`: CBOR; undefined when its worker died before it said what became of the call. */
type Ended = { readonly request: string; readonly outcome: Uint8Array | undefined; readonly until: number }

const tooLarge = (bytes: number): KeyOutcome => ({
  ok: false,
  code: "failed_precondition",
  message: `The call was made and answered, but its result of ${bytes} bytes is too large to be kept for a repeat`,
  details: null,
})

/** How the log may grow beyond what is in it. */
const logBytesMin = 1024 ** 2
const logTimes = 4
/** Roughly, of one key in the log besides its outcome. */
const keyBytes = 160

/** Where a window is kept for the next agent. */
type Kept = {
  readonly log: KeyLog
  /** Milliseconds since the host's start when the monotonic clock of this process was 0. */
  readonly zeroMs: number
}

/**
 * The calls of one process set that were made under an idempotency key, and what became of them, for as long as the
 * window is. A key whose call runs stays for as long as its worker lives. Times are milliseconds of a monotonic clock.
 */
export class KeyWindow {
  readonly #windowMs: () => number
  readonly #limits: KeyLimits
  readonly #running = new Map<string, Running>()
  /** In the order in which they end. */
  readonly #ended = new Map<string, Ended>()
  #bytes = 0
  #kept: Kept | undefined

  constructor(windowMs: () => number, limits: KeyLimits = keyLimits) {
    this.#windowMs = windowMs
    this.#limits = limits
  }

  get size(): number {
    return this.#running.size + this.#ended.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * From now on what it knows is kept in `log`, and what an agent before this one has kept there is known again.
   * `isAlive`: whether a worker of then still runs. `bootMs`: milliseconds since the host's start.
   */
  keepIn(log: KeyLog, at: { readonly now: number; readonly bootMs: number; isAlive(pid: number): boolean }): void {
    const zeroMs = at.bootMs - at.now
    for (const record of log.read()) {
      const { key, request } = record
      if ("pid" in record) this.#running.set(key, { request, pid: record.pid, call: record.call ?? undefined })
      else
        this.#close(key, {
          request,
          outcome: record.outcome ?? undefined,
          until: record.at - zeroMs + this.#windowMs(),
        })
    }
    for (const [key, { pid, request }] of this.#running)
      if (!at.isAlive(pid)) this.#close(key, { request, outcome: undefined, until: at.now + this.#windowMs() })
    this.#kept = { log, zeroMs }
    this.#forget(at.now)
    if (this.size > 0) this.#rewrite()
  }

  /**
   * Undefined: as many calls run under keys as may, so none can be taken note of. The same `call` of the same worker may
   * ask again.
   */
  begin({ call, pid }: Asker, key: string, request: string, now: number): KeyBegun | undefined {
    this.#forget(now)
    const running = this.#running.get(key)
    if (call !== undefined && running?.pid === pid && running.call === call) return { state: "run" }
    const known = running ?? this.#ended.get(key)
    if (known !== undefined) return known.request === request ? this.#tell(known) : { state: "mismatch" }
    if (this.#windowMs() === 0) return { state: "run" }
    if (this.#running.size >= this.#limits.keys) return undefined
    this.#running.set(key, { request, pid, call })
    this.#keep({ key, request, pid, call: call ?? null })
    this.#shrink()
    return { state: "run" }
  }

  /** What became of a call; of one that was not begun by this worker nothing is kept. */
  end(pid: number, key: string, outcome: KeyOutcome, now: number): void {
    const running = this.#running.get(key)
    if (running?.pid !== pid) return
    const bytes = encode(outcome)
    const kept = bytes.length > this.#limits.resultBytes ? encode(tooLarge(bytes.length)) : bytes
    this.#end(key, { request: running.request, outcome: kept }, now)
  }

  workerGone(pid: number, now: number): void {
    for (const [key, running] of this.#running)
      if (running.pid === pid) this.#end(key, { request: running.request, outcome: undefined }, now)
  }

  #end(key: string, { outcome, request }: Pick<Ended, "request" | "outcome">, now: number): void {
    this.#close(key, { request, outcome, until: now + this.#windowMs() })
    this.#keep({ key, request, outcome: outcome ?? null, at: now + (this.#kept?.zeroMs ?? 0) })
  }

  #keep(record: KeyRecord): void {
    if (this.#kept === undefined) return
    const { log } = this.#kept
    log.add(record)
    if (log.bytes > logBytesMin && log.bytes > logTimes * (this.#bytes + this.size * keyBytes)) this.#rewrite()
  }

  #rewrite(): void {
    const zeroMs = this.#kept?.zeroMs ?? 0
    const ended = Array.from(this.#ended, ([key, { outcome, request, until }]) => ({
      key,
      request,
      outcome: outcome ?? null,
      at: until - this.#windowMs() + zeroMs,
    }))
    const running = Array.from(this.#running, ([key, { call, pid, request }]) => ({
      key,
      request,
      pid,
      call: call ?? null,
    }))
    this.#kept?.log.rewrite([...ended, ...running])
  }

  #tell(known: Running | Ended): KeyBegun {
    if ("pid" in known) return { state: "running", lost: false }
    if (known.outcome === undefined) return { state: "running", lost: true }
    return { state: "done", outcome: decode(known.outcome) as KeyOutcome }
  }

  #close(key: string, ended: Ended): void {
    this.#running.delete(key)
    this.#ended.set(key, ended)
    this.#bytes += ended.outcome?.length ?? 0
    this.#shrink()
  }

  #forget(now: number): void {
    for (const [key, { until }] of this.#ended) {
      if (until > now) return
      this.#drop(key)
    }
  }

  /** The oldest go first when there are too many. */
  #shrink(): void {
    for (const key of this.#ended.keys()) {
      if (this.size <= this.#limits.keys && this.#bytes <= this.#limits.bytes) return
      this.#drop(key)
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#ended.get(key)?.outcome?.length ?? 0
    this.#ended.delete(key)
  }
}
