import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, ServiceFormModel } from "../../ViewModels.ts"
import { ServiceForm } from "./ServiceForm.tsx"

/** Create (`model.id` null) and edit. */
export const ServiceFormPage = ({ page, model }: { page: PageContext; model: ServiceFormModel }) => {
  const { form, nav } = page.t
  const title = model.id === null ? form.newTitle : form.editTitle
  const list = { label: nav.services, href: paths.services }
  const crumbs = model.id === null ? [list] : [list, { label: model.values.name, href: paths.service(model.id) }]
  return (
    <Shell page={page} title={title} crumbs={crumbs}>
      <PageHead title={title} />
      <ServiceForm page={page} model={model} />
    </Shell>
  )
}
