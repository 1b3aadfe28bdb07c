import type { RpcError } from "../protocol/RpcError.ts"
import type { RpcConnection } from "../rpc/RpcConnection.ts"
import { OpenCall } from "../rpc/PendingCall.ts"
import type { CallPlan } from "./CallSettings.ts"
import type { WorkerLane } from "./WorkerLane.ts"

/** Who hears how a call went. */
export interface LaneCallOwner {
  answered(lane: WorkerLane, method: string, tookMs: number): void
  /** Settles the call's promise with `settle` or `refuse`, now or later. */
  failedFirst(call: LaneCall, error: RpcError): void
}

/**
 * A call that went straight to an open connection. Its promise is the caller's own: an answer settles it without anything
 * in between, and after a failure the owner settles it when it has tried elsewhere.
 */
export class LaneCall extends OpenCall {
  readonly promise: Promise<unknown>
  readonly lane: WorkerLane
  readonly plan: CallPlan
  readonly args: ReadonlyArray<unknown>
  settle: (value: unknown) => void = ignore
  refuse: (error: Error) => void = ignore
  startedAt = 0
  readonly #owner: LaneCallOwner
  readonly #connection: RpcConnection

  constructor(owner: LaneCallOwner, lane: WorkerLane, connection: RpcConnection, request: LaneRequest) {
    super(connection, request.method, request.plan)
    this.#owner = owner
    this.#connection = connection
    this.lane = lane
    this.plan = request.plan
    this.args = request.args
    this.promise = new Promise((resolve, reject) => {
      this.settle = resolve
      this.refuse = reject
    })
  }

  override resolve(value: unknown): void {
    this.#owner.answered(this.lane, this.method, this.#connection.heardAt - this.startedAt)
    this.settle(value)
  }

  /** It could not be sent. */
  refused(error: RpcError): void {
    this.over()
    this.reject(error)
  }

  override reject(error: RpcError): void {
    this.#owner.failedFirst(this, error)
  }
}

export interface LaneRequest {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly plan: CallPlan
}

const ignore = () => undefined
