/** One place where a service answers, as a client needs it. `weight` is 0 to 100. */
export interface ListedEndpoint {
  readonly ip: string
  readonly port: number
  readonly weight: number
  readonly status: "online" | "offline"
}

/** What a client knows of where a service answers. `revision` is 0 for a list that was given to `connect`. */
export interface ServiceEndpoints {
  readonly revision: number
  readonly tls: "auto" | "on" | "off"
  readonly endpoints: ReadonlyArray<ListedEndpoint>
}

/** An endpoint as a caller may give it: `weight` 100 and `online` when they are left out. */
export type GivenEndpoint = { readonly ip: string; readonly port: number } & Partial<ListedEndpoint>

/**
 * Reads the text of `<data>/discovery/<service>.json`. Written by hand, not with the Schema of the domain, as the
 * library carries no Effect. Throws an Error that names the field.
 */
export const parseEndpointFile = (text: string, service: string): ServiceEndpoints => {
  const file: unknown = JSON.parse(text)
  if (!isRecord(file)) throw new Error("Expected an object")
  if (file["service"] !== service) throw new Error(`"service" is ${show(file["service"])}, expected "${service}"`)
  const revision = file["revision"]
  if (!isWhole(revision, 1, Number.MAX_SAFE_INTEGER)) throw new Error(`"revision" is ${show(revision)}`)
  const tls = file["tls"]
  if (tls !== "auto" && tls !== "on" && tls !== "off") throw new Error(`"tls" is ${show(tls)}`)
  const endpoints = file["endpoints"]
  if (!Array.isArray(endpoints)) throw new Error(`"endpoints" is ${show(endpoints)}`)
  return { revision, tls, endpoints: endpoints.map((entry: unknown, index) => parseEndpoint(entry, index)) }
}

export const parseEndpoint = (entry: unknown, index: number): ListedEndpoint => {
  const at = `"endpoints"[${index}]`
  if (!isRecord(entry)) throw new Error(`${at} is ${show(entry)}`)
  const { ip, port, weight = 100, status = "online" } = entry
  if (typeof ip !== "string" || ip === "") throw new Error(`${at}.ip is ${show(ip)}`)
  if (!isWhole(port, 1, 65_535)) throw new Error(`${at}.port is ${show(port)}`)
  if (!isWhole(weight, 0, 100)) throw new Error(`${at}.weight is ${show(weight)}`)
  if (status !== "online" && status !== "offline") throw new Error(`${at}.status is ${show(status)}`)
  return { ip, port, weight, status }
}

/** `ip:port`, with brackets around an IPv6 address. */
export const endpointName = ({ ip, port }: { readonly ip: string; readonly port: number }) =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most

const show = (value: unknown) => (value === undefined ? "missing" : `${JSON.stringify(value)}`.slice(0, 80))
