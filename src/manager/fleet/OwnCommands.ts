import { Effect } from "effect"
import { addressesOf } from "../../domain/ProcessPlan.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { ClientsRepo } from "../store/ClientsRepo.ts"
import { Database } from "../store/Database.ts"
import { ListsRepo } from "../store/ListsRepo.ts"
import { ProcessSpecsRepo, type SetOptions } from "../store/ProcessSpecsRepo.ts"
import { ServicesRepo } from "../store/ServicesRepo.ts"
import { Aftermath } from "./Aftermath.ts"
import { KernelService } from "./Errors.ts"
import type { ProcessInput } from "./Inputs.ts"
import { Overview } from "./Overview.ts"
import { Pushes } from "./Pushes.ts"

/** Commands on what belongs to a service: its clients, its processes, and its end. */
export const ownCommands = Effect.gen(function* () {
  const aftermath = yield* Aftermath
  const audit = yield* AuditRepo
  const clients = yield* ClientsRepo
  const database = yield* Database
  const lists = yield* ListsRepo
  const overview = yield* Overview
  const pushes = yield* Pushes
  const services = yield* ServicesRepo
  const specs = yield* ProcessSpecsRepo

  const note = (what: string, id: string, by: string, detail: Parameters<typeof audit.add>[0]["detail"]) =>
    audit.add({ who: by, what, object: `service:${id}`, detail })

  /** Addresses of nodes that run it, or may have to. */
  const places = Effect.fnUntraced(function* (id: string) {
    return addressesOf(yield* specs.get(id), (yield* lists.released(id))?.endpoints ?? [])
  })

  const ownService = Effect.fnUntraced(function* (id: string, action: string) {
    const service = yield* services.get(id)
    return service.kernel ? yield* new KernelService({ action }) : service
  })

  const remove = Effect.fn("Services.remove")(function* (id: string, by: string) {
    const { name } = yield* ownService(id, "delete")
    const ips = [...(yield* places(id)), ...(yield* clients.of(id)).map((client) => client.ip)]
    yield* pushes.cancel(id)
    yield* database.transaction(Effect.andThen(services.remove(id, by), note("service.delete", id, by, { name })))
    yield* pushes.close(id)
    yield* aftermath.of(id, ips)
  })

  const setProcess = Effect.fn("Services.setProcess")(function* (
    id: string,
    input: ProcessInput,
    by: string,
    { base, pushed = true }: SetOptions = {},
  ) {
    yield* ownService(id, "run")
    const before = yield* places(id)
    const { desired, kind } = input
    const revision = yield* database.transaction(
      Effect.tap(specs.set(id, input, by, { base, pushed }), (revision) =>
        note("process.set", id, by, { revision, kind, desired, pushed }),
      ),
    )
    yield* aftermath.ofSpec(id, [...before, ...(yield* places(id))])
    return { revision }
  })

  const removeProcess = Effect.fn("Services.removeProcess")(function* (id: string, by: string) {
    yield* ownService(id, "run")
    const before = yield* places(id)
    yield* database.transaction(Effect.andThen(specs.remove(id), note("process.remove", id, by, {})))
    yield* aftermath.ofSpec(id, [...before])
  })

  const addClients = Effect.fn("Services.addClients")(function* (id: string, ips: ReadonlyArray<string>, by: string) {
    const added = yield* database.transaction(
      Effect.tap(clients.add(id, [...new Set(ips)], by), () => note("client.add", id, by, { ips: [...ips] })),
    )
    yield* aftermath.of(
      id,
      added.map((client) => client.ip),
    )
    const ids = new Set(added.map((client) => client.id))
    return (yield* overview.clientsOf(id)).filter((client) => ids.has(client.id))
  })

  const removeClient = Effect.fn("Services.removeClient")(function* (id: string, clientId: string, by: string) {
    const ip = (yield* clients.of(id)).find((client) => client.id === clientId)?.ip
    yield* database.transaction(
      Effect.andThen(clients.remove(id, clientId, by), note("client.remove", id, by, { ip: ip ?? "" })),
    )
    yield* aftermath.of(id, ip === undefined ? [] : [ip])
  })

  const restoreClient = Effect.fn("Services.restoreClient")(function* (id: string, clientId: string, by: string) {
    const client = yield* (
      database
        .transaction(Effect.tap(clients.restore(id, clientId), ({ ip }) => note("client.restore", id, by, { ip })))
        // The address is a client again already: that is what was asked for.
        .pipe(Effect.catchTag("Conflict", () => Effect.void))
    )
    yield* aftermath.of(id, client === undefined ? [] : [client.ip])
  })

  return { remove, setProcess, removeProcess, addClients, removeClient, restoreClient }
})
