import { Effect, Fiber, Option } from "effect"
import { CronRow } from "../../../ui/pages/cron/CronRow.tsx"
import { CronTaskPage } from "../../../ui/pages/cron/CronTaskPage.tsx"
import { type OutputModel, OutputPage } from "../../../ui/pages/cron/OutputPage.tsx"
import { CronSwitched } from "../../../ui/pages/cron/CronAnswers.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { paths } from "../../../ui/Paths.ts"
import { CronRuns } from "../fleet/cron/CronRuns.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { goTo, page, parts, toast } from "./Answers.tsx"
import { param, query, type SignedAsk } from "./Ask.ts"
import { flash } from "./Flash.ts"

const runsShown = 25
/** A run that takes longer to end is stopped all the same; its row tells when it has. */
const stopShownMs = 5_000

const taskOf = Effect.fn("Cron.taskOf")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  return { cron, task: yield* cron.get(yield* param(ask, "id")) }
})

/** The first page of a task's history, as its page shows it. */
export const newestRuns = (id: string) => CronRuns.use((runs) => runs.list(id, runsShown, undefined))

export const taskPage = Effect.fn("Cron.taskPage")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const before = query(ask, "before") || undefined
  const view = yield* CronRuns.use((runs) => runs.list(task.id, runsShown, before))
  return page(<CronTaskPage page={ask.page} task={task} view={view} before={before} />)
})

export const outputPage = Effect.fn("Cron.outputPage")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const runs = yield* CronRuns
  const run = yield* runs.get(task.id, yield* param(ask, "run"))
  const output: OutputModel = yield* runs.output(task.id, run.id).pipe(
    Effect.catchTags({
      NodeUnavailable: () => Effect.succeed("away" as const),
      NotFound: () => Effect.succeed("gone" as const),
    }),
  )
  return page(<OutputPage page={ask.page} task={task} run={run} output={output} />)
})

export const start = Effect.fn("Cron.start")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  yield* CronRuns.use((runs) => runs.start(task.id, ask.by))
  return parts([toast(ask.page, "ok", ask.page.t.cron.started(task.name))])
})

export const stop = Effect.fn("Cron.stop")(function* (ask: SignedAsk) {
  const { task } = yield* taskOf(ask)
  const run = yield* param(ask, "run")
  const runs = yield* CronRuns
  const stopping = yield* Effect.forkDetach(runs.stop(task.id, run, ask.by))
  const stopped = yield* Fiber.join(stopping).pipe(Effect.timeoutOption(stopShownMs))
  const { cron } = ask.page.t
  return parts([toast(ask.page, "ok", Option.isSome(stopped) ? cron.stopped : cron.stopping)])
})

/** Reversible, so it is done at once, and the toast takes it back. */
const switchTo = (enabled: boolean) =>
  Effect.fn("Cron.switch")(function* (ask: SignedAsk) {
    const { cron, task } = yield* taskOf(ask)
    const after = yield* cron.setEnabled(task.id, enabled, ask.by)
    return parts([
      <Partial target={`#cron-${task.id}`}>
        <CronRow page={ask.page} task={after} />
      </Partial>,
      <CronSwitched page={ask.page} task={after} />,
    ])
  })

export const enable = switchTo(true)
export const disable = switchTo(false)

export const remove = Effect.fn("Cron.remove")(function* (ask: SignedAsk) {
  const { cron, task } = yield* taskOf(ask)
  const { name, staysAt } = yield* cron.remove(task.id, ask.by)
  const texts = ask.page.t.cron
  const text = staysAt === null ? texts.deleted(name) : texts.deletedAway(name, staysAt)
  flash.leave(ask.c, { tone: "ok", text, undo: paths.restoreCron(task.id) })
  return goTo(ask, paths.cron)
})

/** The list is asked for again when the stream tells of its new member. */
export const restore = Effect.fn("Cron.restore")(function* (ask: SignedAsk) {
  const id = yield* param(ask, "id")
  const { cron } = ask.page.t
  return yield* CronTasks.use((tasks) => tasks.restore(id, ask.by)).pipe(
    Effect.map(({ name }) => parts([toast(ask.page, "ok", cron.restored(name))])),
    Effect.catchTag("Conflict", () => Effect.succeed(parts([toast(ask.page, "bad", cron.form.nameTaken)], 409))),
  )
})

export const release = Effect.fn("Cron.release")(function* (ask: SignedAsk) {
  const { cron, task } = yield* taskOf(ask)
  yield* cron.release(task.id, ask.by)
  return parts([toast(ask.page, "ok", ask.page.t.cron.moved(task.name))])
})
