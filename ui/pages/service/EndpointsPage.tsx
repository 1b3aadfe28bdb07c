import { Empty } from "../../parts/Empty.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { ListBody, membersVersion } from "../../parts/ListBody.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../ViewModels.ts"
import { endpointElementId } from "./EndpointKey.ts"
import { EndpointRow } from "./EndpointRow.tsx"
import { ServicePage } from "./ServicePage.tsx"

type Props = { page: PageContext; service: ServiceDetail }

/** What an operator set, what was seen, and what clients are told: three columns, never one. */
export const EndpointsPage = ({ page, service }: Props) => (
  <ServicePage page={page} service={service} tab="endpoints">
    <section class="card" aria-label={page.t.endpoints.title}>
      <ListBody list="endpoints" version={endpointsVersion(service)}>
        {service.endpointsList.length === 0 ? (
          <NoEndpoints page={page} service={service} />
        ) : (
          <Table page={page} service={service} />
        )}
      </ListBody>
    </section>
  </ServicePage>
)

export const endpointsVersion = (service: ServiceDetail) => membersVersion(service.endpointsList.map(endpointElementId))

const NoEndpoints = ({ page, service }: Props) => {
  const { endpoints } = page.t
  return service.kernel ? (
    <Empty icon="endpoints" title={endpoints.emptyKernel} help={endpoints.emptyKernelHelp}>
      <a class="button" href={paths.nodes}>
        {page.t.nav.nodes}
      </a>
    </Empty>
  ) : (
    <Empty icon="endpoints" title={endpoints.empty} help={endpoints.emptyHelp}>
      <a class="button button-primary" href={paths.editService(service.id)}>
        <Icon name="plus" />
        {endpoints.add}
      </a>
    </Empty>
  )
}

const Table = ({ page, service }: Props) => {
  const { column } = page.t
  return (
    <>
      <EndpointsSummary page={page} service={service} />
      <div class="table-wrap">
        <table class="table table-fixed table-hover table-wide">
          <colgroup>
            <col class="width-name" />
            <col class="width-state" />
            <col />
            <col class="width-state" />
            <col class="width-small" />
            <col class="width-workers" />
            <col class="width-action" />
          </colgroup>
          <thead>
            <tr>
              <th scope="col">{column.address}</th>
              <th scope="col">{column.desired}</th>
              <th scope="col">{column.observed}</th>
              <th scope="col">{column.effective}</th>
              <th scope="col" class="number">
                {column.weight}
              </th>
              <th scope="col">{column.workers}</th>
              <th scope="col">
                <span class="hidden">{column.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {service.endpointsList.map((endpoint) => (
              <EndpointRow page={page} service={service} endpoint={endpoint} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="card-foot quiet">{service.kernel ? page.t.service.kernelHelp : page.t.endpoints.legend}</p>
    </>
  )
}

/** `#endpoints-summary` */
export const EndpointsSummary = ({ page, service }: Props) => {
  const text = page.t.service
  const online = service.endpointsList.filter((endpoint) => endpoint.desired.status === "online").length
  return (
    <div id="endpoints-summary" class="tools">
      <p>
        <b>{page.t.endpoints.summary(online, service.endpointsList.length)}</b>{" "}
        {service.revision !== null && <code class="tag">{page.t.push.revision(service.revision)}</code>}{" "}
        {service.releasedAt === null ? (
          <span class="quiet">{text.notReleased}</span>
        ) : (
          <span class="quiet">
            {text.released} <Time page={page} at={service.releasedAt} />{" "}
            {service.releasedBy !== null && text.by(service.releasedBy)}
          </span>
        )}
      </p>
      {!service.kernel && (
        <a class="button button-small push-right" href={paths.editService(service.id)}>
          <Icon name="edit" />
          {page.t.endpoints.change}
        </a>
      )}
    </div>
  )
}
