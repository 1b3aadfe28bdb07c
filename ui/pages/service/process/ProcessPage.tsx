import { type InspectionView, notInspected } from "../../../../src/domain/Inspection.ts"
import { Callout } from "../../../parts/Field.tsx"
import type { SpecFormModel } from "../../../ProcessModels.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { Crashes } from "../crashes/Crashes.tsx"
import { Usage } from "../crashes/Usage.tsx"
import { ServicePage } from "../ServicePage.tsx"
import { SpecForm } from "./form/SpecForm.tsx"
import { Instances } from "./Instances.tsx"
import { Rollout } from "./Rollout.tsx"

type Props = { page: PageContext; service: ServiceDetail; form: SpecFormModel; inspection?: InspectionView }

/** How the service's processes are run, how far that has come, and how they run on each node. */
export const ProcessPage = ({ page, service, form, inspection = notInspected }: Props) => (
  <ServicePage page={page} service={service} tab="process">
    {service.kernel ? (
      <Callout tone="info">
        <p>{page.t.process.kernelHelp}</p>
      </Callout>
    ) : (
      <>
        <Rollout page={page} service={service} />
        <Instances page={page} service={service} />
        <Usage page={page} service={service} view={inspection} />
        <Crashes page={page} service={service} view={inspection} />
        <SpecForm page={page} serviceId={service.id} model={form} />
      </>
    )}
  </ServicePage>
)
