import { Effect } from "effect"
import { ClientRemoved, ClientRestored } from "../../../ui/Answers.tsx"
import { checkClients } from "../../../ui/forms/ClientFields.ts"
import { readClientsQuery } from "../../../ui/Lists.ts"
import { AddClientsDialog, AddClientsForm } from "../../../ui/pages/service/AddClientsDialog.tsx"
import { ClientsPage } from "../../../ui/pages/service/ClientsPage.tsx"
import type { AddClientsModel } from "../../../ui/ViewModels.ts"
import { NotFound } from "../fleet/Errors.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { ClientIps } from "../fleet/Inputs.ts"
import { Pushes } from "../fleet/Pushes.ts"
import { Services } from "../fleet/Services.ts"
import type { ServiceDetail } from "../fleet/Views.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { decoder, formFields } from "./Input.ts"

const clientIps = decoder(ClientIps)

const serviceOf = Effect.fn("Clients.serviceOf")(function* (ask: SignedAsk) {
  const services = yield* Services
  return yield* services.get(yield* param(ask, "id"))
})

export const clientsPage = Effect.fn("Clients.page")(function* (ask: SignedAsk) {
  const pushes = yield* Pushes
  const service = yield* serviceOf(ask)
  const job = yield* pushes.current(service.id)
  const query = readClientsQuery(new URL(ask.c.req.url).searchParams)
  return page(<ClientsPage page={ask.page} service={service} job={job} query={query} />)
})

const addModel = Effect.fn("Clients.addModel")(function* (
  service: ServiceDetail,
  shown: Pick<AddClientsModel, "text" | "error">,
) {
  const fleet = yield* Fleet
  const known = new Set(service.clientsList.map((client) => client.ip))
  const candidates = (yield* fleet.nodes).filter((node) => node.connection !== "revoked" && !known.has(node.ip))
  return {
    serviceId: service.id,
    serviceName: service.name,
    candidates: candidates.map(({ ip, name }) => ({ ip, name })),
    ...shown,
  } satisfies AddClientsModel
})

export const addClientsDialog = Effect.fn("Clients.addDialog")(function* (ask: SignedAsk) {
  const model = yield* addModel(yield* serviceOf(ask), { text: "", error: null })
  return parts([<AddClientsDialog page={ask.page} model={model} />])
})

export const addClients = Effect.fn("Clients.add")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* serviceOf(ask)
  const fields = yield* formFields(ask)
  const checked = checkClients(
    fields,
    service.clientsList.map((client) => client.ip),
  )
  if (checked.error !== undefined) {
    const model = yield* addModel(service, { text: fields.get("ips") ?? "", error: checked.error })
    return parts([<AddClientsForm page={ask.page} model={model} />], 422)
  }
  const added = yield* services.addClients(service.id, yield* clientIps(checked.ips), ask.by)
  return parts([toast(ask.page, "ok", ask.page.t.clients.added(added.length))])
})

/** The client of the path, of the service of the path. */
const clientOf = Effect.fn("Clients.clientOf")(function* (ask: SignedAsk) {
  const service = yield* serviceOf(ask)
  const id = yield* param(ask, "client")
  const client = service.clientsList.find((one) => one.id === id)
  if (client === undefined) return yield* new NotFound({ what: "client", id })
  return { service, client }
})

/** Reversible, so it is done at once, and the toast takes it back. */
export const removeClient = Effect.fn("Clients.remove")(function* (ask: SignedAsk) {
  const services = yield* Services
  const { service, client } = yield* clientOf(ask)
  yield* services.removeClient(service.id, client.id, ask.by)
  return parts([<ClientRemoved page={ask.page} serviceId={service.id} client={client} />])
})

export const restoreClient = Effect.fn("Clients.restore")(function* (ask: SignedAsk) {
  const services = yield* Services
  yield* services.restoreClient(yield* param(ask, "id"), yield* param(ask, "client"), ask.by)
  const { client } = yield* clientOf(ask)
  return parts([<ClientRestored page={ask.page} client={client} />])
})
