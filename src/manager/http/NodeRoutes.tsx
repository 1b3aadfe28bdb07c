import { Effect } from "effect"
import { readTokenForm } from "../../../ui/forms/TokenFields.ts"
import { readNodesQuery } from "../../../ui/Lists.ts"
import { JoinCommand, JoinDialog } from "../../../ui/pages/nodes/JoinDialog.tsx"
import { NodeRow } from "../../../ui/pages/nodes/NodeRow.tsx"
import { NodesPage } from "../../../ui/pages/nodes/NodesPage.tsx"
import { TokensCard } from "../../../ui/pages/nodes/TokensCard.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import type { PageContext, TokenView } from "../../../ui/ViewModels.ts"
import { NotFound } from "../fleet/Errors.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { TokenInput } from "../fleet/Inputs.ts"
import { Joining } from "../fleet/Joining.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { decoder, formFields } from "./Input.ts"

const tokenInput = decoder(TokenInput)

export const nodesPage = Effect.fn("Nodes.page")(function* (ask: SignedAsk) {
  const fleet = yield* Fleet
  const joining = yield* Joining
  const nodes = yield* fleet.nodes
  const tokens = yield* joining.tokens
  const query = readNodesQuery(new URL(ask.c.req.url).searchParams)
  return page(<NodesPage page={ask.page} nodes={nodes} tokens={tokens} query={query} />)
})

const nodeOf = Effect.fn("Nodes.nodeOf")(function* (ask: SignedAsk) {
  const fleet = yield* Fleet
  const id = yield* param(ask, "id")
  const node = (yield* fleet.nodes).find((one) => one.id === id)
  return node ?? (yield* new NotFound({ what: "node", id }))
})

export const revokeNode = Effect.fn("Nodes.revoke")(function* (ask: SignedAsk) {
  const fleet = yield* Fleet
  const { id, name } = yield* nodeOf(ask)
  yield* fleet.revoke(id, ask.by)
  return parts([
    <Partial target={`#node-${id}`}>
      <NodeRow page={ask.page} node={yield* nodeOf(ask)} />
    </Partial>,
    toast(ask.page, "ok", ask.page.t.nodes.revoked(name)),
  ])
})

export const forgetNode = Effect.fn("Nodes.forget")(function* (ask: SignedAsk) {
  const fleet = yield* Fleet
  const { id, name } = yield* nodeOf(ask)
  yield* fleet.forget(id, ask.by)
  return parts([
    <Partial target={`#node-${id}`} swap="delete"></Partial>,
    toast(ask.page, "ok", ask.page.t.nodes.forgotten(name)),
  ])
})

export const joinDialog = (ask: SignedAsk) => Effect.succeed(parts([<JoinDialog page={ask.page} />]))

const tokensNow = (context: PageContext, tokens: ReadonlyArray<TokenView>) => (
  <Partial target="#tokens">
    <TokensCard page={context} tokens={tokens} />
  </Partial>
)

/** The only answer that ever shows the token. */
export const createToken = Effect.fn("Nodes.createToken")(function* (ask: SignedAsk) {
  const joining = yield* Joining
  const input = yield* tokenInput(readTokenForm(yield* formFields(ask)))
  const { token, expiresAt, command } = yield* joining.createToken(input, ask.by)
  const shown = { kind: input.kind, token, expiresAt, command: command(new URL(ask.c.req.url).origin) }
  return parts([<JoinCommand page={ask.page} token={shown} />, tokensNow(ask.page, yield* joining.tokens)])
})

export const revokeToken = Effect.fn("Nodes.revokeToken")(function* (ask: SignedAsk) {
  const joining = yield* Joining
  yield* joining.revokeToken(yield* param(ask, "id"), ask.by)
  return parts([tokensNow(ask.page, yield* joining.tokens), toast(ask.page, "ok", ask.page.t.tokens.withdrawn)])
})
