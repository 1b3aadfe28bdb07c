import { Effect, Schema } from "effect"
import { problemSentence } from "../../domain/Problem.ts"
import { addStats } from "../../protocol/MergeStats.ts"
import { CallConsole } from "../fleet/CallConsole.ts"
import { Calls, isSilent, isTold } from "../fleet/Calls.ts"
import { Reloads } from "../fleet/Reloads.ts"
import { Tasks } from "../fleet/Tasks.ts"
import { serviceOf } from "./ApiRoutes.ts"
import { json } from "./Answers.tsx"
import { query, type SignedAsk } from "./Ask.ts"
import { decoder, jsonBody } from "./Input.ts"
import { slowJson } from "./SlowJson.ts"

/** The API of what runs: reloads, figures, tasks. */
const reloadInput = decoder(Schema.Struct({ node: Schema.optionalKey(Schema.String) }))

/** Waits for the verdict of each node. `node`: its id, name or address, left out: all. */
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

const tasksLimitMax = 1_000
const tasksQuery = decoder(
  Schema.Struct({
    state: Schema.Literals(["waiting", "running", "dead"]),
    limit: Schema.FiniteFromString.check(
      Schema.isInt(),
      Schema.isBetween(
        { minimum: 1, maximum: tasksLimitMax },
        { message: `must be a whole number from 1 to ${tasksLimitMax}` },
      ),
    ),
  }),
)

/** Tasks in one state, and how many there are in each, by node. */
export const tasks = Effect.fn("Api.tasks")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const { limit, state } = yield* tasksQuery({
    state: query(ask, "state") || "dead",
    limit: query(ask, "limit") || "100",
  })
  const node = query(ask, "node") || undefined
  const readings = yield* Tasks.use((tasks) => tasks.list(service.id, { state, limit, node }))
  const nodes = readings.flatMap(({ name, nodeId, nodeName, page }) =>
    page === undefined ? [] : [{ nodeId, nodeName, name, ...page }],
  )
  const silent = readings.flatMap(({ name, nodeId, nodeName, problem }) =>
    problem === undefined ? [] : [{ nodeId, nodeName, name, problem, message: problemSentence(problem) }],
  )
  return json({ nodes, silent })
})

const taskIdsMax = 1_000
const tasksChange = decoder(
  Schema.Struct({
    node: Schema.optionalKey(Schema.String),
    ids: Schema.Union([
      Schema.Literal("all"),
      Schema.Array(Schema.String).check(
        Schema.isMinLength(1, { message: "must hold at least one id" }),
        Schema.isMaxLength(taskIdsMax, { message: `must hold at most ${taskIdsMax} ids` }),
      ),
    ]),
  }),
)

const changeTasks = (what: "requeue" | "discard") =>
  Effect.fn(`Api.${what}`)(function* (ask: SignedAsk) {
    const { service } = yield* serviceOf(ask)
    const { ids, node } = yield* tasksChange(yield* jsonBody(ask))
    return json(yield* Tasks.use((tasks) => tasks.change(service.id, { what, ids, node }, ask.by)))
  })

export const requeueTasks = changeTasks("requeue")
export const discardTasks = changeTasks("discard")
