import { Context, Effect, Layer } from "effect"
import type { NodeStatus } from "../../protocol/NodeManager.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Database } from "../store/Database.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { Changes } from "./Changes.ts"
import { Desired } from "./Desired.ts"
import type { NotFound } from "./Errors.ts"
import { NodeList } from "./NodeList.ts"
import { Overview } from "./Overview.ts"
import { Sessions } from "./Sessions.ts"
import type { DashboardCounts, NodeView } from "./Views.ts"

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const changes = yield* Changes
  const database = yield* Database
  const desired = yield* Desired
  const nodeList = yield* NodeList
  const nodes = yield* NodesRepo
  const overview = yield* Overview
  const sessions = yield* Sessions

  const revoke = Effect.fn("Fleet.revoke")(function* (nodeId: string, by: string) {
    yield* database.transaction(
      Effect.andThen(
        nodes.revoke(nodeId, by),
        audit.add({ who: by, what: "node.revoke", object: `node:${nodeId}`, detail: {} }),
      ),
    )
    yield* sessions.end(nodeId)
    yield* desired.trustChanged
    yield* sessions.wakeAll
    yield* nodeList.refresh(by)
    yield* changes.publish("nodes")
    yield* changes.publish("services")
    for (const service of (yield* desired.index).services) yield* changes.publish(`service:${service.id}`)
  })

  const forget = Effect.fn("Fleet.forget")(function* (nodeId: string, by: string) {
    yield* database.transaction(
      Effect.andThen(
        nodes.forget(nodeId),
        audit.add({ who: by, what: "node.forget", object: `node:${nodeId}`, detail: {} }),
      ),
    )
    yield* changes.publish("nodes")
  })

  return Fleet.of({
    nodes: overview.nodes,
    revoke,
    forget,
    status: (nodeId) => Effect.sync(() => sessions.get(nodeId)?.status),
    counts: overview.counts,
  })
})

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
>()("muster/manager/fleet/Fleet") {
  static readonly layer = Layer.effect(Fleet, make)
}
