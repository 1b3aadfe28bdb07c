import { decode } from "../../protocol/Decode.ts"
import { encode } from "../../protocol/Encode.ts"
import type { KeyBegun, KeyOutcome } from "../../protocol/WorkerLink.ts"

export type KeyLimits = { readonly keys: number; readonly bytes: number; readonly resultBytes: number }

export const keyLimits: KeyLimits = { keys: 10_000, bytes: 64 * 1024 ** 2, resultBytes: 1024 ** 2 }

type Running = { readonly request: string; readonly pid: number }

/** `outcome`: CBOR; undefined when its worker died before it said what became of the call. */
type Ended = { readonly request: string; readonly outcome: Uint8Array | undefined; readonly until: number }

const tooLarge = (bytes: number): KeyOutcome => ({
  ok: false,
  code: "failed_precondition",
  message: `The call was made and answered, but its result of ${bytes} bytes is too large to be kept for a repeat`,
  details: null,
})

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

  /** Undefined: as many calls run under keys as may, so none can be taken note of. */
  begin(pid: number, key: string, request: string, now: number): KeyBegun | undefined {
    this.#forget(now)
    const known = this.#running.get(key) ?? this.#ended.get(key)
    if (known !== undefined) return known.request === request ? this.#tell(known) : { state: "mismatch" }
    if (this.#windowMs() === 0) return { state: "run" }
    if (this.#running.size >= this.#limits.keys) return undefined
    this.#running.set(key, { request, pid })
    this.#shrink()
    return { state: "run" }
  }

  /** What became of a call; of one that was not begun by this worker nothing is kept. */
  end(pid: number, key: string, outcome: KeyOutcome, now: number): void {
    const running = this.#running.get(key)
    if (running?.pid !== pid) return
    const bytes = encode(outcome)
    const kept = bytes.length > this.#limits.resultBytes ? encode(tooLarge(bytes.length)) : bytes
    this.#close(key, { request: running.request, outcome: kept, until: now + this.#windowMs() })
  }

  workerGone(pid: number, now: number): void {
    for (const [key, running] of this.#running)
      if (running.pid === pid)
        this.#close(key, { request: running.request, outcome: undefined, until: now + this.#windowMs() })
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
