import { retryLimits, type RetryLimits } from "../domain/Retry.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import type { CallOptions } from "../rpc/RpcConnection.ts"
import { asRpcError } from "./CallError.ts"
import type { CallPlan } from "./CallSettings.ts"
import type { CertificateFolder } from "./CertificateFolder.ts"
import { type ClientStats, statsOf } from "./ClientStats.ts"
import { ClientStream } from "./ClientStream.ts"
import type { Discovery } from "./Discovery.ts"
import { EndpointSet } from "./EndpointSet.ts"
import { hedge, type Try } from "./Hedge.ts"
import { KeyedCalls } from "./KeyedCalls.ts"
import { LaneCall, type LaneCallOwner } from "./LaneCall.ts"
import { MethodTable } from "./MethodTable.ts"
import { RetryBudget } from "./RetryBudget.ts"
import { Route, type RouteHost } from "./Route.ts"
import type { OpenLane, WorkerLane } from "./WorkerLane.ts"

export interface CallsOptions {
  readonly service: string
  readonly name: string
  readonly certificates: CertificateFolder
  /** Methods that may be repeated. */
  readonly idempotent?: ReadonlyArray<string> | undefined
  readonly retryBudget?: Partial<RetryLimits> | undefined
  /** In [0, 1): what every choice is made with. */
  readonly random?: (() => number) | undefined
}

/**
 * Makes the calls of one client. A plain call to an open connection goes there at once and costs nothing beside; all
 * others, and those that failed, go the way of a Route.
 */
export class Calls implements RouteHost, LaneCallOwner {
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

  constructor(options: CallsOptions) {
    const { certificates, name, random = Math.random, service } = options
    this.service = service
    this.random = random
    this.methods = new MethodTable(options.idempotent ?? [])
    this.budget = new RetryBudget({ ...retryLimits, ...options.retryBudget })
    const onHello = (idempotent: ReadonlyArray<string>) => this.methods.learn(idempotent)
    this.endpoints = new EndpointSet({ service, name, certificates, random, onHello })
  }

  /** Rejects with a CallError. */
  call(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): Promise<unknown> {
    const time = now()
    this.budget.called(time)
    if (!plan.isPlain || this.discovery?.ready !== undefined)
      return this.#find(new Route(this, plan, method, time), plan, args)
    const lane = this.endpoints.pick(time)
    if (lane !== undefined && hasRoom(lane)) {
      if (lane.pool.isCovering) lane.pool.spread(time)
      const call = new LaneCall(this, lane, method, plan)
      call.args = args
      call.startedAt = time
      lane.began(time)
      const refusal = lane.connection.begin(call, args, plan)
      if (refusal !== undefined) call.refused(refusal)
      return call.promise
    }
    return this.#find(new Route(this, plan, method, time).from(lane), plan, args)
  }

  stream(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): AsyncIterableIterator<unknown> {
    const time = now()
    this.budget.called(time)
    return new ClientStream(new Route(this, plan, method, time), { plan, args }, (lane, error, startedAt) =>
      error === undefined ? this.#streamed(lane) : this.failed(lane, method, error, startedAt),
    )
  }

  /** Resolves when the call is on its way; rejects with a CallError when it can't be sent. */
  async send(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): Promise<void> {
    const route = new Route(this, plan, method, now()).unanswered()
    try {
      for (;;) {
        const lane = await route.next()
        const error = sendError(lane, () => lane.connection?.send(method, args, plan.meta))
        if (error === undefined) return
        route.failed(lane, error)
      }
    } catch (error) {
      throw route.error(error)
    }
  }

  stats(): ClientStats {
    const { budget, endpoints, methods, retries, service } = this
    const retriesLeft = budget.left(now())
    return statsOf({ service, endpoints, retries, hedges: this.#hedges, retriesLeft, usualMs: methods.usual() })
  }

  close(): void {
    this.isClosed = true
    this.discovery?.close()
    this.endpoints.close()
  }

  answered(lane: WorkerLane, method: string, tookMs: number): void {
    const time = lane.connection?.heardAt ?? 0
    const note = this.methods.of(method)
    note.took(tookMs)
    lane.answered(time, tookMs, note.usualMs ?? tookMs)
    this.endpoints.answered(lane, time)
  }

  failed(lane: WorkerLane, method: string, error: RpcError, startedAt: number): void {
    const time = now()
    lane.ended()
    this.endpoints.failed(lane, error, time)
    if (error.code !== "deadline_exceeded") return
    const tookMs = time - startedAt
    lane.took(time, tookMs, this.methods.of(method).usualMs ?? tookMs)
    lane.pool.unanswered(lane, tookMs)
  }

  failedFirst(call: LaneCall, error: RpcError): void {
    const { args, lane, method, plan, startedAt } = call
    this.failed(lane, method, error, startedAt)
    const route = new Route(this, plan, method, startedAt)
    try {
      route.failed(lane, error)
    } catch (reason) {
      return call.refuse(route.error(reason))
    }
    call.settle(this.#find(route, plan, args))
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
    const { meta, settings, signal } = plan
    const ask = (of: WorkerLane, asked?: AbortSignal) =>
      this.#ask(of, route.method, args, { timeoutMs: route.leftMs, signal: asked ?? signal, meta })
    const afterMs = settings.hedgeAfterMs
    if (afterMs === undefined || !route.isIdempotent) return ask(lane)
    const lanes = new Map<Try, WorkerLane>()
    const begin = (of: WorkerLane): Try => {
      const controller = new AbortController()
      const both = signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal])
      const one = { promise: ask(of, both), cancel: () => controller.abort() }
      lanes.set(one, of)
      return one
    }
    const second = () => {
      const other = route.another(lane)
      if (other === undefined) return undefined
      this.#hedges++
      return begin(other)
    }
    const isFinal = (error: unknown, one: Try) => route.isFinal(lanes.get(one) ?? lane, asRpcError(error))
    return hedge(begin(lane), { afterMs, second, isFinal })
  }

  /** One try on one worker, of which is remembered how it went. */
  async #ask(lane: WorkerLane, method: string, args: ReadonlyArray<unknown>, options: CallOptions): Promise<unknown> {
    const { connection } = lane
    if (connection === undefined) throw new RpcError("unavailable", "The connection is closed", { executed: "no" })
    const startedAt = now()
    lane.began(startedAt)
    try {
      const answer = await connection.call(method, args, options)
      this.answered(lane, method, now() - startedAt)
      return answer
    } catch (error) {
      this.failed(lane, method, asRpcError(error), startedAt)
      throw error
    }
  }

  #streamed(lane: WorkerLane): void {
    lane.ended()
    this.endpoints.answered(lane, now())
  }
}

interface OneTry {
  readonly lane: WorkerLane
  readonly plan: CallPlan
  readonly args: ReadonlyArray<unknown>
}

const hasRoom = (lane: WorkerLane): lane is OpenLane => lane.connection?.state === "open" && !lane.connection.isFull

const sendError = (lane: WorkerLane, send: () => void): RpcError | undefined => {
  if (!lane.isOpen) return new RpcError("unavailable", "The connection is closed", { executed: "no" })
  try {
    send()
    return undefined
  } catch (error) {
    return asRpcError(error)
  }
}
