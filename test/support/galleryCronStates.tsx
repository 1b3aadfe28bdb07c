import type { CronFormModel } from "../../ui/CronModels.ts"
import type { CronJob } from "../../ui/pages/cron/CronBulk.tsx"
import { CronFormPage } from "../../ui/pages/cron/CronFormPage.tsx"
import { CronPage } from "../../ui/pages/cron/CronPage.tsx"
import { CronTaskPage } from "../../ui/pages/cron/CronTaskPage.tsx"
import { type OutputModel, OutputPage } from "../../ui/pages/cron/OutputPage.tsx"
import type { CronTaskView } from "../../src/domain/CronView.ts"
import type { PageContext } from "../../ui/ViewModels.ts"
import * as cron from "./galleryCron.ts"

const all = { filter: "all", search: "" } as const
const zones = ["UTC", "Asia/Shanghai", "Europe/Berlin"]
const first = cron.runs.runs[1]!

const taskOf =
  (task: CronTaskView, view = cron.runs) =>
  (page: PageContext) => <CronTaskPage page={page} task={task} view={view} />
const formOf = (model: CronFormModel) => (page: PageContext) => <CronFormPage page={page} model={model} zones={zones} />
const outputOf = (output: OutputModel) => (page: PageContext) => (
  <OutputPage page={page} task={cron.report} run={first} output={output} />
)
const [running, calls, , moving] = cron.tasks

const removed: CronJob = {
  action: "remove",
  by: "lin.wei",
  startedAt: 0,
  endedAt: 1,
  items: cron.tasks.map(({ id, name }, index) => ({
    id,
    name,
    state: index === 1 ? "failed" : "done",
    reason: index === 1 ? "It is not there any more. Load the page again." : null,
  })),
}

/** The pages of cron tasks in every state. */
export const cronStates = {
  cron: { path: "/cron", page: (page: PageContext) => <CronPage page={page} tasks={cron.tasks} query={all} /> },
  "cron-bulk": {
    path: "/cron",
    page: (page: PageContext) => <CronPage page={page} tasks={cron.tasks} jobs={[removed]} query={all} />,
  },
  "cron-empty": { path: "/cron", page: (page: PageContext) => <CronPage page={page} tasks={[]} query={all} /> },
  "cron-no-match": {
    path: "/cron?f=failing&q=none",
    page: (page: PageContext) => (
      <CronPage page={page} tasks={cron.tasks} query={{ filter: "failing", search: "none" }} />
    ),
  },
  "cron-task": { path: "/cron/x", page: taskOf(cron.report) },
  "cron-task-running": { path: "/cron/x", page: taskOf(running!) },
  "cron-task-calls": { path: "/cron/x", page: taskOf(calls!) },
  "cron-task-moving": { path: "/cron/x", page: taskOf(moving!, cron.noRuns) },
  "cron-new": { path: "/cron/new", page: formOf(cron.newForm) },
  "cron-edit": { path: "/cron/x/edit", page: formOf(cron.editForm) },
  "cron-wrong": { path: "/cron/new", page: formOf(cron.wrongForm) },
  "cron-method": { path: "/cron/new", page: formOf(cron.methodForm) },
  "cron-output": { path: "/cron/x", page: outputOf(cron.output) },
  "cron-output-away": { path: "/cron/x", page: outputOf("away") },
}
