import {
  fadedSlowness,
  type Load,
  overdue,
  slownessAfter,
  slownessOf,
  standstillLeast,
  standstillsAfter,
  usualAfter,
} from "../domain/Balance.ts"
import type { RpcConnection } from "../rpc/RpcConnection.ts"
import type { EndpointPool } from "./EndpointPool.ts"
import type { WorkerRecord } from "./WorkerRecord.ts"

/** A lane whose connection is there. */
export type OpenLane = WorkerLane & { readonly connection: RpcConnection }

/** The silence after which a worker is asked for a sign of life: one that only works on something long gives it. */
const askAfterMs = 5

/**
 * One connection to one worker, with what this client knows of how it does: what is chosen among. Without a connection
 * it stands for an endpoint that none was opened to yet.
 */
export class WorkerLane implements Load {
  readonly pool: EndpointPool
  readonly connection: RpcConnection | undefined
  readonly worker: WorkerRecord
  inFlight = 0
  /** Its share of the calls, relative to the mean of all. The balancer's own, as the next two are. */
  share = 1
  weight = 0
  pass = 0
  /** No new calls: it is closed when the last one has ended. */
  isLeaving = false
  /** As they were when the balancer last looked. */
  overdueMs = 0
  slowness = 1
  paceMs = 0
  /** Of what is in flight: a stream owes nothing, however long it brings nothing. */
  #streams = 0
  #standstills = 0
  #stoodStillAt = -Infinity
  #peak = 1
  #peakAt = 0
  #busySince = 0
  /** When the last answers came, and how many at once. */
  #answeredAt = 0
  #answers = 1
  /** The usual time from answers to answers. */
  #gapMs = 1

  constructor(pool: EndpointPool, worker: WorkerRecord, connection?: RpcConnection) {
    this.pool = pool
    this.connection = connection
    this.worker = worker
  }

  get isOpen(): boolean {
    return this.connection?.state === "open"
  }

  /** A call was begun on it. */
  get wasUsed(): boolean {
    return this.#busySince > 0
  }

  began(time: number): void {
    if (this.inFlight++ === this.#streams) this.#busySince = time
  }

  streamBegan(): void {
    this.inFlight++
    this.#streams++
  }

  streamEnded(): void {
    this.#streams--
    this.ended()
  }

  /** A call was answered after `tookMs`, where `usualMs` is usual. */
  answered(time: number, tookMs: number, usualMs: number): void {
    this.took(time, tookMs, usualMs)
    if (time > this.#answeredAt) this.#paced(time)
    else this.#answers++
    this.ended()
  }

  /** So long a call took or was waited for in vain. */
  took(time: number, tookMs: number, usualMs: number): void {
    const sample = slownessOf(tookMs, usualMs)
    if (sample >= standstillLeast) {
      this.#standstills = standstillsAfter(this.#standstills, time - this.#stoodStillAt)
      this.#stoodStillAt = time
    }
    this.#peak = slownessAfter(fadedSlowness(this.#peak, time - this.#peakAt), sample, this.#standstills)
    this.#peakAt = time
  }

  ended(): void {
    this.inFlight--
    if (this.isLeaving && this.inFlight === 0) this.connection?.close()
  }

  /** Brings what a choice depends on up to date. A worker that is long silent is asked whether it is there. */
  look(time: number): void {
    this.slowness = fadedSlowness(this.#peak, time - this.#peakAt)
    if (this.inFlight === this.#streams) {
      this.overdueMs = 0
      return
    }
    this.overdueMs = overdue(time - Math.max(this.heardAt, this.#busySince), this.#gapMs)
    if (this.overdueMs > askAfterMs) this.connection?.ping()
  }

  protected get heardAt(): number {
    return this.connection?.heardAt ?? this.#answeredAt
  }

  /** No new calls from now on. */
  leave(): void {
    this.isLeaving = true
    if (this.inFlight === 0) this.connection?.close()
  }

  /** The first of some answers that came together. */
  #paced(time: number): void {
    const gapMs = time - Math.max(this.#answeredAt, this.#busySince)
    this.#gapMs = usualAfter(this.#gapMs, gapMs)
    this.paceMs = usualAfter(this.paceMs, gapMs / this.#answers)
    this.#answeredAt = time
    this.#answers = 1
  }
}
