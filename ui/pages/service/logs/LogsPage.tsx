import { Empty } from "../../../parts/Empty.tsx"
import { Callout } from "../../../parts/Field.tsx"
import type { LogsQuery, PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServicePage } from "../ServicePage.tsx"
import { LogView } from "./LogView.tsx"

type Props = { page: PageContext; service: ServiceDetail; query: LogsQuery }

/** What the processes of a service print, on all its nodes, as it comes. */
export const LogsPage = ({ page, service, query }: Props) => {
  const { logs } = page.t
  return (
    <ServicePage page={page} service={service} tab="logs">
      {service.kernel ? (
        <Callout tone="info">
          <p>{logs.kernelHelp}</p>
        </Callout>
      ) : service.process === null ? (
        <section class="card" aria-label={logs.title}>
          <Empty icon="logs" title={logs.noProcess} help={logs.noProcessHelp} whole />
        </section>
      ) : (
        <LogView page={page} service={service} query={query} />
      )}
    </ServicePage>
  )
}
