import { Clock, Effect, Schema } from "effect"
import { parseJoinToken, pinLength } from "../../domain/JoinToken.ts"
import { isLoopback } from "../../domain/Loopback.ts"
import { type HttpAnswer, type HttpRequest, request } from "../../platform/HttpRequest.ts"
import { JoinAnswer } from "../../protocol/NodeManager.ts"
import { JoinFailed, type Membership, readMembership, writeMembership } from "./Identity.ts"

export type JoinOptions = {
  readonly dataDir: string
  /** The manager's page, e.g. `https://manager.example:8800`. */
  readonly url: string
  readonly token: string
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Where the manager reaches this node; default: the listening address, or the one the request comes from. */
  readonly advertise?: string | undefined
  readonly version: string
}

const timeoutMs = 10_000
/** CN of the manager's own certificates: behind the pinned CA it is enough, whatever host name is used to reach it. */
const managerName = "manager"

const decodeAnswer = Schema.decodeUnknownEffect(Schema.fromJsonString(JoinAnswer))
const decodeRefusal = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ error: Schema.String, message: Schema.String })),
)

const send = (options: HttpRequest) =>
  Effect.tryPromise({
    try: () => request(options),
    catch: (cause) =>
      new JoinFailed({
        reason: "unreachable",
        message: `Cannot join: ${cause instanceof Error ? cause.message : String(cause)}. Check the URL, and that the manager runs`,
      }),
  })

const checkUrl = Effect.fnUntraced(function* (text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:"))
    return yield* new JoinFailed({
      reason: "url",
      message: `Cannot join ${JSON.stringify(text)}: give the manager's page as https://HOST:PORT`,
    })
  if (url.protocol === "http:" && !isLoopback(url.hostname.replaceAll(/^\[|\]$/g, "")))
    return yield* new JoinFailed({
      reason: "url",
      message: `Cannot join over plain http: ${url.origin} is not this host, and the token would travel in the clear. Use https://${url.host}`,
    })
  return url.origin
})

/** Only a node that joins needs them: one that has joined does without their memory. */
const loadCertificates = Effect.promise(async () => {
  await import("../../platform/ReflectMetadata.ts")
  return await import("../../platform/Certificates.ts")
})

/** The CA that the token pins. Fetched over a connection that proves nothing: the pin is the proof. */
const fetchAuthority = Effect.fnUntraced(function* (origin: string, pin: string) {
  const answer = yield* send({ method: "GET", url: `${origin}/join/ca`, unverified: true, timeoutMs })
  if (answer.status !== 200)
    return yield* new JoinFailed({
      reason: "answer",
      message: `Cannot join: ${origin}/join/ca answered ${answer.status}. Is this the page of a muster manager?`,
    })
  const { fingerprint } = yield* loadCertificates
  const found = yield* Effect.try({
    try: () => fingerprint(answer.body).slice(0, pinLength),
    catch: () =>
      new JoinFailed({
        reason: "answer",
        message: `Cannot join: ${origin}/join/ca did not answer with a certificate. Is this the page of a muster manager?`,
      }),
  })
  if (found !== pin)
    return yield* new JoinFailed({
      reason: "pin",
      message: `Cannot join: the token was made for another cluster (its CA starts with ${pin}, the one of ${origin} with ${found}). Take a token from this manager, or someone is in between`,
    })
  return answer.body
})

const readAnswer = Effect.fnUntraced(function* (origin: string, answer: HttpAnswer) {
  if (answer.status === 200)
    return yield* decodeAnswer(answer.body).pipe(
      Effect.mapError(
        (error) =>
          new JoinFailed({ reason: "answer", message: `Cannot read the answer of ${origin}/join: ${error.message}` }),
      ),
    )
  const refusal = yield* decodeRefusal(answer.body).pipe(
    Effect.orElseSucceed(() => ({ error: "unknown", message: `it answered ${answer.status}` })),
  )
  return yield* new JoinFailed({
    reason: "refused",
    message: `The manager at ${origin} refused to let this node in: ${refusal.message}`,
  })
})

/** An address of this host that others can reach, or "" for the one that the manager sees. */
const advertised = (options: JoinOptions) => {
  if (options.advertise !== undefined) return options.advertise
  return ["", "0.0.0.0", "::"].includes(options.listen.host) ? "" : options.listen.host
}

/**
 * Makes this host a node of the manager's cluster: pins the CA by the token, gets a certificate, and keeps both. Does
 * nothing when the node joined with this very token before, so the same command line may be used at every start.
 */
export const join = Effect.fn("Join.join")(function* (options: JoinOptions) {
  const token = parseJoinToken(options.token)
  if (token === undefined)
    return yield* new JoinFailed({
      reason: "token",
      message: "Cannot join: the token is cut off or mistyped. Copy all of it, from mst_ on",
    })
  const before = yield* readMembership(options.dataDir)
  if (before?.identity.tokenId === token.id) return before
  const origin = yield* checkUrl(options.url)
  const ca = yield* fetchAuthority(origin, token.pin)
  const { makeRequest } = yield* loadCertificates
  const { csr, key } = yield* Effect.promise(() => makeRequest("node"))
  const answer = yield* send({
    method: "POST",
    url: `${origin}/join`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      token: options.token.trim(),
      name: options.name,
      ip: advertised(options),
      port: options.listen.port,
      csr,
      version: options.version,
    }),
    ca,
    caName: managerName,
    timeoutMs,
  })
  const joined = yield* readAnswer(origin, answer)
  const joinedAt = yield* Clock.currentTimeMillis
  const membership: Membership = {
    identity: {
      nodeId: joined.nodeId,
      name: options.name,
      ip: joined.ip,
      port: options.listen.port,
      managerUrl: origin,
      tokenId: token.id,
      joinedAt,
    },
    tls: { key, cert: joined.certificate, ca },
  }
  yield* writeMembership(options.dataDir, membership)
  return membership
})
