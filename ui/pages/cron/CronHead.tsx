import type { CronTaskView } from "../../../src/domain/CronView.ts"
import { PageHead } from "../../layout/PageHead.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { Menu } from "../../parts/Menu.tsx"
import { Status } from "../../parts/Status.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { actionText } from "./ActionText.ts"
import { isBad, RunStatus } from "./RunStatus.tsx"

type Props = { page: PageContext; task: CronTaskView }

export const CronHead = ({ page, task }: Props) => (
  <PageHead
    title={task.name}
    beside={<CronState page={page} task={task} />}
    actions={<CronActions page={page} task={task} />}
  />
)

/** `#cron-state` */
export const CronState = ({ page, task }: Props) => {
  const { cron } = page.t
  return (
    <span id="cron-state">
      {task.running > 0 ? (
        <Status tone="info">{task.running === 1 ? cron.running : cron.runningNow(task.running)}</Status>
      ) : (
        <>
          {!task.enabled && <Status tone="off">{cron.disabled}</Status>}
          {task.last !== null && isBad(task.last.state) && <RunStatus page={page} state={task.last.state} />}
        </>
      )}
    </span>
  )
}

/** `#cron-actions` */
export const CronActions = ({ page, task }: Props) => {
  const { cron } = page.t
  return (
    <span id="cron-actions" class="page-actions">
      <button
        type="button"
        class="button button-primary"
        hx-post={paths.startCron(task.id)}
        hx-confirm={cron.startTitle(task.name)}
        data-confirm-help={`${cron.startHelp(task.node.name ?? task.node.ip)} ${actionText(task)}`}
        data-confirm-yes={cron.start}
      >
        <Icon name="play" />
        {cron.start}
      </button>
      <button
        type="button"
        class="button"
        hx-post={task.enabled ? paths.disableCron(task.id) : paths.enableCron(task.id)}
      >
        <Icon name="power" />
        {task.enabled ? cron.disable : cron.enable}
      </button>
      <a class="button" href={paths.editCron(task.id)}>
        <Icon name="edit" />
        {page.t.action.edit}
      </a>
      <Menu id="cron-menu" label={page.t.action.more}>
        <button
          type="button"
          class="menu-item bad"
          hx-delete={paths.cronTask(task.id)}
          hx-confirm={cron.removeTitle(task.name)}
          data-confirm-help={cron.removeHelp}
          data-confirm-yes={cron.remove}
          data-confirm-danger=""
        >
          <Icon name="trash" />
          {cron.remove}
        </button>
      </Menu>
    </span>
  )
}
