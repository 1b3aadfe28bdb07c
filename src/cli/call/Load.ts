import type { ErrorCode } from "../../domain/ErrorCode.ts"
import { bucketOf, quantile } from "../../domain/Histogram.ts"
import { codeOf, messageOf } from "./CallFault.ts"

export interface LoadOptions {
  readonly repeat: number
  /** Calls that are open at once. */
  readonly concurrency: number
  /** Ends the run: no more calls are made. */
  readonly signal: AbortSignal
  /** Makes one call, to its end. */
  readonly once: () => Promise<unknown>
  /** Hears of every answer. */
  readonly onAnswer: (figures: LoadFigures) => void
}

/** What a run of many calls came to. Times are of those that were ok. */
export class LoadFigures {
  readonly startedAt = performance.now()
  ok = 0
  failed = 0
  /** Each code with how often it came, and what the first one said. */
  readonly errors = new Map<ErrorCode, { count: number; readonly message: string }>()
  readonly #buckets = new Map<number, number>()
  #minMicros = Infinity
  #maxMicros = 0
  #totalMicros = 0
  #endedAt: number | undefined

  get calls(): number {
    return this.ok + this.failed
  }

  get tookMs(): number {
    return (this.#endedAt ?? performance.now()) - this.startedAt
  }

  get callsPerSecond(): number {
    return this.tookMs === 0 ? 0 : (this.calls * 1_000) / this.tookMs
  }

  succeeded(micros: number): void {
    this.ok++
    const bucket = bucketOf(micros)
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    this.#totalMicros += micros
    if (micros < this.#minMicros) this.#minMicros = micros
    if (micros > this.#maxMicros) this.#maxMicros = micros
  }

  failedWith(error: unknown): void {
    this.failed++
    const code = codeOf(error)
    const known = this.errors.get(code)
    if (known === undefined) this.errors.set(code, { count: 1, message: messageOf(error) })
    else known.count++
  }

  end(): void {
    this.#endedAt = performance.now()
  }

  /** Microseconds; undefined when no call was ok. */
  get latency() {
    if (this.ok === 0) return undefined
    const buckets = [...this.#buckets].toSorted(([a], [b]) => a - b).flat()
    // A bucket's middle may lie beyond the values that are in it.
    const at = (q: number) => Math.min(this.#maxMicros, Math.max(this.#minMicros, quantile(buckets, q) ?? 0))
    return {
      min: this.#minMicros,
      mean: this.#totalMicros / this.ok,
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      "p99.9": at(0.999),
      max: this.#maxMicros,
    }
  }
}

/** Makes the calls, so many at once, each after another one has ended. */
export const runLoad = async ({ concurrency, onAnswer, once, repeat, signal }: LoadOptions): Promise<LoadFigures> => {
  const figures = new LoadFigures()
  let begun = 0
  const caller = async () => {
    while (begun < repeat && !signal.aborted) {
      begun++
      const from = performance.now()
      try {
        await once()
        figures.succeeded((performance.now() - from) * 1_000)
      } catch (error) {
        // What the person cut off has not failed.
        if (signal.aborted) return
        figures.failedWith(error)
      }
      onAnswer(figures)
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, repeat) }, caller))
  figures.end()
  return figures
}
