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

/** One HTTP or HTTPS request, the same on Bun, Deno and Node; no redirects. Rejects with HttpRequestError. */
export const request = (options: HttpRequest): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const url = new URL(options.url)
    const fail = (cause: unknown) =>
      reject(
        new HttpRequestError(
          `${url.origin} did not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
          {
            cause,
          },
        ),
      )
    const body = options.body === undefined ? undefined : Buffer.from(options.body, "utf8")
    const common: RequestOptions = {
      method: options.method,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      agent: false,
      headers: { ...options.headers, ...(body === undefined ? {} : { "content-length": String(body.length) }) },
    }
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`nothing within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    )
    const answered = (response: IncomingMessage) => {
      readBody(response)
        .then((text) => resolve({ status: response.statusCode ?? 0, body: text }), fail)
        .finally(() => clearTimeout(timer))
    }
    const outgoing =
      url.protocol === "https:"
        ? requestTls({ ...common, ...tlsOptions(options) }, answered)
        : requestPlain(common, answered)
    outgoing.on("error", (error) => {
      clearTimeout(timer)
      fail(error)
    })
    outgoing.end(body)
  })
