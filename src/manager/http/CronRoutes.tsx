import { Clock, Effect, Result } from "effect"
import type { Schedule } from "../../domain/Cron.ts"
import type { CronTaskView } from "../../domain/CronView.ts"
import { nextTimes, planOf } from "../../domain/Schedule.ts"
import type { CronFormErrors, CronFormModel, CronFormValues, CronPreviewModel } from "../../../ui/CronModels.ts"
import { choose, readConflict, readOpened } from "../../../ui/forms/Conflict.ts"
import { cronFrom, flatCron, settleCron } from "../../../ui/forms/CronConflict.ts"
import { checkCronForm, cronValues, newCron, readCronForm, readSchedule } from "../../../ui/forms/CronFields.ts"
import { type Fields, oneOf, wholeNumber } from "../../../ui/forms/Fields.ts"
import { readCronQuery } from "../../../ui/Lists.ts"
import { CronForm } from "../../../ui/pages/cron/CronForm.tsx"
import { CronFormPage } from "../../../ui/pages/cron/CronFormPage.tsx"
import { CronPage } from "../../../ui/pages/cron/CronPage.tsx"
import { CronPreview } from "../../../ui/pages/cron/CronPreview.tsx"
import { paths } from "../../../ui/Paths.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Services } from "../fleet/Services.ts"
import { goTo, page, parts } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { cronJobs } from "./CronBulkRoutes.tsx"
import { cronInput } from "./CronInputs.ts"
import { flash } from "./Flash.ts"
import { formFields } from "./Input.ts"

/** The list of cron tasks, and their form. */
export const listPage = Effect.fn("Cron.list")(function* (ask: SignedAsk) {
  const tasks = yield* CronTasks.use((cron) => cron.list)
  const jobs = yield* cronJobs(ask.page)
  const query = readCronQuery(new URL(ask.c.req.url).searchParams)
  return page(<CronPage page={ask.page} tasks={tasks} jobs={jobs} query={query} />)
})

const zones: ReadonlyArray<string> = ["UTC", ...Intl.supportedValuesOf("timeZone")]
const previewCount = 10

const timesOf = Effect.fnUntraced(function* (schedule: Schedule) {
  const now = yield* Clock.currentTimeMillis
  const plan = planOf(schedule, now)
  const times = Result.isSuccess(plan) ? nextTimes(plan.success, now, previewCount) : []
  return { times, zone: schedule.kind === "cron" ? schedule.timeZone : null } satisfies CronPreviewModel
})

const previewOf = Effect.fnUntraced(function* (values: CronFormValues) {
  const { value } = readSchedule(values)
  return value === undefined ? ({ times: null } satisfies CronPreviewModel) : yield* timesOf(value)
})

type Shown = Pick<CronFormModel, "id" | "baseRevision" | "values"> & {
  readonly errors?: CronFormErrors
  readonly stale?: CronFormModel["stale"]
} & Pick<CronFormModel, "opened" | "conflict">

const formModel = Effect.fnUntraced(function* ({ errors = {}, stale = null, ...shown }: Shown) {
  const nodes = yield* Fleet.use((fleet) => fleet.nodes)
  const services = yield* Services.use((services) => services.list)
  const model: CronFormModel = {
    ...shown,
    errors,
    stale,
    preview: yield* previewOf(shown.values),
    nodes: nodes.filter(({ connection }) => connection !== "revoked").map(({ ip, name }) => ({ ip, name })),
    services: services.filter(({ kernel }) => !kernel).map(({ name }) => name),
  }
  return model
})

export const newPage = Effect.fn("Cron.newPage")(function* (ask: SignedAsk) {
  const model = yield* formModel({ id: null, baseRevision: 0, values: newCron })
  const [only, ...others] = model.nodes
  const values = only !== undefined && others.length === 0 ? { ...model.values, node: only.ip } : model.values
  return page(<CronFormPage page={ask.page} model={{ ...model, values }} zones={zones} />)
})

