import { refusalsAtOnce, refusalsMax, retriesDefault, retryOf, retryWaitMs, worstExecuted } from "../domain/Retry.ts"
import type { Executed } from "../domain/ErrorCode.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import { asRpcError, CallError } from "./CallError.ts"
import type { CallPlan } from "./CallSettings.ts"
import type { Discovery } from "./Discovery.ts"
import type { EndpointPool } from "./EndpointPool.ts"
import type { EndpointSet } from "./EndpointSet.ts"
import type { KeyedCalls } from "./KeyedCalls.ts"
import type { MethodTable } from "./MethodTable.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import type { WorkerLane } from "./WorkerLane.ts"
import { cancelled, within } from "./Within.ts"

/** What the routes of all calls of a client share. */
export interface RouteHost {
  readonly service: string
  readonly endpoints: EndpointSet
  readonly methods: MethodTable
  readonly budget: RetryBudget
  readonly keyed: KeyedCalls
  readonly discovery: Discovery | undefined
  readonly isClosed: boolean
  readonly random: () => number
  retries: number
}

/** The way of one call from worker to worker, until one answers it or there is nothing left to try. */
export class Route {
  readonly method: string
  readonly #host: RouteHost
  readonly #plan: CallPlan
  readonly #until: number
  /** Endpoints that could not be reached. */
  readonly #unreached = new Set<EndpointPool>()
  /** Workers that have failed it. */
  readonly #failed = new Set<WorkerLane>()
  /** The endpoint that knows whether this call, by its key, was executed. */
  #bound: string | undefined
  #pool: EndpointPool | undefined
  /** Why it did not end where it was tried last. */
  #failure: RpcError | undefined
  #executed: Executed = "no"
  #refusals = 0
  #retries = 0
  /** Chosen already, and not yet tried. */
  #first: WorkerLane | undefined
  #isAnswered = true

  constructor(host: RouteHost, plan: CallPlan, method: string, startedAt: number) {
    this.#host = host
    this.#plan = plan
    this.method = method
    this.#until = startedAt + plan.timeoutMs
  }

  /** Begins at a worker that was chosen for it. */
  from(lane: WorkerLane | undefined): this {
    this.#first = lane
    return this
  }

  /** Nobody hears how it ends: it shows nothing of the worker that it goes to. */
  unanswered(): this {
    this.#isAnswered = false
    return this
  }

