import type { RpcError } from "../protocol/RpcError.ts"
import { OpenCall } from "../rpc/PendingCall.ts"
import type { CallPlan } from "./CallSettings.ts"
import type { OpenLane, WorkerLane } from "./WorkerLane.ts"

/** Who hears how a call went. */
export interface LaneCallOwner {
  answered(lane: WorkerLane, method: string, tookMs: number): void
  /** Settles the call's promise with `settle` or `refuse`, now or later. */
  failedFirst(call: LaneCall, error: RpcError): void
}

/**
 * A call that goes straight to an open connection. Its promise is the caller's own: an answer settles it without
 * anything in between, and after a failure the owner settles it when it has tried elsewhere.
 */
export class LaneCall extends OpenCall {
  readonly promise: Promise<unknown>
  settle: (value: unknown) => void = ignore
  refuse: (error: Error) => void = ignore
  readonly lane: WorkerLane
  // Set by the owner before it begins, so that a call needs no object beside itself.
  args: ReadonlyArray<unknown> = none
  startedAt = 0
  readonly plan: CallPlan
  readonly #owner: LaneCallOwner

  constructor(owner: LaneCallOwner, lane: OpenLane, method: string, plan: CallPlan) {
    super(lane.connection, method, plan)
    this.#owner = owner
    this.lane = lane
    this.plan = plan
    this.promise = new Promise((resolve, reject) => {
      this.settle = resolve
      this.refuse = reject
    })
  }

  override resolve(value: unknown): void {
    this.#owner.answered(this.lane, this.method, (this.lane.connection?.heardAt ?? 0) - this.startedAt)
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

const none: ReadonlyArray<unknown> = []
const ignore = () => undefined
