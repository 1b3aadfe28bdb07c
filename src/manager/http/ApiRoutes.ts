import { Effect, Option, Schema } from "effect"
import { Endpoints } from "../../domain/Endpoint.ts"
import { TlsMode } from "../../domain/EndpointList.ts"
import { ServiceName } from "../../domain/ServiceName.ts"
import { version } from "../../platform/Version.ts"
import { NotFound } from "../fleet/Errors.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { ClientIps, TokenInput } from "../fleet/Inputs.ts"
import { Joining } from "../fleet/Joining.ts"
import { Pushes } from "../fleet/Pushes.ts"
import { Services } from "../fleet/Services.ts"
import { json, noContent } from "./Answers.tsx"
import { type Ask, param, query, type SignedAsk } from "./Ask.ts"
import { decoder, jsonBody } from "./Input.ts"

/** Longer waits would look like dead connections to proxies, and to our own server. */
const waitMsMax = 45_000

const description = Schema.String.check(Schema.isMaxLength(500, { message: "must have at most 500 characters" }))

const NewService = Schema.Struct({
  name: ServiceName.pipe(Schema.annotateKey({ messageMissingKey: "is required" })),
  description: description.pipe(Schema.withDecodingDefaultKey(Effect.succeed(""))),
  tls: TlsMode.pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  endpoints: Endpoints.pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
})
const newService = decoder(NewService)

/** What is left out stays as it is. `baseRevision` left out: whatever is released now is replaced. */
const changedService = decoder(
  Schema.Struct({
    name: Schema.optionalKey(ServiceName),
    description: Schema.optionalKey(description),
    tls: Schema.optionalKey(TlsMode),
    endpoints: Schema.optionalKey(Endpoints),
    baseRevision: Schema.optionalKey(Schema.Int),
    override: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  }),
)
const clientsInput = decoder(Schema.Struct({ ips: ClientIps }))
const pushInput = decoder(Schema.Struct({ clients: Schema.optionalKey(ClientIps) }))
const tokenInput = decoder(
  Schema.Struct({
    kind: TokenInput.fields.kind.pipe(Schema.withDecodingDefaultKey(Effect.succeed("once" as const))),
    ttlMs: TokenInput.fields.ttlMs.pipe(Schema.withDecodingDefaultKey(Effect.succeed(3_600_000))),
  }),
)

/** The service that the path names: what is in its row, for those who need no more. */
export const serviceOf = Effect.fn("Api.serviceOf")(function* (ask: Ask) {
  const services = yield* Services
  return { services, service: yield* services.named(yield* param(ask, "name")) }
})

export const detailOf = Effect.fn("Api.detailOf")(function* (ask: Ask) {
  const services = yield* Services
  return { services, service: yield* services.byName(yield* param(ask, "name")) }
})

export const listServices = () => Services.use((services) => services.list).pipe(Effect.map((list) => json(list)))

export const createService = Effect.fn("Api.createService")(function* (ask: SignedAsk) {
  const services = yield* Services
  const { id } = yield* services.create(yield* newService(yield* jsonBody(ask)), ask.by)
  return json(yield* services.get(id), 201)
})

export const getService = (ask: SignedAsk) => detailOf(ask).pipe(Effect.map(({ service }) => json(service)))

export const updateService = Effect.fn("Api.updateService")(function* (ask: SignedAsk) {
  const { services, service } = yield* detailOf(ask)
  const change = yield* changedService(yield* jsonBody(ask))
  yield* services.update(
    service.id,
    {
      name: change.name ?? ServiceName.make(service.name),
      description: change.description ?? service.description,
      tls: change.tls ?? service.tls,
      endpoints: change.endpoints ?? service.endpointsList.map(({ ip, port, desired }) => ({ ip, port, ...desired })),
      baseRevision: change.baseRevision ?? service.revision ?? 0,
      override: change.override,
    },
    ask.by,
  )
  return json(yield* services.get(service.id))
})

export const deleteService = Effect.fn("Api.deleteService")(function* (ask: SignedAsk) {
  const { services, service } = yield* serviceOf(ask)
  yield* services.remove(service.id, ask.by)
  return noContent()
})

export const addClients = Effect.fn("Api.addClients")(function* (ask: SignedAsk) {
  const { services, service } = yield* serviceOf(ask)
  const { ips } = yield* clientsInput(yield* jsonBody(ask))
  return json(yield* services.addClients(service.id, ips, ask.by), 201)
})

export const removeClient = Effect.fn("Api.removeClient")(function* (ask: SignedAsk) {
  const { services, service } = yield* detailOf(ask)
  const ip = yield* param(ask, "ip")
  const client = service.clientsList.find((one) => one.ip === ip)
  if (client === undefined) return yield* new NotFound({ what: "client", id: ip })
  yield* services.removeClient(service.id, client.id, ask.by)
  return noContent()
})

/** 202 and the job; with `?wait=ms` the job as it is when it has ended, or after that time. */
export const push = Effect.fn("Api.push")(function* (ask: SignedAsk) {
  const { services, service } = yield* detailOf(ask)
  const pushes = yield* Pushes
  const { clients } = yield* pushInput(yield* jsonBody(ask))
  const ids: Array<string> = []
  for (const ip of clients ?? []) {
    const client = service.clientsList.find((one) => one.ip === ip)
    if (client === undefined) return yield* new NotFound({ what: "client", id: ip })
    ids.push(client.id)
  }
  const started = yield* pushes.start(service.id, clients === undefined ? "all" : ids, ask.by)
  const waitMs = Math.min(waitMsMax, Math.max(0, Math.floor(Number(query(ask, "wait"))) || 0))
  if (waitMs === 0) return json({ job: started, clients: [] }, 202)
  const ended = yield* pushes.settled(service.id).pipe(Effect.timeoutOption(waitMs), Effect.map(Option.getOrUndefined))
  const job = ended ?? (yield* pushes.current(service.id)) ?? started
  const after = yield* services.get(service.id)
  const outcome = after.clientsList
    .filter((client) => job.clientIds.includes(client.id))
    .map((client) => ({
      ip: client.ip,
      node: client.nodeName,
      state: client.job,
      revision: client.revision,
      tookMs: client.tookMs,
      error: client.error,
      nextTryAt: client.nextTryAt,
    }))
  return json({ job, clients: outcome }, job.endedAt === null ? 202 : 200)
})

export const listNodes = () => Fleet.use((fleet) => fleet.nodes).pipe(Effect.map((nodes) => json(nodes)))

export const revokeNode = Effect.fn("Api.revokeNode")(function* (ask: SignedAsk) {
  const fleet = yield* Fleet
  yield* fleet.revoke(yield* param(ask, "id"), ask.by)
  return noContent()
})

export const listTokens = () => Joining.use((joining) => joining.tokens).pipe(Effect.map((tokens) => json(tokens)))

export const createToken = Effect.fn("Api.createToken")(function* (ask: SignedAsk) {
  const joining = yield* Joining
  const made = yield* joining.createToken(yield* tokenInput(yield* jsonBody(ask)), ask.by)
  const command = made.command(new URL(ask.c.req.url).origin)
  return json({ id: made.id, token: made.token, expiresAt: made.expiresAt, command }, 201)
})

export const health = () => Effect.succeed(json({ status: "ok", version }))
