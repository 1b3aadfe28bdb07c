import { backoffDelay, type BackoffPolicy } from "../domain/Backoff.ts"
import type { TlsMaterial } from "../platform/Transport.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import { RpcConnection } from "../rpc/RpcConnection.ts"
import { asRpcError } from "./CallError.ts"
import { endpointName, type ListedEndpoint } from "./EndpointFile.ts"
import { WorkerLane } from "./WorkerLane.ts"
import { WorkerRecord } from "./WorkerRecord.ts"

const handshakeTimeoutMs = 3_000
/** Workers of one endpoint that a client holds a connection to, however many the server has. */
const connectionsMax = 32
/** Workers of one endpoint that something is remembered of. */
const workersMax = 1_024
/** The kernel picks the worker, so a new connection may reach one that is reached already; so often it is tried. */
const triesPerWorker = 6
/** A worker that was away during all of these tries is looked for again after this time, with one try for each. */
const nextTriesMs = 2_000
/** How long a connection that fell silent may take for a PONG, in steps between which it is read. */
const pongStepMs = 25
const pongSteps = 12
const reconnectBackoff: BackoffPolicy = { baseMs: 50, capMs: 2_000, resetAfterMs: 0 }

export interface PoolOptions {
  readonly service: string
  readonly client: string
  /** Undefined: this endpoint speaks plain TCP. Asked at each connection, since certificates are renewed. */
  readonly tls: (() => Promise<TlsMaterial>) | undefined
  /** It was added to a list that was there before: its workers are new. */
  readonly isNew: boolean
  /** What can be reached has changed. */
  readonly onChange: () => void
  /** The methods that a server calls idempotent. */
  readonly onHello: (idempotent: ReadonlyArray<string>) => void
}

/**
 * The connections to one endpoint: one to begin with, then one for each worker behind it as far as there is use for it.
 * An endpoint that can't be reached is tried again by itself, with backoff, until it is retired.
 */
export class EndpointPool {
  readonly name: string
  endpoint: ListedEndpoint
  /** One for each worker that is reached. */
  readonly lanes: Array<WorkerLane> = []
  /** Stands for the endpoint while no worker is reached. */
  readonly entrance: WorkerLane
  readonly #options: PoolOptions
  readonly #workers = new Map<number, WorkerRecord>()
  /** Those that finish what runs on them: told to drain, or of a retired endpoint. */
  readonly #leaving = new Set<WorkerLane>()
  #opening: Promise<WorkerLane> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #failure: RpcError | undefined
  #workerCount = 1
  #tries = 0
  #triedAt = 0
  #retired = false
  /** Its connections were asked for a sign of life, */
  #asking = false
  /** and none has given one. */
  #doubted = false
  /** A worker that is found from now on is new; until then it may have been there before this client was. */
  #settled: boolean

  constructor(endpoint: ListedEndpoint, options: PoolOptions) {
    this.name = endpointName(endpoint)
    this.endpoint = endpoint
    this.#options = options
    this.#settled = options.isNew
    this.entrance = new WorkerLane(this, new WorkerRecord(0, 0, -Infinity))
  }

  /** All workers that were ever reached, whatever became of their connections. */
  get known(): Iterable<WorkerRecord> {
    return this.#workers.values()
  }

  /** The last try to connect has failed, or it fell silent. Not yet tried counts as reachable. */
  get isAway(): boolean {
    return this.#failures > 0 || this.#doubted
  }

  /** Why it is away; of the last try to connect. */
  get failure(): RpcError | undefined {
    return this.#failure
  }

  get isConnecting(): boolean {
    return this.#opening !== undefined
  }

