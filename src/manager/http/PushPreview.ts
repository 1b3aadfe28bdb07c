import { Effect } from "effect"
import type { EndpointChange, PushPreview } from "../../../ui/ViewModels.ts"
import { type Endpoint, endpointKey } from "../../domain/Endpoint.ts"
import { NothingToPush } from "../fleet/Errors.ts"
import type { ServiceDetail } from "../fleet/Views.ts"
import { ListsRepo } from "../store/ListsRepo.ts"

/** How far back a client may be for the dialog to say exactly what changes for it. */
const revisionsMax = 50

/** What `after` changes of `before`, by endpoint, in the order of the lists: what is gone comes first. */
export const endpointChanges = (
  before: ReadonlyArray<Endpoint>,
  after: ReadonlyArray<Endpoint>,
): ReadonlyArray<EndpointChange> => {
  const old = new Map(before.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const kept = new Set(after.map(endpointKey))
  const removed = before
    .filter((endpoint) => !kept.has(endpointKey(endpoint)))
    .map(({ ip, port, weight, status }) => ({
      kind: "removed" as const,
      ip,
      port,
      before: { weight, status },
      after: null,
    }))
  const others = after.flatMap(({ ip, port, weight, status }): ReadonlyArray<EndpointChange> => {
    const was = old.get(endpointKey({ ip, port }))
    const now = { weight, status }
    if (was === undefined) return [{ kind: "added", ip, port, before: null, after: now }]
    if (was.weight === weight && was.status === status) return []
    return [{ kind: "changed", ip, port, before: { weight: was.weight, status: was.status }, after: now }]
  })
  return [...removed, ...others]
}

/** What a push to these clients would change for them, grouped by the revision that they have. */
export const pushPreview = Effect.fn("PushPreview")(function* (
  service: ServiceDetail,
  clientIds: ReadonlyArray<string>,
) {
  const { revision } = service
  if (revision === null) return yield* new NothingToPush({ reason: "nothing-released" })
  const wanted = new Set(clientIds)
  const clients = service.clientsList.filter((client) => clientIds.length === 0 || wanted.has(client.id))
  if (clients.length === 0) return yield* new NothingToPush({ reason: "no-clients" })
  const lists = yield* ListsRepo
  const history = new Map((yield* lists.history(service.id, revisionsMax)).map((list) => [list.revision, list]))
  const released = history.get(revision)?.endpoints ?? []
  const behind = clients.filter((client) => client.revision !== revision)
  const groups = [...Map.groupBy(behind, (client) => client.revision)].map(([has, members]) => {
    const known = has === null ? { endpoints: [] } : history.get(has)
    return {
      revision: has,
      clients: members.length,
      changes: known === undefined ? null : endpointChanges(known.endpoints, released),
    }
  })
  return {
    serviceId: service.id,
    serviceName: service.name,
    revision,
    clientIds,
    total: clients.length,
    current: clients.length - behind.length,
    groups: groups.toSorted((a, b) => b.clients - a.clients),
  } satisfies PushPreview
})
