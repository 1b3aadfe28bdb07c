import { Data, Effect, Schema } from "effect"
import { Address, Port } from "../../domain/Endpoint.ts"
import { makeFolder, publicFolderMode, readText, writeDurably } from "../../platform/DurableFile.ts"
import type { TlsMaterial } from "../../platform/Transport.ts"

/** `<data>/node.json`: who this node is in its cluster. Written last when joining, so it stands for all of it. */
export const NodeIdentity = Schema.Struct({
  nodeId: Schema.String,
  name: Schema.String,
  ip: Address,
  port: Port,
  /** Where it joined; needed for nothing but to be shown. */
  managerUrl: Schema.String,
  /** Which token let it in: a start with the same command line does not join again. */
  tokenId: Schema.String,
  joinedAt: Schema.Int,
})
export type NodeIdentity = typeof NodeIdentity.Type

/** A node's identity, and its certificate with key. */
export type Membership = { readonly identity: NodeIdentity; readonly tls: TlsMaterial }

/** The node could not join, or its identity can't be read. `message` says what to do. */
export class JoinFailed extends Data.TaggedError("JoinFailed")<{
  /** `refused`: the manager answered no, and why; `pin`: not the CA that the token was made for. */
  readonly reason: "token" | "url" | "unreachable" | "pin" | "refused" | "answer" | "disk"
  readonly message: string
}> {}

const decodeIdentity = Schema.decodeUnknownEffect(Schema.fromJsonString(NodeIdentity))

const onDisk = <A>(path: string, act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      return new JoinFailed({ reason: "disk", message: `Cannot read or write ${path}: ${reason}` })
    },
  })

const paths = (dataDir: string) => ({
  identity: `${dataDir}/node.json`,
  key: `${dataDir}/tls/key.pem`,
  cert: `${dataDir}/tls/cert.pem`,
  ca: `${dataDir}/tls/ca.pem`,
})

/** What an earlier join left in the data folder; undefined when the node never joined. */
export const readMembership = Effect.fn("Join.readMembership")(function* (dataDir: string) {
  const at = paths(dataDir)
  const text = yield* onDisk(at.identity, () => readText(at.identity))
  if (text === undefined) return undefined
  const identity = yield* decodeIdentity(text).pipe(
    Effect.mapError(
      (error) =>
        new JoinFailed({
          reason: "disk",
          message: `${at.identity} is damaged (${error.message}): put it back from a backup, or remove it and join again with a new token`,
        }),
    ),
  )
  const [key, cert, ca] = yield* Effect.forEach([at.key, at.cert, at.ca], (path) =>
    onDisk(path, () => readText(path)).pipe(
      Effect.filterOrFail(
        (text) => text !== undefined && text.trim() !== "",
        () => new JoinFailed({ reason: "disk", message: `${path} is missing or empty: join again with a new token` }),
      ),
    ),
  )
  const membership: Membership = { identity, tls: { key: key ?? "", cert: cert ?? "", ca: ca ?? "" } }
  return membership
})

/** Keeps what a join has given; the identity last. */
export const writeMembership = Effect.fn("Join.writeMembership")(function* (dataDir: string, membership: Membership) {
  const at = paths(dataDir)
  yield* onDisk(dataDir, () => makeFolder(dataDir, publicFolderMode))
  yield* onDisk(dataDir, () => makeFolder(`${dataDir}/tls`))
  yield* onDisk(at.ca, () => writeDurably(at.ca, membership.tls.ca, 0o644))
  yield* onDisk(at.key, () => writeDurably(at.key, membership.tls.key, 0o600))
  yield* onDisk(at.cert, () => writeDurably(at.cert, membership.tls.cert, 0o644))
  yield* onDisk(at.identity, () =>
    writeDurably(at.identity, `${JSON.stringify(membership.identity, undefined, 2)}\n`, 0o644),
  )
})