  /** Not all workers behind it are reached. */
  get isCovering(): boolean {
    return this.lanes.length < Math.min(this.#workerCount, connectionsMax)
  }

  get leaving(): ReadonlySet<WorkerLane> {
    return this.#leaving
  }

  /** There is use for a connection to another worker: opens one, unless all have one or it was tried often enough. */
  spread(time: number): void {
    if (!this.isCovering || this.#opening !== undefined || this.#retired || this.lanes.length === 0) return
    const want = Math.min(this.#workerCount, connectionsMax)
    if (this.#tries >= want * triesPerWorker) {
      if (time - this.#triedAt < nextTriesMs) return
      this.#tries -= want
    }
    this.#tries++
    this.#triedAt = time
    this.#reconnect()
  }

  /** A connection takes suspiciously long: calls go elsewhere until it is there. */
  doubt(): void {
    if (this.#failures > 0 || this.lanes.length > 0) return
    this.#failures = 1
    this.#options.onChange()
  }

  /** A new connection, shared by all who wait for one. Rejects with the reason why there is none. */
  connect(): Promise<WorkerLane> {
    if (this.#opening !== undefined) return this.#opening
    clearTimeout(this.#timer)
    const opening = this.#dial().then(
      (connection) => this.#opened(connection),
      (error: unknown) => this.#failed(error),
    )
    this.#opening = opening
    // Those who wait see the reason; without anybody waiting it is no unhandled rejection.
    opening.catch(() => undefined)
    return opening
  }

  /**
   * A host that vanishes closes nothing. A call without an answer, and not a byte since, is the first that is seen of
   * it.
   */
  unanswered(lane: WorkerLane, timeoutMs: number): void {
    const heardAt = lane.connection?.heardAt ?? Infinity
    if (heardAt > now() - timeoutMs || this.#asking || !this.lanes.includes(lane)) return
    void this.#ask(timeoutMs)
  }

  /** A new list names it: what was held against it is forgotten. */
  listed(endpoint: ListedEndpoint): void {
    this.endpoint = endpoint
    const time = now()
    for (const worker of this.#workers.values()) worker.forgive(time)
    this.#tries = 0
    if (this.#failures === 0 || this.#opening !== undefined) return
    // Still away until it answers, but tried now rather than after the wait.
    this.#failures = 1
    this.#reconnect()
  }

  /** No new calls; open ones finish, then the connections are closed. */
  retire(): void {
    this.#retired = true
    clearTimeout(this.#timer)
    for (const lane of this.lanes.splice(0)) this.#leave(lane)
  }

  /** Closes at once; open calls fail. */
  close(): void {
    this.#retired = true
    clearTimeout(this.#timer)
    for (const lane of [...this.lanes.splice(0), ...this.#leaving]) lane.connection?.close()
    this.#leaving.clear()
  }

  #reconnect(): void {
    // Whoever needs the connection asks for it, and hears the reason then.
    this.connect().catch(() => undefined)
  }

  async #dial(): Promise<RpcConnection> {
    const { client, service, tls } = this.#options
    return await RpcConnection.open({
      to: { host: this.endpoint.ip, port: this.endpoint.port },
      tls: tls === undefined ? undefined : await tls(),
      client,
      service,
      handshakeTimeoutMs,
    })
  }

  #opened(connection: RpcConnection): WorkerLane {
    this.#opening = undefined
    const cameBack = this.isAway
    this.#failures = 0
    this.#failure = undefined
    if (this.#retired) {
      connection.close()
      throw new RpcError("unavailable", "the endpoint left the list", { executed: "no" })
    }
    const { count, id } = connection.hello.worker
    // Also of one that is reached already: there may be fewer by now.
    this.#workerCount = count
    const same = this.lanes.find(({ worker }) => worker.id === id)
    if (same !== undefined) {
      connection.close()
      return same
    }
    if (cameBack) this.#settled = true
    this.#options.onHello(connection.hello.idempotent)
    return this.#add(connection)
  }

  #add(connection: RpcConnection): WorkerLane {
    const lane = new WorkerLane(this, this.#record(connection.hello.worker), connection)
    this.lanes.push(lane)
    if (!this.isCovering) this.#settled = true
    connection.onState((state) => this.#changed(lane, state))
    if (connection.state === "open") this.#options.onChange()
    else this.#changed(lane, connection.state)
    return lane
  }

  #record({ id, pid }: RpcConnection["hello"]["worker"]): WorkerRecord {
    const known = this.#workers.get(id)
    if (known !== undefined) {
      if (known.pid !== pid) known.replaced(pid, now())
      return known
    }
    const record = new WorkerRecord(id, pid, this.#settled ? now() : -Infinity)
    if (this.#workers.size < workersMax) this.#workers.set(id, record)
    return record
  }

  #failed(error: unknown): never {
    this.#opening = undefined
    const reason = asRpcError(error)
    this.#failure = reason
    // Open connections to other workers show that the endpoint is there.
    if (this.lanes.length === 0 && !this.#retired) {
      this.#failures++
      if (this.#failures === 1) this.#options.onChange()
      const waitMs = backoffDelay(reconnectBackoff, this.#failures, Math.random())
      this.#timer = setTimeout(() => this.#reconnect(), waitMs)
      unref(this.#timer)
    }
    throw new RpcError(reason.code === "internal" ? "unavailable" : reason.code, reason.message, {
      executed: "no",
      cause: error,
    })
  }

  #changed(lane: WorkerLane, state: RpcConnection["state"]): void {
    if (state === "open") return
    const wasHere = this.#take(lane)
    if (state === "draining") this.#leave(lane)
    else this.#leaving.delete(lane)
    // A worker left, and another takes its place: look for it now rather than with the next call. Not for one that
    // nobody called, or a server that closes idle connections would be dialled for ever.
    this.#tries = 0
    if (wasHere && lane.wasUsed && !this.#retired && this.lanes.length === 0) this.#reconnect()
    if (wasHere) this.#options.onChange()
  }

  /** Calls go elsewhere, if they can, until a connection has answered; those that don't are replaced. */
  async #ask(timeoutMs: number): Promise<void> {
    const askedAt = now()
    const silent = (since = askedAt) => this.lanes.filter(({ connection }) => (connection?.heardAt ?? 0) <= since)
    this.#asking = true
    this.#doubt(silent(askedAt - timeoutMs).length === this.lanes.length)
    for (const { connection } of this.lanes) connection?.ping()
    for (let step = 0; step < pongSteps && silent().length > 0; step++) {
      await sleep(pongStepMs)
      // One that answered shows that the host is there.
      if (silent().length < this.lanes.length) this.#doubt(false)
    }
    for (const lane of silent()) {
      this.#take(lane)
      this.#leave(lane)
    }
    this.#asking = false
    this.#doubted = false
    if (this.#retired) return
    if (this.lanes.length === 0) {
      this.#failures = Math.max(1, this.#failures)
      this.#reconnect()
    }
    this.#options.onChange()
  }

  #doubt(doubted: boolean): void {
    if (doubted === this.#doubted) return
    this.#doubted = doubted
    this.#options.onChange()
  }

  #take(lane: WorkerLane): boolean {
    const index = this.lanes.indexOf(lane)
    if (index >= 0) this.lanes.splice(index, 1)
    return index >= 0
  }

  #leave(lane: WorkerLane): void {
    this.#leaving.add(lane)
    lane.leave()
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => unref(setTimeout(resolve, ms)))

/** Deno's timers of the web are numbers, and hold nothing open that matters here. */
const unref = (timer: unknown): void => {
  if (typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function") {
    timer.unref()
  }
}
