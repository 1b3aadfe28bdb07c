import { Context, Effect, Exit, Layer } from "effect"
import { placement } from "../../domain/Placement.ts"
import { addressesOf, planAt } from "../../domain/ProcessPlan.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import { sha256Hex } from "../../platform/Hash.ts"
import { DeliveriesRepo, type Due } from "../store/DeliveriesRepo.ts"
import { ListsRepo, type ReleasedList } from "../store/ListsRepo.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { ProcessSpecsRepo, type StoredSpec } from "../store/ProcessSpecsRepo.ts"
import { type Service, ServicesRepo } from "../store/ServicesRepo.ts"
import type { NodeAddress } from "./NodeLink.ts"
import type { Delivery } from "./NodeSession.ts"

/** All services with what is released of them: each part is read once, and kept until it changes. */
export type Index = {
  readonly services: ReadonlyArray<Service>
  readonly released: ReadonlyMap<string, ReleasedList>
  readonly specs: ReadonlyMap<string, StoredSpec>
  /** Services that have an endpoint at an address, or run there without one. */
  readonly atAddress: ReadonlyMap<string, ReadonlyArray<Service>>
}

/** The endpoint lists of a node. */
export type DesiredLists = {
  readonly due: ReadonlyArray<Due>
  /** Names of services whose file must not be there. */
  readonly gone: ReadonlyArray<string>
}

export type DesiredProcesses = { readonly revision: number; readonly processes: ReadonlyArray<ProcessAssignment> }

export type DesiredTrust = { readonly revision: number; readonly revoked: ReadonlyArray<string> }

/** Revisions that are kept in memory: many nodes that come back at once ask for the same. */
const revisionsMax = 64

/**
 * A node that was revoked and joins anew, or comes from another cluster, brings what it had with its revisions: what
 * it gets now must be above those. So each node's numbers begin with the second it joined in.
 */
export const aboveFormer = (node: NodeAddress, revision: number) => Math.floor(node.joinedAt / 1_000) + revision

const addressIndex = (
  services: ReadonlyArray<Service>,
  released: ReadonlyMap<string, ReleasedList>,
  specs: ReadonlyMap<string, StoredSpec>,
) => {
  const found = new Map<string, Array<Service>>()
  for (const service of services) {
    for (const ip of addressesOf(specs.get(service.id), released.get(service.id)?.endpoints ?? [])) {
      const here = found.get(ip) ?? []
      here.push(service)
      found.set(ip, here)
    }
  }
  return found
}

