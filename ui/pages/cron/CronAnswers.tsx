import type { CronTaskView } from "../../../src/domain/CronView.ts"
import { Toast, UndoButton } from "../../parts/Toast.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"

/** A task was enabled or disabled; the page follows by the stream. */
export const CronSwitched = ({ page, task }: { page: PageContext; task: CronTaskView }) => {
  const { cron } = page.t
  return (
    <Toast page={page} tone="ok" text={task.enabled ? cron.enabled(task.name) : cron.disabledNow(task.name)}>
      <UndoButton page={page} path={task.enabled ? paths.disableCron(task.id) : paths.enableCron(task.id)} />
    </Toast>
  )
}
