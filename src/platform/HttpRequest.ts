import { X509Certificate } from "node:crypto"
import { request as requestPlain, type IncomingMessage, type RequestOptions } from "node:http"
import { request as requestTls } from "node:https"
import { checkServerIdentity, type PeerCertificate, rootCertificates } from "node:tls"

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM of one more authority to trust, besides the system's. */
  readonly ca?: string
  /**
   * A certificate of `ca` must have this CN, and is then accepted under any host name: a cluster's manager may be
   * reached by many, and its nodes have certificates too, for addresses of their own choice.
   */
  readonly caName?: string
  /** Takes any certificate: only for an answer that is verified by other means. */
  readonly unverified?: boolean
  readonly timeoutMs: number
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

/** An answer that is too long, too late, or did not come. `message` says which, and from where. */
export class HttpRequestError extends Error {
  override readonly name = "HttpRequestError"
}

const bodyBytesMax = 16 * 1024 * 1024

const tlsOptions = (options: HttpRequest) => ({
  ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  rejectUnauthorized: options.unverified !== true,
  checkServerIdentity: (host: string, certificate: PeerCertificate) => {
    const { ca, caName } = options
    const name = certificate.subject?.CN
    if (caName !== undefined && name === caName) return undefined
    if (caName !== undefined && ca !== undefined && isIssuedBy(certificate, ca)) {
      return new Error(`its certificate names "${name}", expected "${caName}"`)
    }
    return checkServerIdentity(host, certificate)
  },
})

/** By name: whether its signature is right was verified before this is asked. */
const isIssuedBy = ({ issuer }: PeerCertificate, ca: string) =>
  new X509Certificate(ca).subject.split("\n").includes(`CN=${issuer.CN}`)

const readBody = (response: IncomingMessage) =>
  new Promise<string>((resolve, reject) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bodyBytesMax) chunks.push(chunk)
      else response.destroy(new Error(`the answer is longer than ${bodyBytesMax} bytes`))
    })
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")))
    response.on("error", reject)
  })

type Outgoing = ReturnType<typeof requestPlain>

/** Sends it, and hands the answer over when its head is there. */
const send = (options: HttpRequest, answered: (response: IncomingMessage) => void): Outgoing => {
  const url = new URL(options.url)
  const body = options.body === undefined ? undefined : Buffer.from(options.body, "utf8")
  const common: RequestOptions = {
    method: options.method,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    agent: false,
    headers: { ...options.headers, ...(body === undefined ? {} : { "content-length": String(body.length) }) },
  }
  const outgoing =
    url.protocol === "https:"
      ? requestTls({ ...common, ...tlsOptions(options) }, answered)
      : requestPlain(common, answered)
  outgoing.end(body)
  return outgoing
}

const failureOf = ({ url }: HttpRequest, cause: unknown) =>
  new HttpRequestError(
    `${new URL(url).origin} did not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  )

/** One HTTP or HTTPS request, the same on Bun, Deno and Node; no redirects. Rejects with HttpRequestError. */
export const request = (options: HttpRequest): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(failureOf(options, cause))
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`nothing within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    )
    const outgoing = send(options, (response) => {
      readBody(response)
        .then((text) => resolve({ status: response.statusCode ?? 0, body: text }), fail)
        .finally(() => clearTimeout(timer))
    })
    outgoing.on("error", (error) => {
      clearTimeout(timer)
      fail(error)
    })
  })

export interface HttpLines {
  readonly status: number
  /** The lines of the body as they come, without their ends; empty ones are left out. Leaving them ends the request. */
  readonly lines: AsyncGenerator<string, void>
}

/** The same for an answer that goes on: `timeoutMs` is for its head alone. It ends without an error when `signal` says so. */
export const requestLines = (options: HttpRequest, signal: AbortSignal): Promise<HttpLines> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`nothing within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    )
    const outgoing = send(options, (response) => {
      clearTimeout(timer)
      resolve({ status: response.statusCode ?? 0, lines: linesOf(response, options, signal) })
    })
    const stop = () => outgoing.destroy()
    signal.addEventListener("abort", stop)
    outgoing.on("close", () => signal.removeEventListener("abort", stop))
    outgoing.on("error", (error) => {
      clearTimeout(timer)
      reject(failureOf(options, error))
    })
  })

const linesOf = async function* (
  response: IncomingMessage,
  options: HttpRequest,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ""
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = parts.pop() ?? ""
      yield* parts.filter((part) => part !== "")
    }
    if (rest !== "") yield rest
  } catch (error) {
    if (!signal.aborted) throw failureOf(options, error)
  } finally {
    response.destroy()
  }
}
