import { Bar } from "../../parts/Bar.tsx"
import { Card } from "../../parts/Card.tsx"
import { Status } from "../../parts/Status.tsx"
import { healthTone } from "../../parts/HealthStatus.tsx"
import { paths } from "../../Paths.ts"
import type { DashboardModel, Health, PageContext, ServiceSummary } from "../../ViewModels.ts"

const shownMax = 10
const order: ReadonlyArray<Health> = ["down", "degraded", "unknown", "off", "healthy"]

const worstFirst = (services: ReadonlyArray<ServiceSummary>) =>
  services.toSorted((a, b) => order.indexOf(a.health) - order.indexOf(b.health))

/** `#dashboard-services`: the services at a glance, the worst first. */
export const ServicesCard = ({ page, model }: { page: PageContext; model: DashboardModel }) => (
  <Card
    id="dashboard-services"
    title={page.t.nav.services}
    actions={<a href={paths.services}>{page.t.dashboard.allServices}</a>}
  >
    <div class="table-wrap">
      <table class="table table-glance">
        <colgroup>
          <col />
          <col class="width-small" />
          <col class="width-workers" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{page.t.column.service}</th>
            <th scope="col" colspan={2}>
              {page.t.column.endpoints}
            </th>
          </tr>
        </thead>
        <tbody>
          {worstFirst(model.services)
            .slice(0, shownMax)
            .map((service) => (
              <Row page={page} service={service} />
            ))}
        </tbody>
      </table>
    </div>
  </Card>
)

const endpointsText = (page: PageContext, { endpoints }: ServiceSummary) => {
  if (endpoints.total === 0) return page.t.services.noEndpoints
  if (endpoints.online === 0) return page.t.dashboard.offline(endpoints.total)
  return page.t.services.upOf(endpoints.up, endpoints.online)
}

const Row = ({ page, service }: { page: PageContext; service: ServiceSummary }) => {
  const { total, online, up } = service.endpoints
  const label = endpointsText(page, service)
  return (
    <tr>
      <td class="cut" title={service.name}>
        <Status tone={healthTone[service.health]}>
          <a class="row-link" href={paths.service(service.id)}>
            {service.name}
          </a>
          <span class="hidden">{page.t.health[service.health]}</span>
        </Status>
      </td>
      <td class="bar-cell">
        <Bar
          label={label}
          parts={[
            { tone: "ok", count: up },
            { tone: "bad", count: online - up },
            { tone: "off", count: total - online },
          ]}
        />
      </td>
      <td class="number quiet">{label}</td>
    </tr>
  )
}
