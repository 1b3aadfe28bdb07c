import { Context, type Effect } from "effect"
import type { NodeStatus } from "../../protocol/NodeManager.ts"
import type { NotFound } from "./Errors.ts"
import type { DashboardCounts, NodeView } from "./Views.ts"

/** The joined nodes, each with a supervised session of its own. */
export class Fleet extends Context.Service<
  Fleet,
  {
    readonly nodes: Effect.Effect<ReadonlyArray<NodeView>>
    /** Ends its session, refuses its certificate everywhere, takes it out of node_manager's list. */
    readonly revoke: (nodeId: string, by: string) => Effect.Effect<void, NotFound>
    /** Takes a revoked node out of the page; its certificate stays refused. */
    readonly forget: (nodeId: string, by: string) => Effect.Effect<void, NotFound>
    /** The newest status, `undefined` while the node is not connected. */
    readonly status: (nodeId: string) => Effect.Effect<NodeStatus | undefined>
    readonly counts: Effect.Effect<DashboardCounts>
  }
>()("muster/manager/fleet/Fleet") {}