  get leftMs(): number {
    return Math.max(0, this.#until - now())
  }

  get isIdempotent(): boolean {
    return this.#plan.settings.idempotent ?? this.#host.methods.isIdempotent(this.method)
  }

  /** An open connection to the worker that should answer. Rejects with an RpcError when there is none to be had. */
  async next(): Promise<WorkerLane> {
    const { discovery, isClosed } = this.#host
    if (this.#plan.fault !== undefined) throw this.#plan.fault
    if (discovery?.ready !== undefined && !isClosed) await this.#wait(discovery.ready, "endpoint list", this.leftMs)
    for (;;) {
      if (this.#refusals > refusalsAtOnce) await this.#pause(this.#refusals - refusalsAtOnce)
      if (this.#plan.signal?.aborted === true) throw cancelled()
      const lane = this.#choose()
      this.#pool = lane.pool
      if (this.#failed.has(lane)) await this.#pause(this.#retries)
      if (lane.isOpen) {
        lane.pool.spread(now())
        return lane
      }
      try {
        return await this.#wait(lane.pool.connect(), "connection", this.#patience(lane.pool))
      } catch (error) {
        this.#wasUnreached(lane.pool, asRpcError(error))
      }
    }
  }

  /** Another worker, for a second try beside the first. */
  another(than: WorkerLane): WorkerLane | undefined {
    const avoided = { ip: this.#plan.settings.ip, pools: this.#unreached, lanes: new Set([...this.#failed, than]) }
    const lane = this.#host.endpoints.pickExcept(avoided, now())
    if (lane === undefined || lane === than) return undefined
    // It may be there for the next one.
    if (!lane.isOpen) void lane.pool.connect().catch(() => undefined)
    return lane.isOpen && this.#host.budget.take(now()) ? lane : undefined
  }

  /** A worker has failed the call. Returns when there is another try, and throws when there is none. */
  failed(lane: WorkerLane, error: RpcError): void {
    this.#note(lane, error)
    if (!this.#mayRepeat(lane, error)) throw error
  }

  /** Whether a failure is the end of the call, were it the only try. */
  isFinal(lane: WorkerLane, error: RpcError): boolean {
    this.#note(lane, error)
    return this.#kind(lane, error) === "never"
  }

  /** What the caller gets to see. It may have been executed when one of its tries may. */
  error(thrown: unknown): CallError {
    const reason = asRpcError(thrown)
    const executed = worstExecuted(this.#executed, reason.executed)
    const { code, details, message } = reason
    const whole =
      executed === reason.executed ? reason : new RpcError(code, message, { executed, details, cause: reason })
    return new CallError(whole, { service: this.#host.service, method: this.method, endpoint: this.#pool?.name })
  }

  /** It was answered. */
  done(): void {
    const { idempotencyKey } = this.#plan.settings
    if (idempotencyKey !== undefined) this.#host.keyed.forget(idempotencyKey)
  }

  #note(lane: WorkerLane, error: RpcError): void {
    const { idempotencyKey } = this.#plan.settings
    this.#failure = error
    this.#pool = lane.pool
    this.#executed = worstExecuted(this.#executed, error.executed)
    if (error.executed !== "maybe") return
    this.#bound = lane.pool.name
    if (idempotencyKey !== undefined) this.#host.keyed.remember(idempotencyKey, lane.pool.name, now())
  }

  #kind(lane: WorkerLane, { code, executed }: RpcError): "free" | "budget" | "never" {
    const keyed = this.#plan.settings.idempotencyKey !== undefined
    return retryOf({ code, executed, untaken: !lane.isOpen, idempotent: this.isIdempotent, keyed })
  }

  #mayRepeat(lane: WorkerLane, error: RpcError): boolean {
    const { budget, isClosed } = this.#host
    const kind = this.#kind(lane, error)
    if (isClosed || kind === "never" || this.leftMs <= 0) return false
    // A connection that is draining has a successor at the same endpoint.
    if (kind === "free") return ++this.#refusals < refusalsMax
    this.#failed.add(lane)
    if (this.#retries >= (this.#plan.settings.retries ?? retriesDefault) || !budget.take(now())) return false
    this.#retries++
    this.#host.retries++
    return true
  }

  #wasUnreached(pool: EndpointPool, error: RpcError): void {
    if (this.#host.isClosed || error.code === "cancelled" || this.leftMs <= 0) throw error
    this.#unreached.add(pool)
    this.#failure = error
    if (error.code === "deadline_exceeded") pool.doubt()
  }

  #choose(): WorkerLane {
    const { endpoints } = this.#host
    const { ip } = this.#plan.settings
    const time = now()
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) return first
    const place = this.#place(time)
    if (place !== undefined) return this.#at(place)
    if (ip === undefined && this.#unreached.size === 0 && this.#failed.size === 0) {
      const lane = endpoints.pick(time, this.#isAnswered)
      if (lane !== undefined) return lane
    }
    const lane = endpoints.pickExcept({ ip, pools: this.#unreached, lanes: this.#failed }, time)
    if (lane !== undefined) return lane
    throw this.#failure ?? this.#nowhere(ip)
  }

  /** Where the call must go because it may have been executed there. */
  #place(time: number): string | undefined {
    const { idempotencyKey } = this.#plan.settings
    if (idempotencyKey === undefined) return undefined
    const place = this.#bound ?? this.#host.keyed.of(idempotencyKey, time)
    if (place !== undefined) this.#executed = worstExecuted(this.#executed, "maybe")
    return place
  }

  #at(name: string): WorkerLane {
    const pool = this.#host.endpoints.named(name)
    if (pool === undefined || this.#unreached.has(pool)) {
      const message = `${name}, which may have executed this call and would know, cannot be reached`
      throw this.#failure ?? new RpcError("unavailable", message, { executed: "maybe" })
    }
    const fresh = pool.lanes.filter((lane) => !this.#failed.has(lane))
    const lanes = fresh.length > 0 ? fresh : pool.lanes
    return lanes[Math.floor(this.#host.random() * lanes.length)] ?? pool.entrance
  }

  /** How much of the time left a connection may take, when there is somewhere else to go. */
  #patience(pool: EndpointPool): number {
    const avoided = { ip: this.#plan.settings.ip, pools: this.#unreached, lanes: this.#failed }
    return this.#host.endpoints.hasOther(pool, avoided) ? this.leftMs / 2 : this.leftMs
  }

  /** The same worker again, or one more that would not take it: not at once. */
  async #pause(nth: number): Promise<void> {
    const waitMs = Math.min(this.leftMs, retryWaitMs(Math.max(1, nth), this.#host.random()))
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }

  #wait<A>(promise: Promise<A>, what: string, timeoutMs: number): Promise<A> {
    return within(promise, { timeoutMs, what, signal: this.#plan.signal })
  }

  #nowhere(ip: string | undefined): RpcError {
    const { discovery, isClosed } = this.#host
    const list = discovery?.list
    const reason = () => {
      if (isClosed) return "the client is closed"
      if (list === undefined) return discovery?.missing ?? "no endpoint list"
      if (ip === undefined) return `none of ${list.endpoints.length} endpoints is online with a weight above 0`
      const known = list.endpoints.some((endpoint) => endpoint.ip === ip)
      return known ? `the endpoint of ${ip} is offline` : `no endpoint of ${ip} in the list`
    }
    return new RpcError("unavailable", reason(), { executed: "no" })
  }
}
