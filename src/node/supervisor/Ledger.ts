import { Deferred, Effect } from "effect"
import { acquit, afterCrash, afterTime, type CallInFlight, emptyPoison, type PoisonBook } from "../../domain/Poison.ts"
import { idleReportMs } from "../../domain/Heartbeat.ts"
import { mergeStats, whatRemains } from "../../protocol/MergeStats.ts"
import type { ProcessStats } from "../../protocol/NodeManager.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { emptyStats, type StatsSnapshot } from "../../protocol/Stats.ts"
import type { WorkerKind, WorkerOrders } from "../../protocol/WorkerLink.ts"
import { KeyWindow } from "../keys/KeyWindow.ts"

type Member = {
  readonly kind: WorkerKind
  readonly slot: number
  ready: boolean
  stats: StatsSnapshot | undefined
}

/** Of former versions of the module, methods are remembered up to this number. */
const methodsMax = 1_000
/** To each worker, with its orders. */
const suspectsTold = 1_000

export type LedgerOptions = {
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** As they are now: their changes are told with `changeOrders`. */
  readonly keyWindowMs: () => number
  readonly heartbeatTimeoutMs: () => number
}

/**
 * What the agent remembers of one process set beyond its workers' lives: what they have counted, which calls end them,
 * and which calls were made under a key. Times are milliseconds of a monotonic clock.
 */
export class Ledger {
  readonly keys: KeyWindow
  readonly #heartbeatTimeoutMs: () => number
  #left: StatsSnapshot
  #poison = emptyPoison
  #tellPoison: (book: PoisonBook) => void = () => undefined
  #ordersRevision = 1
  #ordersChanged = Deferred.makeUnsafe<void>()
  #methods: ReadonlyArray<MethodInfo> = []
  readonly #members = new Map<number, Member>()

  constructor(options: LedgerOptions) {
    this.#heartbeatTimeoutMs = options.heartbeatTimeoutMs
    this.#left = { ...emptyStats, start_time: options.startedAt }
    this.keys = new KeyWindow(options.keyWindowMs)
  }

  started(pid: number, kind: WorkerKind, slot: number): void {
    this.#members.set(pid, { kind, slot, ready: false, stats: undefined })
  }

  /** `methods`: undefined of one that was ready before this agent came, and has yet to say what it offers. */
  ready(pid: number, methods: ReadonlyArray<MethodInfo> | undefined): void {
    const member = this.#members.get(pid)
    if (member === undefined) return
    member.ready = true
    if (member.kind === "calls" && methods !== undefined) this.#methods = methods
  }

  /** `harmless`: suspected calls that the worker has run to their end since. */
  reported(pid: number, stats: StatsSnapshot, harmless: ReadonlyArray<string>): void {
    const member = this.#members.get(pid)
    if (member !== undefined) member.stats = stats
    this.#keep(acquit(this.#poison, harmless))
  }

  gone(pid: number, now: number): void {
    const member = this.#members.get(pid)
    this.#members.delete(pid)
    if (member?.stats !== undefined) this.#left = this.#bounded(mergeStats(this.#left, whatRemains(member.stats)))
    this.keys.workerGone(pid, now)
  }

  /**
   * From now on each change of what is known of calls that end workers is told, for the next agent. `known`: what this
   * one was told.
   */
  keepPoison(known: PoisonBook, tell: (book: PoisonBook) => void): void {
    this.#keep(known)
    this.#tellPoison = tell
  }

  /** A worker ended unexpectedly while these calls ran; answers those that are refused from now on. */
  crashed(inFlight: ReadonlyArray<CallInFlight>, now: number): ReadonlyArray<CallInFlight> {
    const { book, found } = afterCrash(this.#poison, inFlight, now)
    this.#keep(book)
    return found
  }

  /** Another version of the module may bear what killed this one. */
  forgive(): void {
    this.#keep(emptyPoison)
  }

  orders(now: number): WorkerOrders {
    this.#keep(afterTime(this.#poison, now))
    const suspects = [...this.#poison.suspects.keys()].slice(-suspectsTold)
    const idle = idleReportMs(this.#heartbeatTimeoutMs())
    return { revision: this.#ordersRevision, idleReportMs: idle, poison: [...this.#poison.poison.keys()], suspects }
  }

  /** Returns when there are other orders than those of this revision, if not at once. */
  otherOrders(known: number): Effect.Effect<void> {
    return Effect.suspend(() => (this.#ordersRevision === known ? Deferred.await(this.#ordersChanged) : Effect.void))
  }

  /** Workers are to hear their orders again. */
  changeOrders(): void {
    this.#ordersRevision += 1
    Deferred.doneUnsafe(this.#ordersChanged, Effect.void)
    this.#ordersChanged = Deferred.makeUnsafe()
  }

  /** Of all workers together, those that have left included. */
  stats(): StatsSnapshot {
    const members = [...this.#members.values()]
    const merged = members.reduce((sum, { stats }) => (stats === undefined ? sum : mergeStats(sum, stats)), this.#left)
    const ready = members.filter((member) => member.ready)
    return {
      ...merged,
      start_time: this.#left.start_time,
      worker_num: ready.filter(({ kind }) => kind === "calls").length,
      task_worker_num: ready.filter(({ kind }) => kind === "tasks").length,
    }
  }

  view(now: number): Omit<ProcessStats, "name" | "at"> {
    this.#keep(afterTime(this.#poison, now))
    const workers = [...this.#members].flatMap(([pid, { kind, slot, stats }]) =>
      stats === undefined ? [] : [{ slot, kind, pid, ...rowOf(stats) }],
    )
    return {
      stats: this.stats(),
      workers: workers.toSorted((a, b) => a.kind.localeCompare(b.kind) || a.slot - b.slot || a.pid - b.pid),
      methods: this.#methods,
      poison: Array.from(this.#poison.poison, ([hash, { crashes, method }]) => ({ hash, method, crashes })),
    }
  }

  #keep(book: PoisonBook): void {
    if (book === this.#poison) return
    this.#poison = book
    this.#tellPoison(book)
    this.changeOrders()
  }

  #bounded(stats: StatsSnapshot): StatsSnapshot {
    const names = Object.keys(stats.methods)
    if (names.length <= methodsMax) return stats
    const known = new Set(this.#methods.map(({ name }) => name))
    return { ...stats, methods: Object.fromEntries(Object.entries(stats.methods).filter(([name]) => known.has(name))) }
  }
}

const rowOf = ({ concurrency, connection_num, loop_lag_ms, request_count, rss_bytes }: StatsSnapshot) => ({
  request_count,
  connection_num,
  concurrency,
  rss_bytes,
  loop_lag_ms,
})
