import { Callout } from "../../../parts/Field.tsx"
import type { SpecFormModel } from "../../../ProcessModels.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServicePage } from "../ServicePage.tsx"
import { SpecForm } from "./form/SpecForm.tsx"
import { Instances } from "./Instances.tsx"
import { Rollout } from "./Rollout.tsx"

type Props = { page: PageContext; service: ServiceDetail; form: SpecFormModel }

/** How the service's processes are run, how far that has come, and how they run on each node. */
export const ProcessPage = ({ page, service, form }: Props) => (
  <ServicePage page={page} service={service} tab="process">
    {service.kernel ? (
      <Callout tone="info">
        <p>{page.t.process.kernelHelp}</p>
      </Callout>
    ) : (
      <>
        <Rollout page={page} service={service} />
        <Instances page={page} service={service} />
        <SpecForm page={page} serviceId={service.id} model={form} />
      </>
    )}
  </ServicePage>
)
