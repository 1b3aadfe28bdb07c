import type { CronFormModel } from "../../CronModels.ts"
import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { CronForm } from "./CronForm.tsx"

type Props = { page: PageContext; model: CronFormModel; zones: ReadonlyArray<string> }

/** Add (`model.id` null) and edit. */
export const CronFormPage = ({ page, model, zones }: Props) => {
  const { cron, nav } = page.t
  const title = model.id === null ? cron.form.newTitle : cron.form.editTitle
  const list = { label: nav.cron, href: paths.cron }
  const crumbs = model.id === null ? [list] : [list, { label: model.values.name, href: paths.cronTask(model.id) }]
  return (
    <Shell page={page} title={title} crumbs={crumbs}>
      <PageHead title={title} />
      <CronForm page={page} model={model} />
      <datalist id="time-zones">
        {zones.map((zone) => (
          <option value={zone}></option>
        ))}
      </datalist>
    </Shell>
  )
}
