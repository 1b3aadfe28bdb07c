import type { CronRunsView, CronTaskView } from "../../../src/domain/CronView.ts"
import { Shell } from "../../layout/Shell.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { CronFacts } from "./CronFacts.tsx"
import { CronHead } from "./CronHead.tsx"
import { CronRuns } from "./CronRuns.tsx"
import { Place } from "./Place.tsx"

type Props = { page: PageContext; task: CronTaskView; view: CronRunsView; before?: string | undefined }

/** One task with its history; topic `cron:<id>`. `before`: an older page of it. */
export const CronTaskPage = ({ page, task, view, before }: Props) => (
  <Shell
    page={page}
    title={task.name}
    crumbs={[{ label: page.t.nav.cron, href: paths.cron }]}
    topics={`cron:${task.id}`}
  >
    <CronHead page={page} task={task} />
    <Place page={page} task={task} />
    <CronFacts page={page} task={task} />
    <CronRuns page={page} task={task} view={view} before={before} />
  </Shell>
)
