const keysMax = 1_000
const rememberMs = 600_000

/**
 * Where calls with an idempotency key were made that may have been executed: the only place that knows whether they
 * were. The newest thousand, for ten minutes.
 */
export class KeyedCalls {
  readonly #places = new Map<string, { readonly endpoint: string; readonly until: number }>()

  /** The name of the endpoint. */
  of(key: string, time: number): string | undefined {
    const place = this.#places.get(key)
    if (place === undefined || time < place.until) return place?.endpoint
    this.#places.delete(key)
    return undefined
  }

  remember(key: string, endpoint: string, time: number): void {
    this.#places.delete(key)
    this.#places.set(key, { endpoint, until: time + rememberMs })
    if (this.#places.size <= keysMax) return
    for (const oldest of this.#places.keys()) return void this.#places.delete(oldest)
  }

  /** It was answered. */
  forget(key: string): void {
    this.#places.delete(key)
  }
}