const make = Effect.gen(function* () {
  const services = yield* ServicesRepo
  const lists = yield* ListsRepo
  const specs = yield* ProcessSpecsRepo
  const nodes = yield* NodesRepo
  const deliveries = yield* DeliveriesRepo

  const byService = <Row extends { readonly serviceId: string }>(rows: Effect.Effect<ReadonlyArray<Row>>) =>
    Effect.map(rows, (all): ReadonlyMap<string, Row> => new Map(all.map((row) => [row.serviceId, row])))
  // A database that was out of order for a moment must not be a failure that is kept.
  const keepFor = (exit: Exit.Exit<unknown>) => (Exit.isSuccess(exit) ? 60_000 : 0)
  const kept = <A>(read: Effect.Effect<A>) => Effect.cachedInvalidateWithTTL(read, keepFor)
  const [allServices, forgetServices] = yield* kept(services.list)
  const [allReleased, forgetReleased] = yield* kept(byService(lists.allReleased))
  const [allSpecs, forgetSpecs] = yield* kept(byService(specs.all))
  const load = Effect.gen(function* () {
    const [services, released, specs] = [yield* allServices, yield* allReleased, yield* allSpecs]
    return { services, released, specs, atAddress: addressIndex(services, released, specs) } satisfies Index
  })
  const [index, forgetIndex] = yield* kept(load)
  const [trust, forgetTrust] = yield* kept(nodes.trust)
  const specsChanged = Effect.andThen(forgetSpecs, forgetIndex)

  const assigned = new Map<string, { readonly digest: string; readonly revision: number }>()
  const revisionOf = Effect.fnUntraced(function* (nodeId: string, digest: string) {
    const known = assigned.get(nodeId)
    if (known?.digest === digest) return known.revision
    const revision = yield* nodes.assignment(nodeId, digest)
    assigned.set(nodeId, { digest, revision })
    return revision
  })

  const processesOf = function* (node: NodeAddress) {
    const { atAddress, released, specs } = yield* index
    const placeable = (atAddress.get(node.ip) ?? []).flatMap((service) => {
      const plan = specs.get(service.id)
      const here = plan === undefined ? undefined : planAt(plan, node.ip)
      if (here === undefined) return []
      const { desired, revision, spec } = here
      const endpoints = released.get(service.id)?.endpoints ?? []
      const desiredAt = new Map([[node.ip, desired]])
      return [{ serviceId: service.id, spec, specRevision: revision, endpoints, desiredAt }]
    })
    const processes = placement(node.ip, placeable)
    const revision = yield* revisionOf(node.id, sha256Hex(JSON.stringify(processes)))
    return { revision: aboveFormer(node, revision), processes }
  }

  const revisions = new Map<string, Delivery>()
  const delivery = Effect.fn("Desired.delivery")(function* (serviceId: string, revision: number) {
    const key = `${serviceId}@${revision}`
    const known = revisions.get(key)
    if (known !== undefined) return known
    const found = yield* deliveries.revision(serviceId, revision)
    if (found === undefined) return undefined
    const { endpoints, overrideBy, overrideReason, releasedAt, releasedBy, service, tls } = found
    const made: Delivery = {
      list: { service, revision, tls, endpoints, releasedAt, releasedBy },
      override: overrideBy === null ? undefined : { by: overrideBy, reason: overrideReason ?? "confirmed by a person" },
    }
    const oldest = revisions.size >= revisionsMax ? revisions.keys().next().value : undefined
    if (oldest !== undefined) revisions.delete(oldest)
    revisions.set(key, made)
    return made
  })

  return Desired.of({
    index,
    changed: Effect.all([forgetServices, forgetReleased, specsChanged, Effect.sync(() => revisions.clear())], {
      discard: true,
    }),
    specsChanged,
    trustChanged: forgetTrust,
    delivery,
    listsOf: Effect.fn("Desired.listsOf")(function* ({ ip }: NodeAddress) {
      const due = yield* deliveries.dueAt(ip)
      const live = new Set<string>(due.map((one) => one.service))
      const gone = (yield* deliveries.removedAt(ip)).filter((name) => !live.has(name))
      return { due, gone }
    }),
    processesOf: Effect.fn("Desired.processesOf")(processesOf),
    trustOf: (node) =>
      Effect.map(trust, ({ revision, revoked }) => ({ revision: aboveFormer(node, revision), revoked })),
  })
})

/** What each node should have: read from the store, never from a node. */
export class Desired extends Context.Service<
  Desired,
  {
    readonly index: Effect.Effect<Index>
    /** Services, released lists or specs were written. */
    readonly changed: Effect.Effect<void>
    /** Nothing but how and where services are to run. */
    readonly specsChanged: Effect.Effect<void>
    readonly trustChanged: Effect.Effect<void>
    /** A published revision as it is sent. */
    readonly delivery: (serviceId: string, revision: number) => Effect.Effect<Delivery | undefined>
    readonly listsOf: (node: NodeAddress) => Effect.Effect<DesiredLists>
    readonly processesOf: (node: NodeAddress) => Effect.Effect<DesiredProcesses>
    readonly trustOf: (node: NodeAddress) => Effect.Effect<DesiredTrust>
  }
>()("muster/manager/fleet/Desired") {
  static readonly layer = Layer.effect(Desired, make)
}
