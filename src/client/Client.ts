import { usesTls } from "../domain/Loopback.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { RpcConnection } from "../rpc/RpcConnection.ts"
import { type Balancer, WeightBalancer } from "./Balancer.ts"
import { asRpcError, CallError } from "./CallError.ts"
import type { CertificateFolder } from "./CertificateFolder.ts"
import type { Discovery } from "./Discovery.ts"
import { endpointName, type ListedEndpoint, type ServiceEndpoints } from "./EndpointFile.ts"
import { EndpointPool } from "./EndpointPool.ts"
import { cancelled, within } from "./Within.ts"

/** How one call differs from the client's own settings. */
export interface CallSettings {
  /** For the whole call, with connecting and going elsewhere. Milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Call the endpoint of this address, whatever its weight; it must be online. */
  readonly ip?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Sent along with the request, such as `traceparent`. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined
}

export interface Caller {
  /**
   * Calls a method (`function`, `Class.method` or `Class::method`) and answers its result. Rejects with a CallError.
   * A call that was certainly not executed (connection refused, server draining) goes to another endpoint within its
   * time; one that may have been executed is never repeated.
   */
  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result>
}

export interface ClientOptions {
  readonly service: string
  readonly name: string
  readonly timeoutMs: number
  readonly certificates: CertificateFolder
  readonly balancer?: Balancer
}

