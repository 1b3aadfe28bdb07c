import type { CallSettings } from "../../client/CallSettings.ts"
import type { Client } from "../../client/Client.ts"
import type { RequestInfo } from "../../platform/HttpServer.ts"
import { sleep } from "../../platform/Time.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import { refusePages, refuseStrangers } from "./Callers.ts"
import { type AnswerForm, readForm } from "./AnswerForm.ts"
import { defaultTimeoutMs, isOneWay, readArguments, readKey, readMeta, readTimeout } from "./CallRequest.ts"
import { httpStatus } from "./HttpStatus.ts"
import { Refusal } from "./Refusal.ts"
import type { ServiceClients } from "./ServiceClients.ts"
import { streamAnswer, streamForms } from "./StreamAnswer.ts"

/** Calls that are open at once, before more are refused: their bodies are in the agent's memory. */
const callsMax = 1_024
/** A body that comes in drops would keep one of them from others for as long as it likes. */
const bodyMs = 10_000
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
    const done = () => void this.#calls--
    let isStream = false
    try {
      const form = readForm(request.headers.get("accept"))
      const incoming = await readCall(request, info, form)
      if (form === "json") return await answerOnce(client, method, incoming)
      const answer = await answerStream(client, method, { ...incoming, form, gone: request.signal, onEnd: done })
      isStream = true
      return answer
    } finally {
      // A stream goes on when its answer has begun.
      if (!isStream) done()
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

/** What a request asks for. */
interface Incoming {
  readonly args: ReadonlyArray<unknown>
  readonly settings: CallSettings
  readonly oneWay: boolean
  readonly info: RequestInfo
}

const readCall = async (request: Request, info: RequestInfo, form: AnswerForm): Promise<Incoming> => {
  const { headers } = request
  const isStream = form !== "json"
  // A stream is as long as somebody reads it.
  const timeoutMs = readTimeout(headers.get("muster-timeout"), isStream ? Infinity : defaultTimeoutMs)
  const idempotencyKey = readKey(headers.get("idempotency-key"))
  const oneWay = isOneWay(headers)
  if (isStream && (idempotencyKey !== undefined || oneWay)) {
    const name = oneWay ? "Prefer: respond-async" : "Idempotency-Key"
    throw new Refusal("invalid_argument", `${name} is for a call with one answer, not for a stream`)
  }
  const args = await inTime(readArguments(request))
  if (timeoutMs > patienceMs) info.patient()
  const ip = headers.get("muster-node") ?? undefined
  // The caller's leaving cancels the call.
  return {
    args,
    oneWay,
    info,
    settings: { timeoutMs, ip, idempotencyKey, meta: readMeta(headers), signal: request.signal },
  }
}

const inTime = async <A>(body: Promise<A>): Promise<A> => {
  const done = new AbortController()
  const late = sleep(bodyMs, done.signal).then(() => {
    throw new Refusal("deadline_exceeded", `the body did not come within ${bodyMs / 1_000} s`, {
      status: 408,
      headers: { connection: "close" },
    })
  })
  try {
    return await Promise.race([body, late])
  } finally {
    done.abort()
  }
}

const answerOnce = async (client: Client, method: string, { args, oneWay, settings }: Incoming): Promise<Response> => {
  const caller = client.with(settings)
  if (!oneWay) return new Response(valueJson(await caller.call(method, ...args)), json)
  await caller.send(method, ...args)
  return new Response(undefined, { status: 202, headers: { "preference-applied": "respond-async" } })
}

type Streaming = Incoming & {
  readonly form: "ndjson" | "sse"
  readonly gone: AbortSignal
  readonly onEnd: () => void
}

const answerStream = (client: Client, method: string, { args, form, settings, ...streaming }: Streaming) =>
  streamAnswer(client.with(settings).stream(method, ...args), {
    form: streamForms[form],
    gone: streaming.gone,
    closing: streaming.info.closing,
    onEnd: streaming.onEnd,
  })

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
