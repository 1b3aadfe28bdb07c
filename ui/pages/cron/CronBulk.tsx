import { BulkBar, BulkButton } from "../../parts/BulkBar.tsx"
import { BulkCard, BulkCards, BulkToast, isDone } from "../../parts/BulkCard.tsx"
import { UndoButton } from "../../parts/Toast.tsx"
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

/** Brings back all that were deleted. */
const Undo = ({ page, job }: Props) => {
  const ids = job.items.filter(isDone).map(({ id }) => id)
  if (job.action !== "remove" || ids.length === 0) return <></>
  return <UndoButton page={page} path={paths.cronBulk} values={{ action: "restore", ids: ids.join(",") }} />
}

export const CronBulkCards = ({ page, jobs }: { page: PageContext; jobs: ReadonlyArray<CronJob> }) => (
  <BulkCards>
    {jobs.map((job) => (
      <BulkCard
        page={page}
        job={job}
        words={page.t.cron.bulk}
        path={paths.cronBulk}
        linkOf={(id) => (job.action === "remove" ? undefined : paths.cronTask(id))}
      >
        <Undo page={page} job={job} />
      </BulkCard>
    ))}
  </BulkCards>
)

export const CronBulkToast = ({ page, job }: Props) => (
  <BulkToast page={page} job={job} words={page.t.cron.bulk}>
    <Undo page={page} job={job} />
  </BulkToast>
)
