import { BulkBar, BulkButton } from "../../parts/BulkBar.tsx"
import { BulkCard, BulkCards, BulkToast } from "../../parts/BulkCard.tsx"
import { paths } from "../../Paths.ts"
import type { BulkJob, PageContext } from "../../ViewModels.ts"

export type ServicesJob = BulkJob<"start" | "stop" | "restart" | "reload">

const icons = { start: "power", stop: "power", restart: "refresh", reload: "restart" } as const

/** What can be done with the chosen services. */
export const ServicesBulkBar = ({ page }: { page: PageContext }) => {
  const { bulk, deed, process } = page.t
  const confirms = {
    start: undefined,
    reload: { title: bulk.confirm.reload, help: process.reloadHelp },
    restart: { title: bulk.confirm.restart, help: deed.help.restart },
    stop: { title: bulk.confirm.stop, help: deed.help.stop, danger: true },
  }
  return (
    <BulkBar page={page} path={paths.bulk}>
      {(["start", "reload", "restart", "stop"] as const).map((action) => (
        <BulkButton
          path={paths.bulk}
          action={action}
          icon={icons[action]}
          label={bulk.title[action]}
          confirm={confirms[action]}
        />
      ))}
    </BulkBar>
  )
}

export const ServicesBulkCards = ({ page, jobs }: { page: PageContext; jobs: ReadonlyArray<ServicesJob> }) => (
  <BulkCards>
    {jobs.map((job) => (
      <BulkCard page={page} job={job} words={page.t.bulk} path={paths.bulk} linkOf={(id) => paths.tab(id, "process")} />
    ))}
  </BulkCards>
)

export const ServicesBulkToast = ({ page, job }: { page: PageContext; job: ServicesJob }) => (
  <BulkToast page={page} job={job} words={page.t.bulk} />
)
