import { Effect } from "effect"
import { problemSentence } from "../../domain/Problem.ts"
import { Inspections } from "../fleet/Inspections.ts"
import { json } from "./Answers.tsx"
import { serviceOf } from "./ApiRoutes.ts"
import { param, type SignedAsk } from "./Ask.ts"

/** What the processes of each node use, and what those that end still wait for; nodes that did not tell are named. */
export const inspect = Effect.fn("Api.inspect")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const readings = yield* Inspections.use((inspections) => inspections.inspect(service.id))
  const nodes = readings.flatMap(({ inspection, nodeId, nodeName }) =>
    inspection === undefined ? [] : [{ nodeId, nodeName, ...inspection }],
  )
  const silent = readings.flatMap(({ name, nodeId, nodeName, problem }) =>
    problem === undefined ? [] : [{ nodeId, nodeName, name, problem, message: problemSentence(problem) }],
  )
  return json({ nodes, silent })
})

/** The crash reports of all nodes, the newest first, without their long parts. */
export const crashes = Effect.fn("Api.crashes")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const { crashes, silent } = yield* Inspections.use((inspections) => inspections.crashes(service.id))
  return json({ crashes, silent: silent.map((one) => ({ ...one, message: problemSentence(one.problem) })) })
})

export const crash = Effect.fn("Api.crash")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const id = yield* param(ask, "id")
  return json(yield* Inspections.use((inspections) => inspections.crash(service.id, id)))
})
