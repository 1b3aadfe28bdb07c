import { Effect, Schema } from "effect"
import { Reloads } from "../fleet/Reloads.ts"
import { serviceOf } from "./ApiRoutes.ts"
import type { SignedAsk } from "./Ask.ts"
import { decoder, jsonBody } from "./Input.ts"
import { slowJson } from "./SlowJson.ts"

/** The API of what runs: reloads, figures, tasks. */
const reloadInput = decoder(Schema.Struct({ node: Schema.optionalKey(Schema.String) }))

/** Waits for the verdict of each node. `node`: its id or name, left out: all. */
export const reload = Effect.fn("Api.reload")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const reloads = yield* Reloads
  const { node } = yield* reloadInput(yield* jsonBody(ask))
  const { verdicts } = yield* reloads.run(service.id, node, ask.by)
  return yield* slowJson(Effect.map(verdicts, (verdicts) => ({ verdicts })))
})
