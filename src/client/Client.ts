import { retryLimits, type RetryLimits } from "../domain/Retry.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import { intercepted, type InterceptedCall, type Interceptor } from "../rpc/Interceptor.ts"
import { asRpcError } from "./CallError.ts"
import { CallPlan, type CallSettings } from "./CallSettings.ts"
import type { CertificateFolder } from "./CertificateFolder.ts"
import { type ClientStats, statsOf } from "./ClientStats.ts"
import type { Discovery } from "./Discovery.ts"
import type { ServiceEndpoints } from "./EndpointFile.ts"
import { EndpointSet } from "./EndpointSet.ts"
import { hedge, type Try } from "./Hedge.ts"
import { KeyedCalls } from "./KeyedCalls.ts"
import { MethodTable } from "./MethodTable.ts"
import { RetryBudget } from "./RetryBudget.ts"
import { Route, type RouteHost } from "./Route.ts"
import type { WorkerLane } from "./WorkerLane.ts"

export type { CallSettings } from "./CallSettings.ts"

export interface Caller {
  /**
   * Calls a method (`function`, `Class.method` or `Class::method`) and answers its result. Rejects with a CallError.
   * A call that was certainly not executed goes to another worker within its time. One that may have been executed is
   * repeated only when its method is idempotent or it has an idempotency key.
   */
  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result>
}

export interface ClientOptions {
  readonly service: string
  readonly name: string
  readonly timeoutMs: number
  readonly certificates: CertificateFolder
  readonly interceptors?: ReadonlyArray<Interceptor<CallSettings>> | undefined
  /** Methods that may be repeated. */
  readonly idempotent?: ReadonlyArray<string> | undefined
  readonly retryBudget?: Partial<RetryLimits> | undefined
  /** In [0, 1): what every choice is made with. */
  readonly random?: (() => number) | undefined
}

/** Calls one service, on whichever of its workers. Made by `connect`; open until `close`. */
export class Client implements Caller, RouteHost {
  readonly service: string
  readonly endpoints: EndpointSet
  readonly methods: MethodTable
  readonly budget: RetryBudget
  readonly keyed = new KeyedCalls()
  readonly random: () => number
  discovery: Discovery | undefined
  isClosed = false
  retries = 0
  #hedges = 0
  readonly #plan: CallPlan
  readonly #timeoutMs: number
  readonly #intercepted: ((call: InterceptedCall<CallSettings>) => Promise<unknown>) | undefined

