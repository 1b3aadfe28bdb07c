import type { CallsView } from "../../../../src/domain/CallFigures.ts"
import type { CallFormModel } from "../../../CallModels.ts"
import { Callout } from "../../../parts/Field.tsx"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServicePage } from "../ServicePage.tsx"
import { ConsoleCard } from "./Console.tsx"
import { Figures } from "./Figures.tsx"
import { Methods } from "./Methods.tsx"
import { Poison } from "./Poison.tsx"
import { Workers } from "./Workers.tsx"

type Props = {
  page: PageContext
  service: ServiceDetail
  view: CallsView
  /** Undefined: the service is not there to be called by hand. */
  console: CallFormModel | undefined
  /** A method was chosen: its arguments have the focus. */
  chosen?: boolean
}

/** How the service is called: figures of now, by method and by worker. */
export const CallsPage = ({ page, service, view, console, chosen = false }: Props) => (
  <ServicePage page={page} service={service} tab="calls">
    {service.kernel ? (
      <Callout tone="info">
        <p>{page.t.calls.kernelHelp}</p>
      </Callout>
    ) : (
      <>
        <Figures page={page} service={service} view={view} />
        <Poison page={page} view={view} />
        <Methods page={page} serviceId={service.id} view={view} />
        {console !== undefined && <ConsoleCard page={page} model={console} focus={chosen ? "arguments" : "none"} />}
        <Workers page={page} view={view} />
      </>
    )}
  </ServicePage>
)
