import { BulkBar, BulkButton } from "../../parts/BulkBar.tsx"
import { BulkCard, countItems, NoBulkCard } from "../../parts/BulkCard.tsx"
import { Toast, UndoButton } from "../../parts/Toast.tsx"
import { paths } from "../../Paths.ts"
import type { BulkJob, PageContext } from "../../ViewModels.ts"

export type CronJob = BulkJob<"enable" | "disable" | "start" | "remove" | "restore">
type Props = { page: PageContext; job: CronJob }

const icons = { start: "play", enable: "power", disable: "pause", remove: "trash" } as const

/** What can be done with the chosen tasks. */
export const CronBulkBar = ({ page }: { page: PageContext }) => {
  const { cron } = page.t
  const { confirm, help } = cron.bulk
  const confirms = {
    start: { title: confirm.start, help: help.start },
    enable: undefined,
    disable: { title: confirm.disable, help: help.disable },
    remove: { title: confirm.remove, help: help.remove, danger: true },
  }
  return (
    <BulkBar page={page} path={paths.cronBulk}>
      {(["start", "enable", "disable", "remove"] as const).map((action) => (
        <BulkButton
          path={paths.cronBulk}
          action={action}
          icon={icons[action]}
          label={cron[action]}
          confirm={confirms[action]}
        />
      ))}
    </BulkBar>
  )
}

const isDone = ({ state }: CronJob["items"][number]) => state === "done" || state === "kept"

const finishedText = ({ t: { cron } }: PageContext, job: CronJob) =>
  cron.bulk.finished[job.action](countItems(job, "done", "kept"), job.items.length)

/** Brings back all that were deleted. */
const Undo = ({ page, job }: Props) => {
  const ids = job.items.filter(isDone).map(({ id }) => id)
  if (job.action !== "remove" || ids.length === 0) return <></>
  return <UndoButton page={page} path={paths.cronBulk} values={{ action: "restore", ids: ids.join(",") }} />
}

export const CronBulkCard = ({ page, job }: { page: PageContext; job: CronJob | null }) => {
  const { bulk } = page.t.cron
  if (job === null) return <NoBulkCard />
  const isRunning = job.endedAt === null
  return (
    <BulkCard
      page={page}
      job={job}
      path={paths.cronBulk}
      label={bulk.label}
      title={isRunning ? bulk.running[job.action] : finishedText(page, job)}
      linkOf={(id) => (job.action === "remove" ? undefined : paths.cronTask(id))}
    >
      <Undo page={page} job={job} />
    </BulkCard>
  )
}

/** How it went, or that it has begun; the card tells of each task. */
export const CronBulkToast = ({ page, job }: Props) => {
  if (job.endedAt === null) return <Toast page={page} tone="info" text={page.t.cron.bulk.begun(job.items.length)} />
  const tone = job.items.every(isDone) ? "ok" : "bad"
  return (
    <Toast page={page} tone={tone} text={finishedText(page, job)}>
      <Undo page={page} job={job} />
    </Toast>
  )
}
