import { Effect, Schema } from "effect"
import { problemSentence } from "../../domain/Problem.ts"
import { addStats } from "../../protocol/AddStats.ts"
import { CallConsole } from "../fleet/CallConsole.ts"
import { Calls, isSilent, isTold } from "../fleet/Calls.ts"
import { Reloads } from "../fleet/Reloads.ts"
import { serviceOf } from "./ApiRoutes.ts"
import { json } from "./Answers.tsx"
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

/** The figures of each node, and of all together; nodes that did not tell theirs are named. */
export const stats = Effect.fn("Api.stats")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const readings = yield* Calls.use((calls) => calls.read(service.id))
  const nodes = readings.filter(isTold).map(({ nodeId, nodeName, stats }) => ({ nodeId, nodeName, ...stats }))
  const silent = readings.filter(isSilent).map(({ name, nodeId, nodeName, problem }) => ({
    nodeId,
    nodeName,
    name,
    problem,
    message: problemSentence(problem),
  }))
  return json({ nodes, silent, total: addStats(nodes.map(({ stats }) => stats)) })
})

export const methods = Effect.fn("Api.methods")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  return json({ methods: yield* CallConsole.use((console) => console.methods(service.id)) })
})
