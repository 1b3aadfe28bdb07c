const perOctave = 32
const octaves = 26

/** Times in milliseconds, counted in buckets of about 2 % width from a microsecond on: no list grows with the calls. */
export class Times {
  readonly #counts = new Float64Array(perOctave * octaves)
  #total = 0
  #max = 0

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(Math.max(1, ms * 1_000)) * perOctave)
    const at = Math.min(bucket, this.#counts.length - 1)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#total++
    if (ms > this.#max) this.#max = ms
  }

  get max(): number | null {
    return this.#total === 0 ? null : this.#max
  }

  /** Milliseconds; null of none. */
  quantile(share: number): number | null {
    let left = share * this.#total
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (count > 0 && left <= 0) return 2 ** ((bucket + 0.5) / perOctave) / 1_000
    }
    return null
  }
}
