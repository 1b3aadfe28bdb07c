import { Context, Effect, Layer, Semaphore } from "effect"
import { type Endpoint, endpointKey } from "../../domain/Endpoint.ts"
import { nodeManager } from "../../domain/ServiceName.ts"
import { Database } from "../store/Database.ts"
import { DeliveriesRepo } from "../store/DeliveriesRepo.ts"
import { ListsRepo } from "../store/ListsRepo.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { ServicesRepo } from "../store/ServicesRepo.ts"
import { Changes } from "./Changes.ts"
import { Desired } from "./Desired.ts"
import { Pushes } from "./Pushes.ts"

const same = (a: ReadonlyArray<Endpoint>, b: ReadonlyArray<Endpoint>) =>
  a.length === b.length &&
  a.every((endpoint, at) => b[at] !== undefined && endpointKey(endpoint) === endpointKey(b[at]))

const make = Effect.gen(function* () {
  const changes = yield* Changes
  const database = yield* Database
  const deliveries = yield* DeliveriesRepo
  const desired = yield* Desired
  const lists = yield* ListsRepo
  const nodes = yield* NodesRepo
  const pushes = yield* Pushes
  const services = yield* ServicesRepo
  const oneAtATime = yield* Semaphore.make(1)

  const refresh = Effect.fn("NodeList.refresh")(function* (by: string) {
    const service = yield* Effect.orDie(services.byName(nodeManager))
    const endpoints = (yield* nodes.active)
      .map(({ ip, port }): Endpoint => ({ ip, port, weight: 100, status: "online" }))
      .toSorted((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1))
    const before = (yield* lists.released(service.id))?.endpoints ?? []
    if (same(before, endpoints)) return
    // Nodes are joined and revoked by people, one by one: the list only follows.
    const override = { by, reason: "node_manager lists the joined nodes" }
    const release = lists.release(service.id, { endpoints, tls: service.tls, by, override })
    yield* database
      .transaction(Effect.tap(release, ({ revision }) => deliveries.push(service.id, "all", revision)))
      .pipe(Effect.orDie)
    yield* desired.changed
    yield* changes.publish("services")
    yield* changes.publish(`service:${service.id}`)
    yield* pushes.follow(service.id, by)
  })

  yield* refresh("muster")
  return NodeList.of({ refresh: (by) => oneAtATime.withPermit(refresh(by)) })
})

/** node_manager's list: the joined nodes. Kept by the manager alone; a new revision with each node that comes or goes. */
export class NodeList extends Context.Service<
  NodeList,
  { /** Releases and pushes the list when it is another. */ readonly refresh: (by: string) => Effect.Effect<void> }
>()("muster/manager/fleet/NodeList") {
  static readonly layer = Layer.effect(NodeList, make)
}
