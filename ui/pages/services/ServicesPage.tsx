import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { filterServices, isFiltered, serviceIs } from "../../Lists.ts"
import { Empty } from "../../parts/Empty.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { ListBody, membersVersion } from "../../parts/ListBody.tsx"
import { Search, Segments } from "../../parts/ListTools.tsx"
import { paths } from "../../Paths.ts"
import type { ListQuery, PageContext, ServiceFilter, ServiceSummary } from "../../ViewModels.ts"
import { ServiceRow } from "./ServiceRow.tsx"
import { ServicesBulkBar, ServicesBulkCards, type ServicesJob } from "./ServicesBulk.tsx"

type Props = {
  page: PageContext
  services: ReadonlyArray<ServiceSummary>
  jobs?: ReadonlyArray<ServicesJob>
  query: ListQuery<ServiceFilter>
}

export const ServicesPage = ({ page, services, jobs = [], query }: Props) => (
  <Shell page={page} title={page.t.services.title} topics="services">
    <PageHead
      title={page.t.services.title}
      subtitle={page.t.services.subtitle}
      actions={
        services.length === 0 ? undefined : (
          <a class="button button-primary" href={paths.newService}>
            <Icon name="plus" />
            {page.t.services.add}
          </a>
        )
      }
    />
    <ServicesBulkCards page={page} jobs={jobs} />
    <section class="card" aria-label={page.t.services.title}>
      <div class="tools">
        <Segments
          page={page}
          list="services"
          base={paths.services}
          current={query.filter}
          label={page.t.column.status}
          segments={serviceSegments(page, services)}
        />
        <Search
          list="services"
          base={paths.services}
          filter={query.filter}
          value={query.search}
          label={page.t.services.find}
        />
        <ServicesBulkBar page={page} />
      </div>
      <ListBody list="services" version={servicesVersion(services)} filtered={isFiltered(query)}>
        {isFiltered(query) ? (
          <Filtered page={page} services={filterServices(services, query)} />
        ) : (
          <All page={page} services={services} />
        )}
      </ListBody>
    </section>
  </Shell>
)

/** The counts of the filters, which live updates refresh. */
export const serviceSegments = (page: PageContext, services: ReadonlyArray<ServiceSummary>) => {
  const count = (filter: ServiceFilter | "all") => services.filter((service) => serviceIs(service, filter)).length
  return [
    { key: "all", label: page.t.services.all, count: count("all") },
    { key: "degraded", label: page.t.health.degraded, count: count("degraded") },
    { key: "down", label: page.t.health.down, count: count("down") },
    { key: "off", label: page.t.health.off, count: count("off") },
  ]
}

export const servicesVersion = (services: ReadonlyArray<ServiceSummary>) =>
  membersVersion(services.map((service) => service.id))

const All = ({ page, services }: { page: PageContext; services: ReadonlyArray<ServiceSummary> }) =>
  services.length === 0 ? (
    <Empty icon="services" title={page.t.services.empty} help={page.t.services.emptyHelp} whole>
      <a class="button button-primary" href={paths.newService}>
        <Icon name="plus" />
        {page.t.services.add}
      </a>
    </Empty>
  ) : (
    <Table page={page} services={services} />
  )

const Filtered = ({ page, services }: { page: PageContext; services: ReadonlyArray<ServiceSummary> }) =>
  services.length === 0 ? (
    <Empty icon="filter" title={page.t.services.noMatch} help={page.t.services.noMatchHelp}>
      <a class="button" href={paths.services}>
        {page.t.action.clearFilter}
      </a>
    </Empty>
  ) : (
    <Table page={page} services={services} />
  )

const Table = ({ page, services }: { page: PageContext; services: ReadonlyArray<ServiceSummary> }) => (
  <div class="table-wrap">
    <table class="table table-fixed table-hover table-wide" data-select="bulk">
      <colgroup>
        <col class="width-check" />
        <col />
        <col class="width-status" />
        <col class="width-fact" />
        <col class="width-fact" />
        <col class="width-fact" />
        <col class="width-small" />
        <col class="width-fact only-wide" />
      </colgroup>
      <thead>
        <tr>
          <th class="check-cell">
            <input type="checkbox" class="checkbox" data-select-all="" aria-label={page.t.action.selectAll} />
          </th>
          <th scope="col">{page.t.column.service}</th>
          <th scope="col">{page.t.column.status}</th>
          <th scope="col">{page.t.column.process}</th>
          <th scope="col">{page.t.column.endpoints}</th>
          <th scope="col">{page.t.column.clients}</th>
          <th scope="col" class="number">
            {page.t.column.revision}
          </th>
          <th scope="col" class="only-wide">
            {page.t.column.modified}
          </th>
        </tr>
      </thead>
      <tbody>
        {services.map((service) => (
          <ServiceRow page={page} service={service} />
        ))}
      </tbody>
    </table>
  </div>
)
