import { Effect } from "effect"
import { Letters } from "../../../ui/pages/service/tasks/Letters.tsx"
import { Queues } from "../../../ui/pages/service/tasks/Queues.tsx"
import { TasksPage } from "../../../ui/pages/service/tasks/TasksPage.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { Services } from "../fleet/Services.ts"
import { Tasks, type TasksChanged } from "../fleet/Tasks.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { formFields } from "./Input.ts"

export const tasksPage = Effect.fn("Tasks.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const tasks = yield* Tasks
  const service = yield* services.get(yield* param(ask, "id"))
  return page(<TasksPage page={ask.page} service={service} view={yield* tasks.view(service.id)} />)
})

type What = "requeue" | "discard"

const outcome = ({ t }: PageContext, what: What, { changed, failed }: TasksChanged): string => {
  const { tasks } = t
  const done = what === "requeue" ? tasks.requeued(changed) : tasks.discarded(changed)
  const first = changed === 0 && failed.length === 0 ? tasks.gone : done
  return failed.length === 0 ? first : `${first}. ${tasks.notAsked(failed.map(({ nodeName }) => nodeName).join(", "))}`
}

/** One task, those that are selected, or all dead letters of the service. */
const change = (what: What) =>
  Effect.fn(`Tasks.${what}`)(function* (ask: SignedAsk) {
    const services = yield* Services
    const tasks = yield* Tasks
    const service = yield* services.get(yield* param(ask, "id"))
    const fields = yield* formFields(ask)
    const ids = fields.get("all") === "1" ? "all" : fields.getAll("task")
    if (ids.length === 0) return parts([toast(ask.page, "info", ask.page.t.tasks.nothingChosen)], 422)
    const changed = yield* tasks.change(service.id, { what, ids, node: fields.get("node") ?? undefined }, ask.by)
    const view = yield* tasks.view(service.id)
    const tone = changed.failed.length > 0 ? "bad" : changed.changed === 0 ? "info" : "ok"
    return parts([
      <Partial target="#task-queues">
        <Queues page={ask.page} service={service} view={view} />
      </Partial>,
      <Partial target="#task-letters">
        <Letters page={ask.page} service={service} view={view} />
      </Partial>,
      toast(ask.page, tone, outcome(ask.page, what, changed)),
    ])
  })

export const requeueTasks = change("requeue")
export const discardTasks = change("discard")
