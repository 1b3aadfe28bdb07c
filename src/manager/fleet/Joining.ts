import { Clock, Context, Effect, Layer, Schema, Semaphore } from "effect"
import { Address } from "../../domain/Endpoint.ts"
import { formatJoinToken, parseJoinToken } from "../../domain/JoinToken.ts"
import { sha256Hex, timingSafeEqualText } from "../../platform/Hash.ts"
import { newId, randomToken } from "../../platform/Ids.ts"
import { JoinRequest, type JoinAnswer } from "../../protocol/NodeManager.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Database } from "../store/Database.ts"
import { type JoinToken, JoinTokensRepo } from "../store/JoinTokensRepo.ts"
import { type Node, NodesRepo } from "../store/NodesRepo.ts"
import { Authority } from "./Authority.ts"
import { Changes } from "./Changes.ts"
import { Desired } from "./Desired.ts"
import { JoinRefused, type JoinRefusal, type NotFound } from "./Errors.ts"
import type { TokenInput } from "./Inputs.ts"
import { NodeList } from "./NodeList.ts"
import { Sessions } from "./Sessions.ts"
import type { TokenView } from "./Views.ts"

export type NewToken = {
  readonly id: string
  /** Shown once: the store keeps only a hash. */
  readonly token: string
  readonly expiresAt: number
  /** The line that joins a node, for the page's URL. */
  readonly command: (pageUrl: string) => string
}

const decodeRequest = Schema.decodeUnknownEffect(JoinRequest)
const isAddress = Schema.is(Address)

const refusals = {
  unknown: ["unknown-token", "This manager knows no such token: make one on its page Nodes and copy all of it"],
  used: ["used-token", "The token is used up, it was for one node: make a new one on the manager's page Nodes"],
  expired: ["expired-token", "The token has expired: make a new one on the manager's page Nodes"],
  revoked: ["revoked-token", "The token was revoked: make a new one on the manager's page Nodes"],
} as const satisfies Record<string, readonly [JoinRefusal, string]>

const refused = (why: keyof typeof refusals) => {
  const [reason, message] = refusals[why]
  return new JoinRefused({ reason, message })
}

const stateOf = (token: JoinToken, now: number): TokenView["state"] => {
  if (token.revokedAt !== null) return "revoked"
  if (token.kind === "once" && token.usedAt !== null) return "used"
  return token.expiresAt <= now ? "expired" : "open"
}

const revokedMeanwhile = new JoinRefused({
  reason: "revoked-node",
  message: "This node was revoked just now: join again if it is to come back",
})

