import { Effect } from "effect"
import { type Endpoint, endpointKey } from "../../domain/Endpoint.ts"
import { guard, guardReason, type GuardVerdict } from "../../domain/Guard.ts"
import { addressesOf } from "../../domain/ProcessPlan.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Database } from "../store/Database.ts"
import { DeliveriesRepo } from "../store/DeliveriesRepo.ts"
import { ListsRepo, type Release, type ReleasedList } from "../store/ListsRepo.ts"
import { ProcessSpecsRepo } from "../store/ProcessSpecsRepo.ts"
import { type Service, ServicesRepo } from "../store/ServicesRepo.ts"
import { Aftermath } from "./Aftermath.ts"
import { Conflict, GuardRefused, KernelService, NotFound, Stale } from "./Errors.ts"
import type { EndpointStatusInput, ServiceInput, ServiceUpdate } from "./Inputs.ts"
import { Pushes } from "./Pushes.ts"

const sameEndpoints = (a: ReadonlyArray<Endpoint>, b: ReadonlyArray<Endpoint>) =>
  a.length === b.length &&
  a.every((one, at) => {
    const other = b[at]
    return (
      other !== undefined &&
      endpointKey(one) === endpointKey(other) &&
      one.weight === other.weight &&
      one.status === other.status
    )
  })

/** What a person has to say for a list that the guard objects to. */
const overrideOf = (verdict: GuardVerdict, by: string): Pick<Release, "override"> =>
  verdict._tag === "Pass" ? {} : { override: { by, reason: `confirmed although ${guardReason(verdict)}` } }

const addresses = (...lists: ReadonlyArray<ReadonlyArray<Endpoint> | undefined>) =>
  lists.flatMap((list) => (list ?? []).map((endpoint) => endpoint.ip))

