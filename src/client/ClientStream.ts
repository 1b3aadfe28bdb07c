import type { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import type { CallStream } from "../rpc/RpcConnection.ts"
import { asRpcError } from "./CallError.ts"
import type { CallPlan } from "./CallSettings.ts"
import type { Route } from "./Route.ts"
import { cancelled } from "./Within.ts"
import type { WorkerLane } from "./WorkerLane.ts"

/** Hears how a stream ended on a worker; `undefined`: well. */
type Report = (lane: WorkerLane, error: RpcError | undefined, startedAt: number) => void

interface StreamRequest {
  readonly plan: CallPlan
  readonly args: ReadonlyArray<unknown>
}

/** A stream that has a place to come from. */
interface Source {
  readonly lane: WorkerLane
  readonly stream: CallStream
  readonly startedAt: number
}

/** A stream of one call: found a worker for at the first `next()`, and again at another one if that brings nothing. */
export class ClientStream implements AsyncIterableIterator<unknown> {
  readonly #route: Route
  readonly #plan: CallPlan
  readonly #args: ReadonlyArray<unknown>
  readonly #report: Report
  #source: Source | undefined
  #opening: Promise<unknown> = Promise.resolve()
  #hasItems = false
  #ended = false

  constructor(route: Route, { args, plan }: StreamRequest, report: Report) {
    this.#route = route
    this.#plan = plan
    this.#args = args
    this.#report = report
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#ended) return Promise.resolve(over)
    if (this.#source !== undefined && this.#hasItems) return this.#following(this.#source)
    // Several at once before the first item: each waits for the one before it.
    const first = this.#opening.then(() =>
      this.#source !== undefined && this.#hasItems ? this.#following(this.#source) : this.#first(),
    )
    this.#opening = first.catch(() => undefined)
    return first
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#ended = true
    const source = this.#source
    if (source !== undefined) {
      await source.stream.return?.()
      this.#end(source, undefined)
    }
    return over
  }

  async #first(): Promise<IteratorResult<unknown, undefined>> {
    try {
      for (;;) {
        if (this.#ended) return over
        const lane = await this.#route.next()
        if (this.#ended) return over
        const result = await this.#begin(lane)
        if (result !== undefined) return result
      }
    } catch (error) {
      this.#ended = true
      throw this.#route.error(error)
    }
  }

  /** Undefined: this worker brought nothing, and another may. Rejects when none may. */
  async #begin(lane: WorkerLane): Promise<IteratorResult<unknown, undefined> | undefined> {
    const { meta, signal } = this.#plan
    const startedAt = now()
    const stream = lane.connection?.stream(this.#route.method, this.#args, {
      timeoutMs: this.#route.leftMs,
      signal,
      meta,
    })
    if (stream === undefined) throw cancelled()
    const source = { lane, stream, startedAt }
    this.#source = source
    lane.streamBegan()
    try {
      const result = await stream.next()
      this.#hasItems = true
      if (result.done === true) this.#end(source, undefined)
      return result.done === true ? over : result
    } catch (error) {
      const reason = asRpcError(error)
      this.#end(source, reason)
      this.#route.failed(lane, reason)
      return undefined
    }
  }

  async #following(source: Source): Promise<IteratorResult<unknown, undefined>> {
    try {
      const result = await source.stream.next()
      if (result.done === true) this.#end(source, undefined)
      return result.done === true ? over : result
    } catch (error) {
      const reason = asRpcError(error)
      this.#ended = true
      this.#end(source, reason)
      throw this.#route.error(reason)
    }
  }

  #end(source: Source, error: RpcError | undefined): void {
    if (this.#source !== source) return
    this.#source = undefined
    if (this.#hasItems || error === undefined) this.#ended = true
    this.#report(source.lane, error, source.startedAt)
  }
}

const over: IteratorResult<unknown, undefined> = { done: true, value: undefined }
