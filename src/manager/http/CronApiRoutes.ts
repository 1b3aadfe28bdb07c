import { Effect, Schema } from "effect"
import { CronRuns } from "../fleet/cron/CronRuns.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { json, noContent } from "./Answers.tsx"
import { param, query, type SignedAsk } from "./Ask.ts"
import { cronInput, cronPreview } from "./CronInputs.ts"
import { decoder, jsonBody } from "./Input.ts"

/** The API of cron tasks; each is named by its name or its id. */
const taskOf = Effect.fn("CronApi.taskOf")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  return { cron, task: yield* cron.find(yield* param(ask, "name")) }
})

export const list = () => CronTasks.use((cron) => cron.list).pipe(Effect.map((tasks) => json(tasks)))

export const create = Effect.fn("CronApi.create")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  return json(yield* cron.create(yield* cronInput(yield* jsonBody(ask)), ask.by), 201)
})

export const get = (ask: SignedAsk) => taskOf(ask).pipe(Effect.map(({ task }) => json(task)))

const revised = decoder(Schema.Struct({ revision: Schema.optionalKey(Schema.Int) }))

/** What is left out stays as it is. `revision`: the one that the edit began from; left out: whatever there is. */
export const update = Effect.fn("CronApi.update")(function* (ask: SignedAsk) {
  const { cron, task } = yield* taskOf(ask)
  const { revision: base, ...changed } = Object(yield* jsonBody(ask)) as Record<string, unknown>
  const { revision } = yield* revised(base === undefined ? {} : { revision: base })
  const input = yield* cronInput({ ...(yield* cron.input(task.id)), ...changed })
  return json(yield* cron.update(task.id, input, ask.by, revision))
})

export const remove = Effect.fn("CronApi.remove")(function* (ask: SignedAsk) {
  const { cron, task } = yield* taskOf(ask)
  yield* cron.remove(task.id, ask.by)
  return noContent()
})

/** One that was deleted, by its id, is there again with its history. */
export const restore = Effect.fn("CronApi.restore")(function* (ask: SignedAsk) {
  const id = yield* param(ask, "name")
  return json(yield* CronTasks.use((cron) => cron.restore(id, ask.by)))
})

/** Its new node gets it though the former one, which is away, may go on with it. */
export const release = Effect.fn("CronApi.release")(function* (ask: SignedAsk) {
  const { cron, task } = yield* taskOf(ask)
  return json(yield* cron.release(task.id, ask.by))
})

export const preview = Effect.fn("CronApi.preview")(function* (ask: SignedAsk) {
  return json(yield* cronPreview(yield* jsonBody(ask)))
})

export const start = Effect.fn("CronApi.start")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  return json(yield* CronRuns.use((runs) => runs.start(task.id, ask.by)), 202)
})

const runsLimitMax = 1_000
const runsQuery = decoder(
  Schema.Struct({
    limit: Schema.FiniteFromString.check(
      Schema.isInt(),
      Schema.isBetween(
        { minimum: 1, maximum: runsLimitMax },
        { message: `must be a whole number from 1 to ${runsLimitMax}` },
      ),
    ),
  }),
)

/** The newest first; `before`: those older than this one. */
export const runs = Effect.fn("CronApi.runs")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const { limit } = yield* runsQuery({ limit: query(ask, "limit") || "50" })
  return json(yield* CronRuns.use((runs) => runs.list(task.id, limit, query(ask, "before") || undefined)))
})

export const output = Effect.fn("CronApi.output")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const run = yield* param(ask, "run")
  return json(yield* CronRuns.use((runs) => runs.output(task.id, run)))
})

/** Answers when it has ended. */
export const stop = Effect.fn("CronApi.stop")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const run = yield* param(ask, "run")
  return json(yield* CronRuns.use((runs) => runs.stop(task.id, run, ask.by)))
})
