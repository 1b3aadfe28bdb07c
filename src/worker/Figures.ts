import { memoryBytes } from "../platform/WorkerHost.ts"
import { emptyStats, type MethodFigures, type StatsSnapshot } from "../protocol/Stats.ts"
import type { ServerMethod } from "../rpc/Handler.ts"
import { LoopLag } from "./LoopLag.ts"
import { Meter } from "./Meter.ts"

/** What one worker counts, from its start on. */
export class Figures {
  readonly #startedAt = Date.now()
  readonly #lag = new LoopLag()
  readonly #meters = new Map<string, Meter>()

  /** Milliseconds since 1970, cheap and rough. */
  readonly now = (): number => this.#lag.now

  /** The one that counts the calls of a method. */
  meter(name: string): Meter {
    const known = this.#meters.get(name)
    if (known !== undefined) return known
    const meter = new Meter()
    this.#meters.set(name, meter)
    return meter
  }

  /** `own`: what the kind of the worker adds. */
  snapshot(running: (name: string) => number, own: Partial<StatsSnapshot>): StatsSnapshot {
    const methods: Record<string, MethodFigures> = {}
    for (const [name, meter] of this.#meters) methods[name] = meter.figures(running(name))
    return {
      ...emptyStats,
      start_time: this.#startedAt,
      rss_bytes: memoryBytes(),
      loop_lag_ms: this.#lag.take(),
      methods,
      ...own,
    }
  }
}

/** How many calls of a method run, by its name. */
export const runningOf = (methods: ReadonlyMap<string, ServerMethod>) => (name: string) =>
  methods.get(name)?.running ?? 0
