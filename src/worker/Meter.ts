import type { ErrorCode } from "../domain/ErrorCode.ts"
import { bucketCount, bucketOf } from "../domain/Histogram.ts"
import type { MethodFigures } from "../protocol/Stats.ts"
import type { MethodMeter } from "../rpc/RpcServer.ts"

const none: MethodFigures = { calls: 0, running: 0, errors: {}, latency: [], maxMicros: 0, totalMicros: 0 }

/** Counts the answers of one method from the worker's start on. */
export class Meter implements MethodMeter {
  #calls = 0
  #maxMicros = 0
  #totalMicros = 0
  /** Made with the first call: a module may export much that nobody calls. */
  #buckets: Float64Array | undefined
  #lowest = bucketCount
  #highest = -1
  readonly #errors: Partial<Record<ErrorCode, number>> = {}
  #latest = none
  #read = true

  record(micros: number, code: ErrorCode | undefined): void {
    const bucket = bucketOf(micros)
    const buckets = (this.#buckets ??= new Float64Array(bucketCount))
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
    if (bucket < this.#lowest) this.#lowest = bucket
    if (bucket > this.#highest) this.#highest = bucket
    this.#calls++
    this.#totalMicros += micros
    if (micros > this.#maxMicros) this.#maxMicros = micros
    this.#read = false
    if (code !== undefined) this.#errors[code] = (this.#errors[code] ?? 0) + 1
  }

  /** Only the buckets that are not empty. */
  figures(running: number): MethodFigures {
    if (!this.#read) {
      this.#read = true
      this.#latest = {
        calls: this.#calls,
        running,
        errors: { ...this.#errors },
        latency: this.#filled(),
        maxMicros: Math.round(this.#maxMicros),
        totalMicros: Math.round(this.#totalMicros),
      }
    }
    return this.#latest.running === running ? this.#latest : { ...this.#latest, running }
  }

  #filled(): ReadonlyArray<number> {
    const filled: Array<number> = []
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
      const count = this.#buckets?.[bucket] ?? 0
      if (count > 0) filled.push(bucket, count)
    }
    return filled
  }
}
