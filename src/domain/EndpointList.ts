import { Schema } from "effect"
import { Endpoints } from "./Endpoint.ts"
import { ServiceName } from "./ServiceName.ts"

/** A revision: a whole number from 1 that only grows. */
export const Revision = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { message: "must be a whole number from 1" }))

/**
 * Whether a service's port speaks TLS. `auto`: mutual TLS everywhere but on loopback, where it is plain TCP.
 */
export const TlsMode = Schema.Literals(["auto", "on", "off"])
export type TlsMode = typeof TlsMode.Type

/**
 * The released endpoint list of a service, as it is pushed to a client and as it stands in
 * `<data>/discovery/<service>.json`. `releasedAt` is in milliseconds since 1970, UTC.
 */
export const EndpointList = Schema.Struct({
  service: ServiceName,
  revision: Revision,
  tls: TlsMode,
  endpoints: Endpoints,
  releasedAt: Schema.Int,
  releasedBy: Schema.String,
})
export type EndpointList = typeof EndpointList.Type
