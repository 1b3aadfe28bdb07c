import { Effect, Schema, Struct } from "effect"
import { CronTask } from "../../domain/Cron.ts"
import { Address, Endpoints, EndpointStatus, Port } from "../../domain/Endpoint.ts"
import { TlsMode } from "../../domain/EndpointList.ts"
import { NamelessSpec } from "../../domain/ProcessSpec.ts"
import { ServiceName } from "../../domain/ServiceName.ts"

const Description = Schema.String.check(Schema.isMaxLength(500, { message: "must have at most 500 characters" }))

/** A new service. Revision 1 is released when it has endpoints. */
export const ServiceInput = Schema.Struct({
  name: ServiceName,
  description: Description,
  tls: TlsMode,
  endpoints: Endpoints,
})
export type ServiceInput = typeof ServiceInput.Type

/** A whole edit. `baseRevision` is the released revision it began from (0: none), `override` lets the guard pass. */
export const ServiceUpdate = Schema.Struct({
  ...ServiceInput.fields,
  baseRevision: Schema.Int,
  override: Schema.Boolean,
})
export type ServiceUpdate = typeof ServiceUpdate.Type

/** One endpoint on or off: an operational change. */
export const EndpointStatusInput = Schema.Struct({
  ip: Address,
  port: Port,
  status: EndpointStatus,
  override: Schema.Boolean,
})
export type EndpointStatusInput = typeof EndpointStatusInput.Type

/** A process spec; its service is the one it is set for. */
export const ProcessInput = NamelessSpec
export type ProcessInput = typeof ProcessInput.Type

/** Addresses of nodes that are to receive a service's list. */
export const ClientIps = Schema.Array(Address).check(
  Schema.isMinLength(1, { message: "must hold at least one address" }),
  Schema.isMaxLength(5_000, { message: "must hold at most 5000 addresses" }),
)

/** How long a join token may live: a minute to a year. */
export const TokenInput = Schema.Struct({
  kind: Schema.Literals(["once", "many"]),
  ttlMs: Schema.Int.check(
    Schema.isBetween(
      { minimum: 60_000, maximum: 31_536_000_000 },
      { message: "must be 60000 (a minute) to 31536000000 (a year) milliseconds" },
    ),
  ),
})
export type TokenInput = typeof TokenInput.Type

/** A cron task. `node`: its name, id or address. */
export const CronInput = Schema.Struct({
  ...Struct.omit(CronTask.fields, ["id", "enabled"]),
  enabled: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true))),
  node: Schema.String.check(Schema.isPattern(/\S/, { message: "must name a node" })),
})
export type CronInput = typeof CronInput.Type