/** Commands on a service's endpoint list, and on the service itself. */
export const listCommands = Effect.gen(function* () {
  const aftermath = yield* Aftermath
  const audit = yield* AuditRepo
  const database = yield* Database
  const deliveries = yield* DeliveriesRepo
  const lists = yield* ListsRepo
  const pushes = yield* Pushes
  const services = yield* ServicesRepo
  const specs = yield* ProcessSpecsRepo

  const note = (what: string, id: string, by: string, detail: Parameters<typeof audit.add>[0]["detail"]) =>
    audit.add({ who: by, what, object: `service:${id}`, detail })

  const ownList = Effect.fnUntraced(function* (id: string, action: string) {
    const service = yield* services.get(id)
    return service.kernel ? yield* new KernelService({ action }) : service
  })

  const checkGuard = Effect.fnUntraced(function* (
    before: ReadonlyArray<Endpoint> | undefined,
    next: ReadonlyArray<Endpoint>,
    override: boolean,
  ) {
    const verdict = guard(before, next)
    return verdict._tag === "Pass" || override ? verdict : yield* new GuardRefused({ verdict })
  })

  const noteRelease = (list: ReleasedList, by: string) =>
    note("service.release", list.serviceId, by, {
      revision: list.revision,
      endpoints: list.endpoints.length,
      override: list.overrideReason,
    })

  const create = Effect.fn("Services.create")(function* (input: ServiceInput, by: string) {
    const { description, endpoints, name, tls } = input
    const made = Effect.gen(function* () {
      const service = yield* services.create({ name, description, tls }, by)
      yield* deliveries.continueNumbers(service.id, name)
      yield* note("service.create", service.id, by, { name })
      if (endpoints.length > 0)
        yield* noteRelease(yield* Effect.orDie(lists.release(service.id, { endpoints, tls, by })), by)
      return service
    })
    const { id } = yield* database.transaction(made)
    yield* aftermath.of(id, addresses(endpoints))
    return { id, name }
  })

  /** RPC clients know a service by the name of its file: once it is out there, the name stays. */
  const checkName = Effect.fnUntraced(function* (service: Service, name: string) {
    if (service.name === name || !(yield* deliveries.pushedOnce(service.id))) return
    return yield* new Conflict({
      why: "pushed",
      field: "name",
      value: name,
      reason: `Cannot rename ${service.name}: its list was pushed, and RPC clients know it by that name. Create a new service instead`,
    })
  })

  const update = Effect.fn("Services.update")(function* (id: string, input: ServiceUpdate, by: string) {
    const { baseRevision, description, endpoints, name, override, tls } = input
    const service = yield* ownList(id, "edit")
    yield* checkName(service, name)
    const before = yield* lists.released(id)
    const revision = before?.revision ?? 0
    if (revision !== baseRevision) return yield* new Stale({ baseRevision, revision, by: before?.releasedBy ?? "" })
    const changed =
      !sameEndpoints(before?.endpoints ?? [], endpoints) ||
      (before !== undefined && (before.tls !== tls || service.name !== name))
    const verdict = changed ? yield* checkGuard(before?.endpoints, endpoints, override) : guard(undefined, endpoints)
    const write = Effect.gen(function* () {
      yield* services.update(id, { name, description, tls }, by)
      if (service.name !== name) {
        // A push may have been faster.
        yield* checkName(service, name)
        yield* deliveries.continueNumbers(id, name)
      }
      yield* note("service.update", id, by, { name, tls })
      if (!changed) return { revision }
      const list = yield* lists.release(id, { endpoints, tls, by, base: baseRevision, ...overrideOf(verdict, by) })
      yield* noteRelease(list, by)
      return { revision: list.revision }
    })
    const written = yield* database.transaction(write)
    // Nodes that its spec names run it by its name too, without an endpoint there.
    const named = addressesOf(yield* specs.get(id), [])
    yield* aftermath.of(id, [...addresses(before?.endpoints, endpoints), ...named])
    return written
  })

  const setEndpointStatus = Effect.fn("Services.setEndpointStatus")(function* (
    id: string,
    input: EndpointStatusInput,
    by: string,
  ) {
    yield* ownList(id, "change")
    const { override, status } = input
    const key = endpointKey(input)
    const change = Effect.gen(function* () {
      const before = yield* lists.released(id)
      const found = before?.endpoints.find((endpoint) => endpointKey(endpoint) === key)
      if (before === undefined || found === undefined) return yield* new NotFound({ what: "endpoint", id: key })
      if (found.status === status) return before.revision
      const endpoints = before.endpoints.map((endpoint) => (endpoint === found ? { ...endpoint, status } : endpoint))
      const verdict = yield* checkGuard(before.endpoints, endpoints, override)
      const { revision: base, tls } = before
      const list = yield* lists.release(id, { endpoints, tls, by, base, ...overrideOf(verdict, by) })
      yield* note("endpoint.status", id, by, { endpoint: key, status, revision: list.revision })
      // In the same transaction: a manager that ends here must not leave its clients with the list of before.
      yield* deliveries.push(id, "all", list.revision)
      return list.revision
    })
    // Someone released in between: the same change applies to what there is now.
    const revision = yield* database.transaction(change).pipe(
      (self) => Effect.retry(self, { while: (error) => error._tag === "Stale", times: 10 }),
      Effect.catchTag("Stale", (error) => Effect.die(error)),
    )
    yield* aftermath.of(id, [])
    yield* pushes.follow(id, by)
    return { revision }
  })

  const saveDraft = Effect.fn("Services.saveDraft")(function* (
    id: string,
    endpoints: ReadonlyArray<Endpoint>,
    by: string,
  ) {
    yield* ownList(id, "edit")
    yield* lists.saveDraft(id, endpoints, by)
    yield* aftermath.of(id, [])
  })

  const discardDraft = Effect.fn("Services.discardDraft")(function* (id: string, by: string) {
    yield* database.transaction(Effect.andThen(lists.discardDraft(id), note("draft.discard", id, by, {})))
    yield* aftermath.of(id, [])
  })

  const release = Effect.fn("Services.release")(function* (id: string, override: boolean, by: string) {
    const service = yield* ownList(id, "edit")
    const draft = yield* lists.draft(id)
    if (draft === undefined) return yield* new NotFound({ what: "draft", id })
    const before = yield* lists.released(id)
    const { baseRevision: base, endpoints } = draft
    const verdict = yield* checkGuard(before?.endpoints, endpoints, override)
    const input = { endpoints, tls: service.tls, by, base, dropDraft: true, ...overrideOf(verdict, by) }
    const list = yield* database.transaction(
      Effect.tap(lists.release(id, input), (released) => noteRelease(released, by)),
    )
    yield* aftermath.of(id, addresses(before?.endpoints, endpoints))
    return { revision: list.revision }
  })

  return { create, update, setEndpointStatus, saveDraft, discardDraft, release }
})
