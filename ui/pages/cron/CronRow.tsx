import { type CronTaskView, runAt } from "../../../src/domain/CronView.ts"
import { SelectBox } from "../../parts/BulkBar.tsx"
import { IconButton } from "../../parts/IconButton.tsx"
import { Status } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { actionText } from "./ActionText.ts"
import { placeText, placeTone } from "./PlaceText.ts"
import { RunDuration, RunStatus } from "./RunStatus.tsx"
import { scheduleWords } from "./ScheduleWords.ts"

type Props = { page: PageContext; task: CronTaskView }

/** `#cron-<id>` */
export const CronRow = ({ page, task }: Props) => (
  <tr id={`cron-${task.id}`}>
    <td class="check-cell">
      <SelectBox page={page} id={task.id} name={task.name} />
    </td>
    <td class="cut">
      <a class="row-link" href={paths.cronTask(task.id)}>
        {task.name}
      </a>
      <span class="quiet mono" title={actionText(task)}>
        {actionText(task)}
      </span>
    </td>
    <td class="cut">
      <Where page={page} task={task} />
    </td>
    <td class="cut">
      <When page={page} task={task} />
    </td>
    <td class="nowrap cut">
      <Last page={page} task={task} />
    </td>
    <td class="nowrap cut">
      <Next page={page} task={task} />
    </td>
    <td class="actions">
      <StartButton page={page} task={task} />
    </td>
  </tr>
)

const Where = ({ page, task }: Props) => {
  const { node, place } = task
  const shown = node.name ?? node.ip
  const text = placeText(page, task)
  if (text === undefined) return <span title={node.ip}>{shown}</span>
  return (
    <span title={text}>
      <Status tone={placeTone(task)}>{place.state === "waiting" ? `${place.nodeName} → ${shown}` : shown}</Status>
    </span>
  )
}

const When = ({ page, task }: Props) => {
  const { expression, words, zone } = scheduleWords(page, task.schedule)
  const isRaw = expression === null && zone !== null
  return (
    <span title={[expression, zone].filter((part) => part !== null).join(" ")}>
      {isRaw ? <code>{words}</code> : words} {zone !== null && <span class="quiet small">{zone}</span>}
    </span>
  )
}

const Last = ({ page, task }: Props) => {
  const { last, running } = task
  if (last === null) {
    if (running > 0) return <RunStatus page={page} state="running" />
    return <span class="quiet">{page.t.cron.never}</span>
  }
  if (last.state === "running")
    return (
      <>
        <RunStatus page={page} state="running" />{" "}
        <span class="quiet">
          <RunDuration page={page} run={last} />
          {running > 1 && ` · ${page.t.cron.runningNow(running)}`}
        </span>
      </>
    )
  // One that goes on is the news, not that another was skipped for it.
  const isBusy = running > 0
  return (
    <>
      <RunStatus page={page} state={isBusy ? "running" : last.state} />{" "}
      <span class="quiet">
        {running > 1 && `${page.t.cron.runningNow(running)} `}
        {isBusy ? `· ${page.t.cron.state[last.state]} ` : <RunDuration page={page} run={last} />}
        {!isBusy && last.startedAt !== null && " · "}
        <Time page={page} at={runAt(last)} />
      </span>
    </>
  )
}

export const Next = ({ page, task }: Props) => {
  if (!task.enabled) return <Status tone="off">{page.t.cron.disabled}</Status>
  return task.nextAt === null ? (
    <span class="quiet">{task.place.state === "here" ? page.t.cron.noNext : "–"}</span>
  ) : (
    <Time page={page} at={task.nextAt} />
  )
}

const StartButton = ({ page, task }: Props) => {
  const { cron } = page.t
  return (
    <IconButton
      icon="play"
      label={cron.startOf(task.name)}
      with={{
        "hx-post": paths.startCron(task.id),
        "hx-confirm": cron.startTitle(task.name),
        "data-confirm-help": `${cron.startHelp(task.node.name ?? task.node.ip)} ${actionText(task)}`,
        "data-confirm-yes": cron.start,
      }}
    />
  )
}
