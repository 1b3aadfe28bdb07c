import { fadedSlowness, slownessAfter, slownessOf } from "../domain/Balance.ts"
import type { RpcConnection } from "../rpc/RpcConnection.ts"
import type { EndpointPool } from "./EndpointPool.ts"
import type { WorkerRecord } from "./WorkerRecord.ts"

/**
 * One connection to one worker, with what this client knows of how it does: what is chosen among. Without a connection
 * it stands for an endpoint that none was opened to yet.
 */
export class WorkerLane {
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
  #slowness = 1
  #slownessAt = 0
  #busySince = 0

  constructor(pool: EndpointPool, worker: WorkerRecord, connection?: RpcConnection) {
    this.pool = pool
    this.connection = connection
    this.worker = worker
  }

  get isOpen(): boolean {
    return this.connection?.state === "open"
  }

  began(time: number): void {
    if (this.inFlight++ === 0) this.#busySince = time
  }

  /** A call that took `tookMs` where `usualMs` is usual has ended; `undefined`: its time says nothing. */
  ended(time: number, tookMs?: number, usualMs = 0): void {
    this.inFlight--
    if (tookMs !== undefined) {
      this.#slowness = slownessAfter(this.slowness(time), slownessOf(tookMs, usualMs))
      this.#slownessAt = time
    }
    if (this.isLeaving && this.inFlight === 0) this.connection?.close()
  }

  slowness(time: number): number {
    return fadedSlowness(this.#slowness, time - this.#slownessAt)
  }

  /** How long nothing was heard of it, while there is something to be heard. Milliseconds. */
  quietMs(time: number): number {
    if (this.inFlight === 0 || this.connection === undefined) return 0
    return time - Math.max(this.connection.heardAt, this.#busySince)
  }

  /** No new calls from now on. */
  leave(): void {
    this.isLeaving = true
    if (this.inFlight === 0) this.connection?.close()
  }
}
