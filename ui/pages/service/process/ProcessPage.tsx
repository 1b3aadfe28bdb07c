import { type InspectionView, notInspected } from "../../../../src/domain/Inspection.ts"
import { Callout } from "../../../parts/Field.tsx"
import type { PageContext, ProcessFormModel, ServiceDetail } from "../../../ViewModels.ts"
import { Crashes } from "../crashes/Crashes.tsx"
import { Usage } from "../crashes/Usage.tsx"
import { Instances } from "./Instances.tsx"
import { ProcessForm } from "./ProcessForm.tsx"
import { ServicePage } from "../ServicePage.tsx"

type Props = { page: PageContext; service: ServiceDetail; form: ProcessFormModel; inspection?: InspectionView }

/** How the service's processes are run, and how they run on each node. */
export const ProcessPage = ({ page, service, form, inspection = notInspected }: Props) => (
  <ServicePage page={page} service={service} tab="process">
    {service.kernel ? (
      <Callout tone="info">
        <p>{page.t.process.kernelHelp}</p>
      </Callout>
    ) : (
      <>
        <Instances page={page} service={service} />
        <Usage page={page} service={service} view={inspection} />
        <Crashes page={page} service={service} view={inspection} />
        <ProcessForm page={page} serviceId={service.id} model={form} />
      </>
    )}
  </ServicePage>
)
