import { SelectBox } from "../../parts/BulkBar.tsx"
import { HealthStatus } from "../../parts/HealthStatus.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, ServiceSummary } from "../../ViewModels.ts"

/** `#service-<id>` */
export const ServiceRow = ({ page, service }: { page: PageContext; service: ServiceSummary }) => (
  <tr id={`service-${service.id}`}>
    <td class="check-cell">
      {service.processes !== null && <SelectBox page={page} id={service.id} name={service.name} />}
    </td>
    <td class="cut">
      <a class="row-link" href={paths.service(service.id)}>
        {service.name}
      </a>
      {service.kernel && <span class="pill">{page.t.services.kernel}</span>}
      {!service.kernel && (
        <span class="quiet" title={service.description}>
          {service.description}
        </span>
      )}
    </td>
    <td>
      <HealthStatus page={page} health={service.health} />
    </td>
    <td class="nowrap">
      <ProcessFacts page={page} service={service} />
    </td>
    <td class="nowrap">
      <EndpointFacts page={page} service={service} />
    </td>
    <td class="nowrap">
      <ClientFacts page={page} service={service} />
    </td>
    <td class="number">
      {service.revision === null ? <span class="quiet">–</span> : <code>{`r${service.revision}`}</code>}
    </td>
    <td class="nowrap cut quiet only-wide">
      <Time page={page} at={service.modifiedAt} /> {page.t.services.by(service.modifiedBy)}
    </td>
  </tr>
)

const ProcessFacts = ({ page, service }: { page: PageContext; service: ServiceSummary }) => {
  const { processes } = page.t
  if (service.processes === null) return <span class="quiet">{service.kernel ? "–" : processes.none}</span>
  const { desired, running, stopping, wanted, workers } = service.processes
  if (wanted === 0 && stopping > 0) return <span>{processes.stopping(stopping)}</span>
  if (wanted === 0) return <span class="quiet">{desired === "stopped" ? processes.stopped : processes.nowhere}</span>
  return (
    <>
      <span class={running < wanted ? "bad" : ""}>{processes.running(running, wanted)}</span>
      <span class="quiet">{` · ${processes.ready(workers.ready, workers.want)}`}</span>
    </>
  )
}

const EndpointFacts = ({ page, service }: { page: PageContext; service: ServiceSummary }) => {
  const { total, online, up } = service.endpoints
  if (total === 0) return <span class="quiet">{page.t.services.noEndpoints}</span>
  if (online === 0) return <span class="quiet">{page.t.dashboard.offline(total)}</span>
  return (
    <>
      <span class={up < online ? "bad" : ""}>{page.t.services.upOf(up, online)}</span>
      {online < total && <span class="quiet">{` · ${page.t.dashboard.offline(total - online)}`}</span>}
    </>
  )
}

const ClientFacts = ({ page, service }: { page: PageContext; service: ServiceSummary }) => {
  const { total, current, failed } = service.clients
  if (total === 0) return <span class="quiet">{page.t.services.noClients}</span>
  return (
    <>
      <span class={current < total ? "warn" : ""}>{page.t.services.current(current, total)}</span>
      {failed > 0 && <span class="bad">{` · ${page.t.services.failed(failed)}`}</span>}
    </>
  )
}