  constructor(options: ClientOptions) {
    const { certificates, interceptors = [], name, random = Math.random, service, timeoutMs } = options
    this.service = service
    this.random = random
    this.methods = new MethodTable(options.idempotent ?? [])
    this.budget = new RetryBudget({ ...retryLimits, ...options.retryBudget })
    this.endpoints = new EndpointSet({
      service,
      name,
      certificates,
      random,
      onHello: () => undefined,
    })
    this.#timeoutMs = timeoutMs
    this.#plan = new CallPlan({}, timeoutMs)
    this.#intercepted = intercepted(interceptors, ({ args, method, settings }) =>
      this.#run(new CallPlan(settings, timeoutMs), method, args),
    )
  }

  /** Uses what `discovery` finds, from now on. */
  follow(discovery: Discovery): this {
    this.discovery = discovery
    if (discovery.list !== undefined) this.apply(discovery.list)
    return this
  }

  /** Takes on a list: connections to endpoints that stay are kept, others finish their calls and close. */
  apply(list: ServiceEndpoints): void {
    if (!this.isClosed) this.endpoints.apply(list)
  }

  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result> {
    return this.#call(this.#plan, method, args) as Promise<Result>
  }

  /** The same client with other settings: `client.with({ timeoutMs: 2_000 }).call("report")`. */
  with(settings: CallSettings): Caller {
    const plan = new CallPlan(settings, this.#timeoutMs)
    return {
      call: <Result>(method: string, ...args: ReadonlyArray<unknown>) =>
        this.#call(plan, method, args) as Promise<Result>,
    }
  }

  /** What the client knows of its endpoints and their workers just now, as plain data. */
  stats(): ClientStats {
    const { budget, endpoints, retries, service } = this
    const retriesLeft = budget.left(now())
    return statsOf({ service, endpoints, retries, hedges: this.#hedges, retriesLeft, usualMs: this.methods.usual() })
  }

  /** Closes all connections. Calls that are open, and later ones, fail. */
  close(): void {
    this.isClosed = true
    this.discovery?.close()
    this.endpoints.close()
  }

  #call(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): Promise<unknown> {
    if (this.#intercepted === undefined) return this.#run(plan, method, args)
    return this.#intercepted({ service: this.service, method, args, settings: plan.settings })
  }

  #run(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): Promise<unknown> {
    const time = now()
    this.budget.called(time)
    let lane: WorkerLane | undefined
    if (plan.isPlain && this.discovery?.ready === undefined) {
      lane = this.endpoints.pick(time)
      if (lane?.isOpen === true && plan.signal?.aborted !== true) {
        if (lane.pool.isCovering) lane.pool.spread(time)
        return this.#askFirst(lane, plan, method, args)
      }
    }
    return this.#find(new Route(this, plan, method, time).from(lane), plan, args)
  }

  async #goOn(route: Route, { args, error, lane, plan }: FailedCall): Promise<unknown> {
    try {
      route.failed(lane, error)
    } catch (reason) {
      throw route.error(reason)
    }
    return await this.#find(route, plan, args)
  }

  /** From worker to worker, until one answers. */
  async #find(route: Route, plan: CallPlan, args: ReadonlyArray<unknown>): Promise<unknown> {
    try {
      for (;;) {
        const lane = await route.next()
        try {
          const answer = await this.#try(route, { lane, plan, args })
          route.done()
          return answer
        } catch (error) {
          route.failed(lane, asRpcError(error))
        }
      }
    } catch (error) {
      throw route.error(error)
    }
  }

  #try(route: Route, { args, lane, plan }: OneTry): Promise<unknown> {
    const options = { timeoutMs: route.leftMs, signal: plan.signal, meta: plan.meta }
    const { hedgeAfterMs } = plan.settings
    if (hedgeAfterMs === undefined || !route.isIdempotent) return this.#ask(lane, options, route.method, args)
    const lanes = new Map<Try, WorkerLane>()
    const ask = (of: WorkerLane): Try => {
      const controller = new AbortController()
      const signal = plan.signal === undefined ? controller.signal : AbortSignal.any([controller.signal, plan.signal])
      const rest = { ...options, timeoutMs: route.leftMs, signal }
      const one = { promise: this.#ask(of, rest, route.method, args), cancel: () => controller.abort() }
      lanes.set(one, of)
      return one
    }
    return hedge(ask(lane), {
      afterMs: hedgeAfterMs,
      second: () => {
        const other = route.another(lane)
        if (other === undefined) return undefined
        this.#hedges++
        return ask(other)
      },
      isFinal: (error, one) => route.isFinal(lanes.get(one) ?? lane, asRpcError(error)),
    })
  }

  /** One try on one worker, which is told how it went. */
  #ask(
    lane: WorkerLane,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined; readonly meta: CallPlan["meta"] },
    method: string,
    args: ReadonlyArray<unknown>,
  ): Promise<unknown> {
    const { connection } = lane
    if (connection === undefined) throw new RpcError("unavailable", "The connection is closed", { executed: "no" })
    const startedAt = now()
    lane.began(startedAt)
    return connection.call(method, args, options).then(
      (value) => {
        const time = now()
        const note = this.methods.of(method)
        const tookMs = time - startedAt
        note.took(tookMs)
        lane.ended(time, tookMs, note.usualMs)
        this.endpoints.answered(lane, time)
        return value
      },
      (error: unknown) => {
        this.#failed(lane, asRpcError(error), startedAt)
        throw error
      },
    )
  }

  #failed(lane: WorkerLane, error: RpcError, startedAt: number): void {
    const time = now()
    lane.ended(time)
    this.endpoints.failed(lane, error, time)
    if (error.code === "deadline_exceeded") lane.pool.unanswered(lane, time - startedAt)
  }
}

interface OneTry {
  readonly lane: WorkerLane
  readonly plan: CallPlan
  readonly args: ReadonlyArray<unknown>
}

interface FailedCall extends OneTry {
  readonly error: RpcError
}
