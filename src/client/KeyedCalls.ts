import type { EndpointPool } from "./EndpointPool.ts"

const keysMax = 1_000
const rememberMs = 600_000

/**
 * Where calls with an idempotency key were made that may have been executed: the only place that knows whether they were. The newest
 * thousand, for ten minutes.
 */
export class KeyedCalls {
  readonly #places = new Map<string, { readonly pool: EndpointPool; readonly until: number }>()

  of(key: string, time: number): EndpointPool | undefined {
    const place = this.#places.get(key)
    if (place === undefined || time < place.until) return place?.pool
    this.#places.delete(key)
    return undefined
  }

  remember(key: string, pool: EndpointPool, time: number): void {
    this.#places.delete(key)
    this.#places.set(key, { pool, until: time + rememberMs })
    if (this.#places.size <= keysMax) return
    for (const oldest of this.#places.keys()) return void this.#places.delete(oldest)
  }

  /** It was answered. */
  forget(key: string): void {
    this.#places.delete(key)
  }
}