const editable = (task: CronTaskView) => ({ id: task.id, baseRevision: task.revision, values: cronValues(task) })

export const editPage = Effect.fn("Cron.editPage")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  const model = yield* formModel(editable(yield* cron.get(yield* param(ask, "id"))))
  return page(<CronFormPage page={ask.page} model={model} zones={zones} />)
})

export const preview = Effect.fn("Cron.preview")(function* (ask: SignedAsk) {
  const values = readCronForm(yield* formFields(ask))
  return parts([<CronPreview page={ask.page} preview={yield* previewOf(values)} />])
})

const again = Effect.fnUntraced(function* (ask: SignedAsk, shown: Shown, status: number) {
  return parts([<CronForm page={ask.page} model={yield* formModel(shown)} />], status)
})

const saved = (ask: SignedAsk, { id }: CronTaskView, text: string) => {
  flash.leave(ask.c, { tone: "ok", text })
  return goTo(ask, paths.cronTask(id))
}

export const create = Effect.fn("Cron.create")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  const values = readCronForm(yield* formFields(ask))
  const shown = { id: null, baseRevision: 0, values }
  const { errors, value } = checkCronForm(values)
  if (value === undefined) return yield* again(ask, { ...shown, errors }, 422)
  return yield* cron.create(yield* cronInput(value), ask.by).pipe(
    Effect.map((task) => saved(ask, task, ask.page.t.cron.form.created(task.name))),
    Effect.catchTag("Conflict", () => again(ask, { ...shown, errors: { name: "taken" } }, 422)),
  )
})

/** What an edit began from, and the conflict that is being settled in it. */
const carried = (fields: Fields) => {
  const conflict = readConflict(fields)
  return { opened: readOpened(fields) ?? {}, ...(conflict === undefined ? {} : { conflict }) }
}

/** The form's own buttons: one side of what two people have changed. */
export const editor = Effect.fn("Cron.editor")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const id = yield* param(ask, "id")
  const baseRevision = wholeNumber(fields.get("baseRevision") ?? "", 0, 999_999_999) ?? 0
  const values = readCronForm(fields)
  const kept = carried(fields)
  const side = oneOf(String(fields.get("side") ?? ""), ["theirs", "mine"], "mine")
  const take = fields.get("take")
  const name = take === null ? undefined : String(take)
  const chosen = cronFrom(choose(kept.conflict?.rows ?? [], name, side, flatCron(values)))
  return yield* again(ask, { id, baseRevision, ...kept, values: chosen }, 200)
})

export const update = Effect.fn("Cron.update")(function* (ask: SignedAsk) {
  const cron = yield* CronTasks
  const id = yield* param(ask, "id")
  const fields = yield* formFields(ask)
  const values = readCronForm(fields)
  const baseRevision = wholeNumber(fields.get("baseRevision") ?? "", 0, 999_999_999) ?? 0
  const shown = { id, baseRevision, values, ...carried(fields) }
  const { errors, value } = checkCronForm(values)
  if (value === undefined) return yield* again(ask, { ...shown, errors }, 422)
  return yield* cron.update(id, yield* cronInput(value), ask.by, baseRevision).pipe(
    Effect.map((task) => saved(ask, task, ask.page.t.cron.form.saved(task.name))),
    Effect.catchTags({
      Conflict: () => again(ask, { ...shown, errors: { name: "taken" } }, 422),
      // Saved once more it replaces the other version: whoever reads the message has decided so.
      CronChanged: Effect.fnUntraced(function* ({ by }) {
        const task = yield* cron.get(id)
        const theirs = { values: cronValues(task), revision: task.revision, by }
        const settled = settleCron(values, readOpened(fields), theirs)
        return yield* again(ask, { id, baseRevision: task.revision, stale: { by }, ...settled }, 409)
      }),
    }),
  )
})