/** Calls one service, on whichever of its endpoints. Made by `connect`; open until `close`. */
export class Client implements Caller {
  readonly #options: ClientOptions
  readonly #balancer: Balancer
  #discovery: Discovery | undefined
  readonly #pools = new Map<string, EndpointPool>()
  /** What the balancer chooses from. Made anew when it changes, as the balancer remembers it by identity. */
  #candidates: ReadonlyArray<EndpointPool> = []
  #closed = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#balancer = options.balancer ?? new WeightBalancer()
  }

  /** Uses what `discovery` finds, from now on. */
  follow(discovery: Discovery): this {
    this.#discovery = discovery
    if (discovery.list !== undefined) this.apply(discovery.list)
    return this
  }

  /** Takes on a list: connections to endpoints that stay are kept, others finish their calls and close. */
  apply(list: ServiceEndpoints): void {
    if (this.#closed) return
    const left = new Set(this.#pools.keys())
    for (const endpoint of list.endpoints) {
      const key = `${endpointName(endpoint)} ${usesTls(list.tls, endpoint.ip)}`
      // An endpoint that went offline keeps no connection; it gets a new pool when it comes back.
      if (endpoint.status === "offline") continue
      left.delete(key)
      const pool = this.#pools.get(key)
      if (pool === undefined) this.#pools.set(key, this.#makePool(endpoint, list))
      else pool.endpoint = endpoint
    }
    for (const key of left) {
      this.#pools.get(key)?.retire()
      this.#pools.delete(key)
    }
    this.#refresh()
  }

  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result> {
    return this.#call({}, method, args) as Promise<Result>
  }

  /** The same client with other settings: `client.with({ timeoutMs: 2_000 }).call("report")`. */
  with(settings: CallSettings): Caller {
    return {
      call: <Result>(method: string, ...args: ReadonlyArray<unknown>) =>
        this.#call(settings, method, args) as Promise<Result>,
    }
  }

  /** Closes all connections. Calls that are open, and later ones, fail. */
  close(): void {
    this.#closed = true
    this.#discovery?.close()
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
    this.#candidates = []
  }

  async #call(settings: CallSettings, method: string, args: ReadonlyArray<unknown>): Promise<unknown> {
    const deadline = performance.now() + (settings.timeoutMs ?? this.#options.timeoutMs)
    const attempt = new Attempt(settings, method, args, deadline)
    try {
      const ready = this.#discovery?.ready
      if (ready !== undefined) await attempt.wait(ready, "endpoint list")
      for (;;) {
        if (settings.signal?.aborted === true) throw cancelled()
        attempt.pool = this.#choose(attempt)
        const answer = await this.#try(attempt, attempt.pool)
        if (answer !== again) return answer
      }
    } catch (error) {
      throw new CallError(asRpcError(error), {
        service: this.#options.service,
        method,
        endpoint: attempt.pool?.name,
      })
    }
  }

  async #try(attempt: Attempt, pool: EndpointPool): Promise<unknown> {
    let connection: RpcConnection | undefined
    try {
      connection = pool.pick() ?? (await attempt.wait(pool.connect(), "connection", this.#patience(attempt, pool)))
      return await pool.call(connection, attempt.request())
    } catch (error) {
      const reason = asRpcError(error)
      if (!this.#mayGoElsewhere(attempt, reason, connection)) throw reason
      // A connection that is draining has a successor at the same endpoint; one that can't be made has none.
      if (connection === undefined) {
        attempt.tried.add(pool)
        if (reason.code === "deadline_exceeded") pool.doubt()
      }
      attempt.failure = reason
      return again
    }
  }

  /** How much of the time left a connection may take, when there is somewhere else to go. */
  #patience(attempt: Attempt, pool: EndpointPool): number {
    const leftMs = attempt.leftMs()
    const others = this.#eligible(attempt).some((other) => other !== pool && !attempt.tried.has(other))
    return others ? leftMs / 2 : leftMs
  }

  #mayGoElsewhere(attempt: Attempt, reason: RpcError, connection: RpcConnection | undefined): boolean {
    if (this.#closed || reason.executed !== "no" || attempt.leftMs() <= 0) return false
    if (connection === undefined) return reason.code !== "cancelled"
    attempt.refusals++
    return reason.code === "unavailable" && attempt.refusals < refusalsMax
  }

  #choose(attempt: Attempt): EndpointPool {
    const { settings, tried } = attempt
    if (settings.ip === undefined && tried.size === 0) {
      const chosen = this.#balancer.choose(this.#candidates)
      if (chosen !== undefined) return chosen
    }
    const left = this.#eligible(attempt).filter((pool) => !tried.has(pool))
    const reachable = left.filter((pool) => !pool.isAway)
    const chosen =
      settings.ip === undefined
        ? this.#balancer.choose(reachable.length > 0 ? reachable : left)
        : (reachable[Math.floor(Math.random() * reachable.length)] ?? left[0])
    if (chosen !== undefined) return chosen
    throw attempt.failure ?? this.#nowhere(settings.ip)
  }

  #eligible({ settings }: Attempt): ReadonlyArray<EndpointPool> {
    const { ip } = settings
    return [...this.#pools.values()].filter(({ endpoint }) =>
      ip === undefined ? endpoint.weight > 0 : endpoint.ip === ip,
    )
  }

  #nowhere(ip: string | undefined): RpcError {
    const list = this.#discovery?.list
    const reason = () => {
      if (this.#closed) return "the client is closed"
      if (list === undefined) return this.#discovery?.missing ?? "no endpoint list"
      if (ip === undefined) return `none of ${list.endpoints.length} endpoints is online with a weight above 0`
      const known = list.endpoints.some((endpoint) => endpoint.ip === ip)
      return known ? `the endpoint of ${ip} is offline` : `no endpoint of ${ip} in the list`
    }
    return new RpcError("unavailable", reason(), { executed: "no" })
  }

  #makePool(endpoint: ListedEndpoint, list: ServiceEndpoints): EndpointPool {
    const { certificates, name, service } = this.#options
    return new EndpointPool(endpoint, {
      service,
      client: name,
      tls: usesTls(list.tls, endpoint.ip) ? () => certificates.read() : undefined,
      onReach: () => this.#refresh(),
    })
  }

  #refresh(): void {
    this.#candidates = [...this.#pools.values()].filter(({ endpoint, isAway }) => endpoint.weight > 0 && !isAway)
  }
}

const again = Symbol("again")
/** Servers that drain, one after the other, before a call gives up. */
const refusalsMax = 5

/** One call on its way from endpoint to endpoint. */
class Attempt {
  readonly settings: CallSettings
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly deadline: number
  /** Endpoints that could not be reached. */
  readonly tried = new Set<EndpointPool>()
  pool: EndpointPool | undefined
  /** Why it did not end where it was tried last. */
  failure: RpcError | undefined
  refusals = 0

  constructor(settings: CallSettings, method: string, args: ReadonlyArray<unknown>, deadline: number) {
    this.settings = settings
    this.method = method
    this.args = args
    this.deadline = deadline
  }

  leftMs(): number {
    return Math.max(0, this.deadline - performance.now())
  }

  wait<A>(promise: Promise<A>, what: string, timeoutMs = this.leftMs()): Promise<A> {
    return within(promise, { timeoutMs, what, signal: this.settings.signal })
  }

  request() {
    const { args, method, settings } = this
    return { method, args, options: { timeoutMs: this.leftMs(), signal: settings.signal, meta: settings.meta } }
  }
}
