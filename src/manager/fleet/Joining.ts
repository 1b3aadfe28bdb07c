import { Context, type Effect } from "effect"
import type { JoinAnswer } from "../../protocol/NodeManager.ts"
import type { JoinRefused, NotFound } from "./Errors.ts"
import type { TokenInput } from "./Inputs.ts"
import type { TokenView } from "./Views.ts"

export type NewToken = {
  readonly id: string
  /** Shown once: the store keeps only a hash. */
  readonly token: string
  readonly expiresAt: number
  /** The line that joins a node, for the page's URL. */
  readonly command: (pageUrl: string) => string
}

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
>()("muster/manager/fleet/Joining") {}
