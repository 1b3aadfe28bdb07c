import { Effect, Schema } from "effect"
import type { CronTaskView } from "../../domain/CronView.ts"
import { readCronQuery } from "../../../ui/Lists.ts"
import { CronBulkCards, CronBulkToast, type CronJob as CronJobModel } from "../../../ui/pages/cron/CronBulk.tsx"
import { CronRows } from "../../../ui/pages/cron/CronPage.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { CronBulk, type CronBulkReason, type CronJob } from "../fleet/cron/CronBulk.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { parts, sentence, toast } from "./Answers.tsx"
import type { SignedAsk } from "./Ask.ts"
import { chosenIds, forMoment, given, named } from "./Bulk.ts"
import { decoder, formFields, jsonBody } from "./Input.ts"
import { slowJson } from "./SlowJson.ts"

/** One action on several cron tasks, from the list and over the API. */

const tasksMax = 1_000

const action = Schema.Literals(["enable", "disable", "start", "remove", "restore"])

const reasonText = (page: PageContext, reason: CronBulkReason): string => {
  const { cron } = page.t
  if (reason._tag === "StaysAt") return cron.deletedAway(reason.name, reason.node)
  return reason._tag === "Conflict" ? cron.form.nameTaken : sentence(page, reason)
}

/** A job as a page shows it, in the language of its reader. */
const jobModel = (page: PageContext, job: CronJob): CronJobModel => ({
  ...job,
  items: job.items.map((item) => ({ ...item, reason: item.reason && reasonText(page, item.reason) })),
})

export const cronJobs = Effect.fnUntraced(function* (page: PageContext) {
  const jobs = yield* CronBulk.use(({ current }) => current)
  return jobs.map((job) => jobModel(page, job))
})

const cards = (page: PageContext, jobs: ReadonlyArray<CronJobModel>) => (
  <Partial target="#bulk-job">
    <CronBulkCards page={page} jobs={jobs} />
  </Partial>
)

/** The rows when some went or came: a list that is searched does not follow the stream in that. */
const rows = ({ c, page }: SignedAsk, tasks: ReadonlyArray<CronTaskView>) => {
  const shown = URL.parse(c.req.header("hx-current-url") ?? "")
  return (
    <Partial target="#cron-list">
      <CronRows page={page} tasks={tasks} query={readCronQuery(shown?.searchParams ?? new URLSearchParams())} />
    </Partial>
  )
}

const formInput = decoder(
  Schema.Struct({
    action,
    ids: Schema.Array(Schema.String).check(
      Schema.isMaxLength(tasksMax, { message: `must hold at most ${tasksMax} tasks` }),
    ),
  }),
)

/** On the tasks that were chosen in the list; `restore`: on those that the job before has deleted. */
export const act = Effect.fn("CronBulk.act")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const { action, ids } = yield* formInput({ action: fields.get("action"), ids: chosenIds(fields) })
  if (ids.length === 0) return parts([toast(ask.page, "info", ask.page.t.cron.bulk.none)], 422)
  const jobs = yield* CronBulk
  const before = (yield* jobs.current).flatMap(({ items }) => items)
  const { list } = yield* CronTasks
  const { job, run } = yield* jobs.begin(named(ids, [...before, ...(yield* list)]), action, ask.by)
  yield* forMoment(run)
  const told = <CronBulkToast page={ask.page} job={jobModel(ask.page, yield* job)} />
  const isOther = action === "remove" || action === "restore"
  return parts([cards(ask.page, yield* cronJobs(ask.page)), ...(isOther ? [rows(ask, yield* list)] : []), told])
})

export const close = Effect.fn("CronBulk.close")(function* (ask: SignedAsk) {
  yield* CronBulk.use((jobs) => jobs.close)
  return parts([cards(ask.page, yield* cronJobs(ask.page))])
})

const apiInput = decoder(
  Schema.Struct({
    action,
    tasks: Schema.Array(Schema.String).check(
      Schema.isMinLength(1, { message: "must hold at least one name or id of a cron task" }),
      Schema.isMaxLength(tasksMax, { message: `must hold at most ${tasksMax} names` }),
    ),
  }),
)

/** Tasks by their names or ids, each with what came of it; `restore`: by their ids. */
export const actApi = Effect.fn("CronApi.act")(function* (ask: SignedAsk) {
  const { action, tasks } = yield* apiInput(yield* jsonBody(ask))
  const targets = given(tasks, yield* CronTasks.use((cron) => cron.list))
  const work = yield* CronBulk.use((bulk) => bulk.beside(targets, action, ask.by))
  return yield* slowJson(
    Effect.map(work, (outcomes) => ({
      results: outcomes.map(({ id, name, reason, state }) => ({
        task: name,
        id,
        outcome: state,
        error: reason && apiReason(reason),
      })),
    })),
  )
})

const apiReason = (reason: CronBulkReason): string =>
  reason._tag === "StaysAt"
    ? `It is deleted, and goes on at ${reason.node} until that node can be reached`
    : reason.message