/** Sockets that take both families show an IPv4 peer as `::ffff:a.b.c.d`. */
const plainIp = (ip: string) => ip.replace(/^::ffff:(?=\d+\.)/i, "")

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const authority = yield* Authority
  const changes = yield* Changes
  const database = yield* Database
  const desired = yield* Desired
  const nodeList = yield* NodeList
  const nodes = yield* NodesRepo
  const sessions = yield* Sessions
  const tokens = yield* JoinTokensRepo
  const oneAtATime = yield* Semaphore.make(1)

  const createToken = Effect.fn("Joining.createToken")(function* (input: TokenInput, by: string) {
    const id = newId()
    const secret = randomToken(24)
    const expiresAt = (yield* Clock.currentTimeMillis) + input.ttlMs
    yield* database.transaction(
      Effect.andThen(
        tokens.create({ id, secretHash: sha256Hex(secret), kind: input.kind, expiresAt }, by),
        audit.add({ who: by, what: "token.create", object: `token:${id}`, detail: { kind: input.kind, expiresAt } }),
      ),
    )
    yield* changes.publish("nodes")
    const token = formatJoinToken({ id, secret, pin: authority.pin })
    const made: NewToken = {
      id,
      token,
      expiresAt,
      command: (pageUrl) =>
        `muster --role=node --join ${pageUrl.replace(/\/+$/, "")} --token ${token} --listen IP:8821`,
    }
    return made
  })

  const revokeToken = Effect.fn("Joining.revokeToken")(function* (id: string, by: string) {
    yield* database.transaction(
      Effect.andThen(
        tokens.revoke(id),
        audit.add({ who: by, what: "token.revoke", object: `token:${id}`, detail: {} }),
      ),
    )
    yield* changes.publish("nodes")
  })

  /** Whom the token has let in, and nobody has heard of since: that one has not got the answer, and asks again. */
  const isUnheard = ({ usedByNode }: JoinToken, name: string) =>
    usedByNode === null
      ? Effect.succeed(false)
      : nodes.get(usedByNode).pipe(
          Effect.map((node) => node.name === name && node.lastSeenAt === null && node.revokedAt === null),
          Effect.orElseSucceed(() => false),
        )

  /** The token's row when its secret is right; whether it is still good is decided when it is used. */
  const checkToken = Effect.fnUntraced(function* (text: string, name: string) {
    const given = parseJoinToken(text)
    const row = given === undefined ? undefined : yield* tokens.find(given.id)
    if (given === undefined || row === undefined || !timingSafeEqualText(sha256Hex(given.secret), row.secretHash))
      return yield* refused("unknown")
    const state = stateOf(row, yield* Clock.currentTimeMillis)
    if (state === "open" || (state === "used" && (yield* isUnheard(row, name)))) return row
    return yield* refused(state)
  })

  const checkAddress = Effect.fnUntraced(function* (text: string, fromIp: string) {
    const ip = text === "" ? plainIp(fromIp) : text
    if (isAddress(ip)) return ip
    return yield* new JoinRefused({
      reason: "malformed",
      message: `The address ${JSON.stringify(ip)} must be an IPv4 address, an IPv6 address or a host name: give it with --listen or --advertise`,
    })
  })

  /** The node that this one is already, by name and address; refused when the address is another one's. */
  const formerOf = Effect.fnUntraced(function* (name: string, ip: string) {
    const here = (yield* nodes.active).find((node) => node.ip === ip)
    if (here === undefined || here.name === name) return here
    return yield* new JoinRefused({
      reason: "address-taken",
      message: `The address ${ip} is the joined node ${JSON.stringify(here.name)} (${here.ip}:${here.port}) already: lists and processes go to a node by its address. Revoke that node, or join with another address or under its name`,
    })
  })

  const admit = (token: JoinToken, former: Node | undefined, node: Parameters<typeof nodes.add>[0]) =>
    database
      .transaction(
        Effect.gen(function* () {
          yield* former === undefined ? nodes.add(node) : nodes.renew(node)
          yield* tokens.use(token.id, node.id)
          const detail = { name: node.name, ip: node.ip, port: node.port, token: token.id, again: former !== undefined }
          yield* audit.add({ who: token.createdBy, what: "node.join", object: `node:${node.id}`, detail })
        }),
      )
      .pipe(
        Effect.catchTags({
          TokenSpent: ({ reason }) => refused(reason),
          Conflict: ({ reason: message }) => new JoinRefused({ reason: "address-taken", message }),
          NotFound: () => revokedMeanwhile,
        }),
      )

  const joinOne = Effect.fn("Joining.join")(function* (body: unknown, fromIp: string) {
    const request = yield* decodeRequest(body).pipe(
      Effect.mapError(
        (error) => new JoinRefused({ reason: "malformed", message: `The join request is malformed: ${error.message}` }),
      ),
    )
    const token = yield* checkToken(request.token, request.name)
    const ip = yield* checkAddress(request.ip, fromIp)
    const former = yield* formerOf(request.name, ip)
    const nodeId = former?.id ?? newId()
    const issued = yield* authority
      .signNode(request.csr, { nodeId, addresses: [ip] })
      .pipe(Effect.catchTag("BadRequest", ({ message }) => new JoinRefused({ reason: "bad-csr", message })))
    const { name, port, version } = request
    yield* admit(token, former, { id: nodeId, name, ip, port, certificateSerial: issued.serial, version })
    if (former !== undefined) {
      yield* desired.trustChanged
      yield* sessions.wakeAll
    }
    const { joinedAt } = yield* Effect.orDie(nodes.get(nodeId))
    yield* sessions.begin({ id: nodeId, ip, port, joinedAt })
    // Revoked before its session began: who did so found nothing to end.
    if ((yield* Effect.orDie(nodes.get(nodeId))).revokedAt !== null) {
      yield* sessions.end(nodeId)
      return yield* revokedMeanwhile
    }
    yield* nodeList.refresh(token.createdBy)
    yield* changes.publish("nodes")
    const answer: JoinAnswer = { nodeId, ip, certificate: issued.pem, ca: authority.caPem }
    return answer
  })

  return Joining.of({
    createToken,
    tokens: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      return (yield* tokens.list).map((token): TokenView => ({
        id: token.id,
        kind: token.kind,
        state: stateOf(token, now),
        createdAt: token.createdAt,
        createdBy: token.createdBy,
        expiresAt: token.expiresAt,
        usedAt: token.usedAt,
      }))
    }),
    revokeToken,
    // Whether an address is free is asked before it is taken: two nodes at once could both find it so.
    join: (body, fromIp) => oneAtATime.withPermit(joinOne(body, fromIp)),
    caPem: Effect.succeed(authority.caPem),
  })
})

/** How nodes come into the fleet: by a token that is one-time or expires, and that pins the CA. */
export class Joining extends Context.Service<
  Joining,
  {
    readonly createToken: (input: TokenInput, by: string) => Effect.Effect<NewToken>
    readonly tokens: Effect.Effect<ReadonlyArray<TokenView>>
    readonly revokeToken: (id: string, by: string) => Effect.Effect<void, NotFound>
    /** Body and answer of `POST /join`; `fromIp` is the address the request came from. */
    readonly join: (body: unknown, fromIp: string) => Effect.Effect<JoinAnswer, JoinRefused>
    readonly caPem: Effect.Effect<string>
  }
>()("muster/manager/fleet/Joining") {
  static readonly layer = Layer.effect(Joining, make)
}
