import { Context, Data, type Effect } from "effect"
import type { TlsMaterial } from "../../platform/Transport.ts"

/** The certificate request is malformed or not signed by its own key. */
export class BadRequest extends Data.TaggedError("BadRequest")<{ readonly message: string }> {}

/** The cluster's certificate authority, made at the manager's first start, and what it signs. */
export class Authority extends Context.Service<
  Authority,
  {
    readonly caPem: string
    /** First 32 hex characters of the SHA-256 of the CA certificate's DER: what a token pins. */
    readonly pin: string
    /** The manager's own certificate, CN `manager`, for connections to nodes. */
    readonly manager: TlsMaterial
    /** A certificate for the page's https, renewed when the names change or it runs out. */
    readonly page: (names: ReadonlyArray<string>) => Effect.Effect<{ readonly cert: string; readonly key: string }>
    /** Signs a node's request as `node:<nodeId>`. Fails with a sentence when the request is not rightly signed. */
    readonly signNode: (
      csr: string,
      node: { readonly nodeId: string; readonly addresses: ReadonlyArray<string> },
    ) => Effect.Effect<{ readonly pem: string; readonly serial: string; readonly expiresAt: number }, BadRequest>
  }
>()("muster/manager/fleet/Authority") {}
