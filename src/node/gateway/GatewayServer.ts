import type { Client } from "../../client/Client.ts"
import type { RequestInfo } from "../../platform/HttpServer.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import { refusePages, refuseStrangers } from "./Callers.ts"
import { readArguments, readTimeout } from "./CallRequest.ts"
import { httpStatus } from "./HttpStatus.ts"
import { Refusal } from "./Refusal.ts"
import type { ServiceClients } from "./ServiceClients.ts"

/** Calls that are open at once, before more are refused: their bodies are in the agent's memory. */
const callsMax = 1_024
/** Well below what a connection may be quiet. */
const patienceMs = 20_000

const json = { headers: { "content-type": "application/json" } }

const usage = "there is POST /rpc/SERVICE/METHOD, GET /services and GET /health"

export interface GatewayServerOptions {
  readonly services: ServiceClients
  /** What callers must show; undefined: nothing, and who reaches the gateway may call. */
  readonly token: string | undefined
  /** A mistake of the gateway's own. */
  readonly onFault: (error: unknown) => void
}

/** Answers HTTP requests with calls of muster/1. What a request passes through is plain code. */
export class GatewayServer {
  readonly #services: ServiceClients
  readonly #token: string | undefined
  readonly #onFault: (error: unknown) => void
  #calls = 0

  constructor({ onFault, services, token }: GatewayServerOptions) {
    this.#services = services
    this.#token = token
    this.#onFault = onFault
  }

  /** Always answers. `isSocket`: it came over the unix socket. */
  async handle(request: Request, info: RequestInfo, isSocket: boolean): Promise<Response> {
    try {
      refusePages(request.headers, { isOpen: !isSocket && this.#token === undefined })
      const path = pathOf(request.url)
      if (path === "/health") return only("GET", request) ?? Response.json({ status: "ok" })
      refuseStrangers(request.headers, this.#token)
      if (path === "/services") return only("GET", request) ?? this.#list()
      const [, service, method] = /^\/rpc\/([^/]+)\/([^/]+)$/.exec(path) ?? []
      if (service === undefined || method === undefined) throw new Refusal("not_found", `no ${path} here: ${usage}`)
      only("POST", request)
      return await this.#call(request, info, { service: plain(service), method: plain(method) })
    } catch (error) {
      return this.#failure(error)
    }
  }

  #list(): Response {
    const services = this.#services.lists.map(({ endpoints, revision, service, tls }) => ({
      service,
      revision,
      tls,
      endpoints,
    }))
    return Response.json({ services })
  }

  async #call(request: Request, info: RequestInfo, { method, service }: Target): Promise<Response> {
    const client = this.#services.find(service)
    if (client === undefined) throw unknownService(service)
    if (this.#calls >= callsMax) {
      throw new Refusal("resource_exhausted", `the gateway has ${callsMax} calls open; try again when some are done`)
    }
    this.#calls++
    try {
      return new Response(valueJson(await forward(client, method, { request, info })), json)
    } finally {
      this.#calls--
    }
  }

  #failure(error: unknown): Response {
    const known = error instanceof RpcError
    if (!known) this.#onFault(error)
    const { code, details, executed, message } = known ? error : asInternal(error)
    const refusal = error instanceof Refusal ? error : undefined
    const status = refusal?.status ?? httpStatus[code] ?? 500
    const headers = { ...json.headers, ...refusal?.headers }
    return new Response(valueJson({ code, message, executed, details }), { status, headers })
  }
}

type Target = { readonly service: string; readonly method: string }
type Incoming = { readonly request: Request; readonly info: RequestInfo }

const forward = async (client: Client, method: string, { info, request }: Incoming): Promise<unknown> => {
  const { headers } = request
  const timeoutMs = readTimeout(headers.get("muster-timeout"))
  if (timeoutMs > patienceMs) info.patient()
  const args = await readArguments(request)
  // The caller's leaving cancels the call.
  const settings = { timeoutMs, ip: headers.get("muster-node") ?? undefined, signal: request.signal }
  return await client.with(settings).call(method, ...args)
}

const asInternal = (error: unknown) =>
  new RpcError("internal", error instanceof Error ? error.message : String(error), { executed: "maybe" })

const unknownService = (service: string) =>
  new Refusal(
    "not_found",
    `the service ${JSON.stringify(service)} was not pushed to this node: add the node to its clients on the manager's page and push; GET /services tells what is here`,
  )

/** Throws for another method. Gives nothing, so that the answer can follow it. */
const only = (method: "GET" | "POST", request: Request): undefined => {
  if (request.method === method) return undefined
  throw new Refusal("unimplemented", `${request.method} is not for this path: ${usage}`, {
    status: 405,
    headers: { allow: method },
  })
}

/** Read by hand: a URL is costly, and each runtime gives that of a unix socket a form of its own. */
const pathOf = (url: string): string => {
  const start = url.indexOf("/", url.indexOf("://") + 3)
  const end = url.search(/[?#]/)
  return start < 0 ? "/" : url.slice(start, end < 0 ? undefined : end)
}

const plain = (part: string): string => {
  if (!part.includes("%")) return part
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Refusal("invalid_argument", `${JSON.stringify(part)} in the path is not percent-encoded UTF-8`)
  }
}
