import type { Effective, Observed } from "../../domain/Effective.ts"
import type { Endpoint, EndpointStatus } from "../../domain/Endpoint.ts"
import type { TlsMode } from "../../domain/EndpointList.ts"
import type { Problem } from "../../domain/Problem.ts"
import type { Desired, ProcessSpec } from "../../domain/ProcessSpec.ts"
import type { NodeStatus, ProcessStatus } from "../../protocol/NodeManager.ts"

/**
 * What pages and the API show of the fleet: plain data. Times are milliseconds since 1970; `null` is "not yet", or
 * "not known".
 */
export type Health = "healthy" | "degraded" | "down" | "off" | "unknown"

export type ServiceSummary = {
  readonly id: string
  readonly name: string
  readonly description: string
  /** The agent's own service: its list is kept by the manager, and it can't be renamed or deleted. */
  readonly kernel: boolean
  readonly health: Health
  /** The newest released revision. */
  readonly revision: number | null
  readonly endpoints: { readonly total: number; readonly online: number; readonly up: number }
  /** `current`: has the newest released revision. `failed`: its last delivery was refused or not acked. */
  readonly clients: { readonly total: number; readonly current: number; readonly failed: number }
  /** What keeps one of the places from being up that should be; null: nothing does. */
  readonly trouble: {
    /** The address. */ readonly at: string
    readonly problem: Problem
    readonly since: number | null
  } | null
  readonly modifiedAt: number
  readonly modifiedBy: string
  readonly createdBy: string
  /** null: it has no process spec. */
  readonly processes: ProcessSummary | null
}

/** Processes of a service on all of its joined nodes. */
export type ProcessSummary = {
  readonly kind: ProcessSpec["kind"]
  /** What is wanted everywhere; a place may be told otherwise. */
  readonly desired: Desired
  /** Places where it is to run, and where it does. */
  readonly wanted: number
  readonly running: number
  /** Places where it is not to run, and still does. */
  readonly stopping: number
  readonly workers: { readonly ready: number; readonly want: number }
}

export type EndpointView = {
  readonly ip: string
  readonly port: number
  readonly desired: { readonly weight: number; readonly status: EndpointStatus }
  readonly observed: Observed
  readonly effective: Effective
  readonly nodeId: string | null
  readonly nodeName: string | null
  readonly workers: { readonly ready: number; readonly want: number } | null
}

/** `never`: joined, but not reached since the manager started. `not-joined`: no node has this address. */
export type Connection = "connected" | "away" | "never" | "revoked"

export type DeliveryState = "queued" | "sending" | "ok" | "failed" | "cancelled"

export type ClientView = {
  readonly id: string
  readonly ip: string
  readonly nodeId: string | null
  readonly nodeName: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly connection: Connection | "not-joined"
  /** The revision it has acked. */
  readonly revision: number | null
  readonly ackedAt: number | null
  /** From sending to the ack. */
  readonly tookMs: number | null
  /** `message`: the problem as a sentence, for programs. */
  readonly error: { readonly problem: Problem; readonly message: string; readonly at: number } | null
  readonly nextTryAt: number | null
  /** Its state in the running or last push job of the service. */
  readonly job: DeliveryState | null
}

/** The reload that runs, or the last one: as the node tells it, or `problem` when it could not be asked. */
export type ReloadView = NonNullable<ProcessStatus["reload"]> & { readonly problem: Problem | null }

/** What a person has asked of a process set, and what came of it. `kept`: the node is away, and is told when it is back. */
export type ActionView = {
  readonly action: "start" | "stop" | "restart" | "scale" | "push"
  readonly state: "running" | "done" | "failed" | "kept" | "pending"
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly reason: string | null
  readonly problem: Problem | null
}

/** How far what a node is to have of a spec, and whether it is to run, has come. */
export type SpecDelivery = {
  readonly state: "acked" | "sending" | "refused" | "away" | "none"
  /** What it is to have; null: nothing was pushed to it. */
  readonly wanted: { readonly revision: number; readonly desired: Desired } | null
  readonly problem: Problem | null
  readonly message: string | null
  readonly nextTryAt: number | null
}

/** A process set on a node. `status` null: not reported (yet). */
export type InstanceView = {
  readonly nodeId: string
  readonly nodeName: string
  readonly ip: string
  /** The process set on its node: `<service>@<port>`, or `<service>` when it listens nowhere. */
  readonly name: string
  readonly delivery: SpecDelivery
  readonly action: ActionView | null
  readonly reload: ReloadView | null
  readonly status: ProcessStatus | null
  readonly error: string | null
  readonly problem: Problem | null
}

export type ProcessView = {
  /** The newest that was saved, with what is wanted everywhere. */
  readonly spec: ProcessSpec
  readonly revision: number
  /** The revision that each node has that was not given another; null: none was pushed to all. */
  readonly pushed: number | null
  readonly modifiedBy: string
  readonly modifiedAt: number
  /** One for each place whose address is a joined node's. */
  readonly instances: ReadonlyArray<InstanceView>
  /** Addresses that it names, and that no joined node has. */
  readonly notJoined: ReadonlyArray<string>
}

export type ServiceDetail = ServiceSummary & {
  readonly tls: TlsMode
  readonly createdAt: number
  readonly hasDraft: boolean
  /** Of the released revision. */
  readonly endpointsList: ReadonlyArray<EndpointView>
  readonly clientsList: ReadonlyArray<ClientView>
  readonly process: ProcessView | null
  readonly releasedAt: number | null
  readonly releasedBy: string | null
  readonly draft: ReadonlyArray<Endpoint> | null
}

export type PushJob = {
  readonly serviceId: string
  readonly revision: number
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly total: number
  readonly ok: number
  readonly failed: number
  readonly left: number
  readonly clientIds: ReadonlyArray<string>
}

export type NodeView = {
  readonly id: string
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly connection: Connection
  /** Since when it is so. */
  readonly since: number
  readonly error: string | null
  readonly problem: Problem | null
  readonly nextTryAt: number | null
  readonly version: string | null
  readonly cpus: number | null
  readonly joinedAt: number
  readonly revokedAt: number | null
  /** Endpoints of released lists on its address. */
  readonly services: number
  readonly lastSeenAt: number | null
  /** What the node says a person should see. */
  readonly notices: NodeStatus["notices"]
}

export type TokenView = {
  readonly id: string
  readonly kind: "once" | "many"
  readonly state: "open" | "used" | "expired" | "revoked"
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly usedAt: number | null
}

export type DashboardCounts = {
  readonly services: {
    readonly total: number
    readonly healthy: number
    readonly degraded: number
    readonly down: number
  }
  readonly nodes: { readonly total: number; readonly connected: number }
  readonly endpoints: { readonly total: number; readonly online: number; readonly up: number }
  readonly clients: { readonly total: number; readonly current: number; readonly failed: number }
  readonly workers: { readonly ready: number; readonly want: number }
}
