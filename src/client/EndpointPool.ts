import { backoffDelay, type BackoffPolicy } from "../domain/Backoff.ts"
import type { TlsMaterial } from "../platform/Transport.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import { type CallOptions, RpcConnection } from "../rpc/RpcConnection.ts"
import type { Candidate } from "./Balancer.ts"
import { asRpcError } from "./CallError.ts"
import { endpointName, type ListedEndpoint } from "./EndpointFile.ts"

const handshakeTimeoutMs = 3_000
/** Workers of one endpoint that a client holds a connection to, however many the server has. */
const connectionsMax = 32
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
  /** Whether the endpoint can be reached has changed. */
  readonly onReach: () => void
}

/**
 * The connections to one endpoint: one to begin with, then one for each worker behind it as far as there is use for it.
 * An endpoint that can't be reached is tried again by itself, with backoff, until it is retired.
 */
export class EndpointPool implements Candidate {
  readonly name: string
  endpoint: ListedEndpoint
  readonly #options: PoolOptions
  readonly #open: Array<RpcConnection> = []
  /** Connections that finish what runs on them: told to drain, or of a retired endpoint. */
  readonly #leaving = new Set<RpcConnection>()
  #opening: Promise<RpcConnection> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #calls = 0
  #next = 0
  #tries = 0
  #triedAt = 0
  #retired = false
  /** Its connections were asked for a sign of life. */
  #doubted = false

  constructor(endpoint: ListedEndpoint, options: PoolOptions) {
    this.name = endpointName(endpoint)
    this.endpoint = endpoint
    this.#options = options
  }

  get inFlight(): number {
    let total = 0
    for (const connection of this.#open) total += connection.inFlight
    return total
  }

  /** The last try to connect has failed, or it fell silent. Not yet tried counts as reachable. */
  get isAway(): boolean {
    return this.#failures > 0 || this.#doubted
  }

  /** An open connection, the one with the fewest calls on it; undefined when there is none. */
  pick(): RpcConnection | undefined {
    this.#calls++
    const count = this.#open.length
    let best: RpcConnection | undefined
    for (let step = 0; step < count; step++) {
      const connection = this.#open[(this.#next + step) % count]
      if (connection !== undefined && (best === undefined || connection.inFlight < best.inFlight)) best = connection
    }
    this.#next = (this.#next + 1) % Math.max(1, count)
    // A single call, as of `muster call`, needs one worker only.
    if (best !== undefined && this.#calls > 1) this.#spread(best.hello.worker.count)
    return best
  }

  /** A connection takes suspiciously long: calls go elsewhere until it is there. */
  doubt(): void {
    if (this.#failures > 0 || this.#open.length > 0) return
    this.#failures = 1
    this.#options.onReach()
  }

  /** A new connection, shared by all who wait for one. Rejects with the reason why there is none. */
  connect(): Promise<RpcConnection> {
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

  async call(connection: RpcConnection, request: CallRequest): Promise<unknown> {
    try {
      return await connection.call(request.method, request.args, request.options)
    } catch (error) {
      if (asRpcError(error).code === "deadline_exceeded") this.#unanswered(connection, request.options.timeoutMs)
      throw error
    } finally {
      if (this.#leaving.has(connection)) this.#leave(connection)
    }
  }

  /** No new calls; open ones finish, then the connections are closed. */
  retire(): void {
    this.#retired = true
    clearTimeout(this.#timer)
    for (const connection of this.#open.splice(0)) this.#leave(connection)
  }

  /** Closes at once; open calls fail. */
  close(): void {
    this.#retired = true
    clearTimeout(this.#timer)
    for (const connection of [...this.#open.splice(0), ...this.#leaving]) connection.close()
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

  #opened(connection: RpcConnection): RpcConnection {
    this.#opening = undefined
    const wasAway = this.isAway
    this.#failures = 0
    if (this.#retired) {
      connection.close()
      throw new RpcError("unavailable", "the endpoint left the list", { executed: "no" })
    }
    const { id } = connection.hello.worker
    const same = this.#open.find((other) => other.hello.worker.id === id)
    if (same !== undefined) {
      connection.close()
      return same
    }
    this.#open.push(connection)
    connection.onState((state) => this.#changed(connection, state))
    if (connection.state !== "open") this.#changed(connection, connection.state)
    if (wasAway) this.#options.onReach()
    return connection
  }

  #failed(error: unknown): never {
    this.#opening = undefined
    // Open connections to other workers show that the endpoint is there.
    if (this.#open.length === 0 && !this.#retired) {
      this.#failures++
      if (this.#failures === 1) this.#options.onReach()
      const waitMs = backoffDelay(reconnectBackoff, this.#failures, Math.random())
      this.#timer = setTimeout(() => this.#reconnect(), waitMs)
      unref(this.#timer)
    }
    const reason = asRpcError(error)
    throw new RpcError(reason.code === "internal" ? "unavailable" : reason.code, reason.message, {
      executed: "no",
      cause: error,
    })
  }

  #changed(connection: RpcConnection, state: RpcConnection["state"]): void {
    if (state === "open") return
    const index = this.#open.indexOf(connection)
    if (index >= 0) this.#open.splice(index, 1)
    if (state === "draining") this.#leave(connection)
    else this.#leaving.delete(connection)
    // A worker left, and another takes its place: look for it now rather than with the next call.
    this.#tries = 0
    if (index >= 0 && !this.#retired && this.#open.length === 0) this.#reconnect()
  }

  /** A host that vanishes closes nothing. A call without an answer, and not a byte since, is the first that is seen of it. */
  #unanswered(connection: RpcConnection, timeoutMs: number): void {
    if (connection.heardAt > now() - timeoutMs || this.#doubted || !this.#open.includes(connection)) return
    void this.#ask()
  }

  /** Calls go elsewhere, if they can, until the connections have answered; those that don't are replaced. */
  async #ask(): Promise<void> {
    const askedAt = now()
    const silent = () => this.#open.filter((connection) => connection.heardAt <= askedAt)
    this.#doubted = true
    this.#options.onReach()
    for (const connection of this.#open) connection.ping()
    for (let step = 0; step < pongSteps && silent().length > 0; step++) await sleep(pongStepMs)
    for (const connection of silent()) {
      this.#open.splice(this.#open.indexOf(connection), 1)
      this.#leave(connection)
    }
    this.#doubted = false
    if (this.#retired) return
    if (this.#open.length === 0) {
      this.#failures = Math.max(1, this.#failures)
      this.#reconnect()
    }
    this.#options.onReach()
  }

  #leave(connection: RpcConnection): void {
    if (connection.inFlight > 0) {
      this.#leaving.add(connection)
      return
    }
    this.#leaving.delete(connection)
    connection.close()
  }

  #spread(workers: number): void {
    const want = Math.min(workers, connectionsMax)
    if (this.#open.length >= want || this.#opening !== undefined) return
    if (this.#tries >= want * triesPerWorker) {
      if (now() - this.#triedAt < nextTriesMs) return
      this.#tries -= want
    }
    this.#tries++
    this.#triedAt = now()
    this.#reconnect()
  }
}

export interface CallRequest {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly options: CallOptions
}

const sleep = (ms: number) => new Promise<void>((resolve) => unref(setTimeout(resolve, ms)))

/** Deno's timers of the web are numbers, and hold nothing open that matters here. */
const unref = (timer: unknown): void => {
  if (typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function") {
    timer.unref()
  }
}
