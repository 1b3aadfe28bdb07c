import { Clock, Context, Data, Effect, Layer, Semaphore } from "effect"
import {
  type CertificateAuthority,
  CertificateError,
  describe,
  fingerprint,
  isSignedBy,
  issue,
  type Issued,
  makeAuthority,
  makeRequest,
} from "../../platform/Certificates.ts"
import { makeFolder, readText, writeDurably } from "../../platform/DurableFile.ts"
import type { TlsMaterial } from "../../platform/Transport.ts"
import { pinLength } from "../../domain/JoinToken.ts"

/** The certificate request is malformed or not signed by its own key. */
export class BadRequest extends Data.TaggedError("BadRequest")<{ readonly message: string }> {}

/** The data folder's keys can't be used; `message` says what to do. */
export class AuthorityError extends Data.TaggedError("AuthorityError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

export const managerName = "manager"
export const nodeName = (nodeId: string) => `node:${nodeId}`

const certificateDays = 365
/** A node's is not renewed while it runs: it holds as long as the CA, and is revoked by its serial number. */
const nodeCertificateDays = 3_650
/** Renewed this long before the end. */
export const renewMs = 30 * 86_400_000

type KeyPair = { readonly cert: string; readonly key: string }

const onDisk = <A>(path: string, act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => new AuthorityError({ message: `Cannot read or write ${path}: ${String(cause)}`, cause }),
  })

const loadAuthority = Effect.fnUntraced(function* (folder: string) {
  yield* onDisk(folder, () => makeFolder(folder))
  const [certPath, keyPath] = [`${folder}/ca.pem`, `${folder}/ca.key`]
  const pem = yield* onDisk(certPath, () => readText(certPath))
  const key = yield* onDisk(keyPath, () => readText(keyPath))
  if (pem !== undefined && key !== undefined) return { pem, key }
  if (pem !== undefined)
    return yield* new AuthorityError({
      message: `The cluster's key ${keyPath} is missing: put it back from a backup. Without it no node can join or be reached`,
    })
  // A key without its certificate is left from a first start that was cut off: nothing was signed by it yet.
  const nowMs = yield* Clock.currentTimeMillis
  const made = yield* Effect.promise(() => makeAuthority({ nowMs }))
  yield* onDisk(keyPath, () => writeDurably(keyPath, made.key, 0o600))
  yield* onDisk(certPath, () => writeDurably(certPath, made.pem, 0o644))
  return made
})

const usable = (ca: CertificateAuthority, pem: string, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    return yield* Effect.promise(async () => {
      try {
        const found = describe(pem)
        return (
          found.expiresAt - nowMs > renewMs &&
          names.every((name) => found.addresses.includes(name)) &&
          (await isSignedBy(pem, ca.pem))
        )
      } catch {
        return false
      }
    })
  })

/** The key pair in `<folder>/cert.pem` and `key.pem`; a new one when it is missing, old, or for other names. */
const loadPair = Effect.fnUntraced(function* (
  ca: CertificateAuthority,
  files: { readonly cert: string; readonly key: string },
  names: ReadonlyArray<string>,
) {
  const cert = yield* onDisk(files.cert, () => readText(files.cert))
  const key = yield* onDisk(files.key, () => readText(files.key))
  if (cert !== undefined && key !== undefined && (yield* usable(ca, cert, names))) return { cert, key }
  const nowMs = yield* Clock.currentTimeMillis
  const request = yield* Effect.promise(() => makeRequest(managerName))
  const issued = yield* Effect.promise(() =>
    issue(ca, request.csr, { cn: managerName, addresses: names, days: certificateDays, nowMs }),
  )
  // No certificate beside a foreign key: a start that is cut off in between finds it missing, and makes a new one.
  yield* onDisk(files.cert, () => writeDurably(files.cert, "", 0o644))
  yield* onDisk(files.key, () => writeDurably(files.key, request.key, 0o600))
  yield* onDisk(files.cert, () => writeDurably(files.cert, issued.pem, 0o644))
  return { cert: issued.pem, key: request.key }
})

/** The cluster's certificate authority, made at the manager's first start, and what it signs. */
export class Authority extends Context.Service<
  Authority,
  {
    readonly caPem: string
    /** First 32 hex characters of the SHA-256 of the CA certificate's DER: what a token pins. */
    readonly pin: string
    /** The manager's own certificate, CN `manager`, for connections to nodes; renewed 30 days before its end. */
    readonly manager: Effect.Effect<TlsMaterial>
    /** A certificate for the page's https, renewed when the names change or it runs out. */
    readonly page: (names: ReadonlyArray<string>) => Effect.Effect<KeyPair>
    /** Signs a node's request as `node:<nodeId>`. */
    readonly signNode: (
      csr: string,
      node: { readonly nodeId: string; readonly addresses: ReadonlyArray<string> },
    ) => Effect.Effect<Issued, BadRequest>
  }
>()("muster/manager/fleet/Authority") {
  static readonly layer = (config: { readonly dataDir: string }) =>
    Layer.effect(
      Authority,
      Effect.gen(function* () {
        const ca = yield* loadAuthority(`${config.dataDir}/ca`)
        const folder = `${config.dataDir}/manager`
        yield* onDisk(folder, () => makeFolder(folder))
        const ownFiles = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` }
        const pageFiles = { cert: `${folder}/page.pem`, key: `${folder}/page.key` }
        let own: KeyPair = yield* loadPair(ca, ownFiles, ["localhost"])
        const isOld = Effect.map(Clock.currentTimeMillis, (nowMs) => describe(own.cert).expiresAt - nowMs <= renewMs)
        const renewing = yield* Semaphore.make(1)
        // Many sessions may find it old at once: two that wrote it would leave one's key beside the other's certificate.
        const renew = renewing.withPermit(
          Effect.gen(function* () {
            if (yield* isOld) own = yield* loadPair(ca, ownFiles, ["localhost"]).pipe(Effect.orDie)
          }),
        )
        const manager = Effect.gen(function* () {
          if (yield* isOld) yield* renew
          return { ...own, ca: ca.pem }
        })
        const signNode = Effect.fn("Authority.signNode")(function* (
          csr: string,
          node: { readonly nodeId: string; readonly addresses: ReadonlyArray<string> },
        ) {
          const nowMs = yield* Clock.currentTimeMillis
          const subject = { cn: nodeName(node.nodeId), days: nodeCertificateDays, nowMs }
          return yield* Effect.tryPromise({
            try: () => issue(ca, csr, { ...subject, addresses: [...node.addresses, "localhost"] }),
            catch: (cause) =>
              new BadRequest({
                message: cause instanceof CertificateError ? `The request ${cause.message}` : "The request is unusable",
              }),
          })
        })
        return Authority.of({
          caPem: ca.pem,
          pin: fingerprint(ca.pem).slice(0, pinLength),
          manager,
          page: (names) => loadPair(ca, pageFiles, [...new Set(["localhost", ...names])]).pipe(Effect.orDie),
          signNode,
        })
      }),
    )
}
