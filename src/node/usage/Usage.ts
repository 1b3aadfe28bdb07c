import { Context, Effect, Layer } from "effect"
import { type CpuCount, type CpuCounts, cpuPercentOf, ticksSince, type UsageSample } from "../../domain/Usage.ts"
import {
  clockTicks,
  type ProcessIdentity,
  processRow,
  type ProcessRow,
  ProcessTable,
  treeOf,
} from "../../platform/ProcessTable.ts"
import { EachSecond } from "../EachSecond.ts"

/** They are measured each so-manieth second. */
const sampleEvery = 2
/** A minute of them. */
const samplesMax = 30
/** All processes of the host are read at each so-manieth look, and in between those only that are known: it is most of the cost. */
const wholeEvery = 5

/** What an instance uses, with all that it has started. */
export interface Watched {
  readonly latest: UsageSample | undefined
  /** Of the last minute, the oldest first; those of a process that has ended stay. */
  readonly samples: ReadonlyArray<UsageSample>
  /** As of now: itself, if it runs, and what descends from it. */
  readonly tree: (table?: ProcessTable) => ReadonlyArray<ProcessRow>
  /** To be called at its end. */
  readonly stop: () => void
}

class Entry implements Watched {
  readonly #root: ProcessIdentity
  readonly #loopLagMs: () => number | null
  readonly #samples: Array<UsageSample> = []
  /** Members of the last look: what has left its parent and session since is known by them. */
  #members: ReadonlyArray<ProcessRow> = []
  #counts: CpuCounts = new Map()
  #at: number | undefined
  readonly stop: () => void

  constructor(root: ProcessIdentity, o: { readonly loopLagMs: () => number | null; readonly stop: () => void }) {
    this.#root = root
    this.#loopLagMs = o.loopLagMs
    this.stop = o.stop
  }

  /** Nobody has looked at it yet. */
  get isNew() {
    return this.#at === undefined
  }

  get samples() {
    return this.#samples
  }

  get latest() {
    return this.#samples.at(-1)
  }

  tree(table = ProcessTable.read()): ReadonlyArray<ProcessRow> {
    return treeOf(table, this.#root, { known: this.#members })
  }

  /** Those of the last look that are still there. */
  #known(): ReadonlyArray<ProcessRow> {
    const rows = [...this.#counts.values()].map(({ pid, startTime }) => {
      const row = processRow(pid)
      return row?.startTime === startTime && !row.hasEnded ? row : undefined
    })
    return rows.filter((row) => row !== undefined)
  }

  /** `table`: undefined: nobody is looked for who is new. `at`: milliseconds since 1970; `now`: of the monotonic clock. */
  sample(table: ProcessTable | undefined, at: number, now: number): void {
    const rows = table === undefined ? this.#known() : this.tree(table)
    const { length: processes } = rows
    if (processes === 0) return
    if (this.#at !== undefined) {
      const cpuPercent = cpuPercentOf(ticksSince(this.#counts, rows), now - this.#at, clockTicks())
      const rssBytes = rows.reduce((sum, row) => sum + row.rssBytes, 0)
      this.#samples.push({ at, rssBytes, cpuPercent, processes, loopLagMs: this.#loopLagMs() })
      if (this.#samples.length > samplesMax) this.#samples.shift()
    }
    this.#at = now
    this.#counts = new Map(rows.map((row): [number, CpuCount] => [row.pid, row]))
    if (table !== undefined && (processes > 1 || this.#members.length > 0)) this.#members = rows
  }
}

/** Measures what the instances of this node use: one look each two seconds at all processes, as long as any are watched. */
export class Usage extends Context.Service<
  Usage,
  {
    /** `loopLagMs`: what the process has said of its event loop last. */
    readonly watch: (pid: number, loopLagMs: () => number | null) => Watched
  }
>()("muster/node/usage/Usage") {
  static readonly layer = Layer.effect(
    Usage,
    Effect.gen(function* () {
      const entries = new Set<Entry>()
      let looks = 0

      let seconds = 0

      yield* (yield* EachSecond).look("measure the processes", ({ at, now }) => {
        if (++seconds % sampleEvery !== 0 || entries.size === 0) return undefined
        const table =
          looks++ % wholeEvery === 0 || [...entries].some(({ isNew }) => isNew) ? ProcessTable.read() : undefined
        for (const entry of entries) entry.sample(table, at, now)
        return undefined
      })

      return Usage.of({
        watch: (pid, loopLagMs) => {
          const root = processRow(pid)?.identity ?? { pid, startTime: "", bootId: "" }
          const entry: Entry = new Entry(root, { loopLagMs, stop: () => void entries.delete(entry) })
          entries.add(entry)
          return entry
        },
      })
    }),
  )
}
