import { Schema, SchemaTransformation } from "effect"

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/
// The URL parser knows every way to shorten an IPv6 address.
const isIpv6 = (text: string) => /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`)
const hostName =
  /^(?=.{1,253}$)(?!\d+(?:\.\d+)*$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i

const isAddress = (text: string) => ipv4.test(text) || isIpv6(text) || hostName.test(text)

/** Its one way of writing: addresses are compared as texts, between lists, nodes and certificates. */
const canonical = (text: string) =>
  isIpv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text.toLowerCase()

const AnyAddress = Schema.String.check(
  Schema.makeFilter((text: string) => isAddress(text) || "must be an IPv4 address, an IPv6 address or a host name"),
)

/** An IPv4 or IPv6 address or a host name: what `ip` may be, everywhere. Short and in lower case when it is decoded. */
export const Address = AnyAddress.pipe(
  // Checked on both sides: a schema with defaults around it looks at the undecoded side first, for all problems at once.
  Schema.decodeTo(AnyAddress, SchemaTransformation.transform({ decode: canonical, encode: (text) => text })),
)

/** A TCP port that something listens on, 1 to 65535. */
export const Port = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 65535 }, { message: "must be a whole number from 1 to 65535" }),
)

/** The share of calls an endpoint gets, 0 (none) to 100. */
export const Weight = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: 100 }, { message: "must be a whole number from 0 to 100" }),
)

export const EndpointStatus = Schema.Literals(["online", "offline"])
export type EndpointStatus = typeof EndpointStatus.Type

/** One place where a service answers. */
export const Endpoint = Schema.Struct({
  ip: Address.pipe(Schema.annotateKey({ messageMissingKey: "is required" })),
  port: Port.pipe(Schema.annotateKey({ messageMissingKey: "is required" })),
  weight: Weight.pipe(Schema.annotateKey({ messageMissingKey: "is required" })),
  status: EndpointStatus.pipe(Schema.annotateKey({ messageMissingKey: "is required" })),
})
export type Endpoint = typeof Endpoint.Type

/** `ip:port`, with brackets around an IPv6 address. */
export const endpointKey = (endpoint: { readonly ip: string; readonly port: number }) =>
  endpoint.ip.includes(":") ? `[${endpoint.ip}]:${endpoint.port}` : `${endpoint.ip}:${endpoint.port}`

export const endpointsMax = 10_000

/** All endpoints of a service, each `ip:port` once. */
export const Endpoints = Schema.Array(Endpoint).check(
  Schema.isMaxLength(endpointsMax, { message: `must hold at most ${endpointsMax} endpoints` }),
  Schema.makeFilter((endpoints: ReadonlyArray<Endpoint>) => {
    const seen = new Set<string>()
    for (const [index, endpoint] of endpoints.entries()) {
      const key = endpointKey(endpoint)
      if (seen.has(key)) return { path: [index, "port"], issue: `${key} is in the list twice` }
      seen.add(key)
    }
    return true
  }),
)
