import { clientIs, filterClients, isFiltered } from "../../Lists.ts"
import { Empty } from "../../parts/Empty.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { ListBody, membersVersion } from "../../parts/ListBody.tsx"
import { Search, Segments } from "../../parts/ListTools.tsx"
import { paths } from "../../Paths.ts"
import type { ClientFilter, ClientView, ListQuery, PageContext, PushJob, ServiceDetail } from "../../ViewModels.ts"
import { ClientRow } from "./ClientRow.tsx"
import { PushCard } from "./PushCard.tsx"
import { ServicePage } from "./ServicePage.tsx"

type Props = { page: PageContext; service: ServiceDetail }
type PageProps = Props & { job: PushJob | undefined; query: ListQuery<ClientFilter> }

export const ClientsPage = ({ page, service, job, query }: PageProps) => (
  <ServicePage page={page} service={service} tab="clients">
    <PushCard page={page} service={service} job={job} />
    <section class="card" aria-label={page.t.clients.title}>
      <Tools page={page} service={service} query={query} />
      <ListBody list="clients" version={clientsVersion(service)} filtered={isFiltered(query)}>
        {isFiltered(query) ? (
          <Filtered page={page} service={service} query={query} />
        ) : (
          <All page={page} service={service} />
        )}
      </ListBody>
    </section>
  </ServicePage>
)

/** The counts of the filters, which live updates refresh. */
export const clientSegments = (page: PageContext, service: ServiceDetail) => {
  const { clients } = page.t
  const count = (filter: ClientFilter | "all") =>
    service.clientsList.filter((client) => clientIs(client, service.revision, filter)).length
  return [
    { key: "all", label: clients.all, count: count("all") },
    { key: "behind", label: clients.behindFilter, count: count("behind") },
    { key: "failed", label: clients.failedFilter, count: count("failed") },
    { key: "away", label: clients.awayFilter, count: count("away") },
  ]
}

const Tools = ({ page, service, query }: Props & { query: ListQuery<ClientFilter> }) => {
  const { clients } = page.t
  const base = paths.tab(service.id, "clients")
  return (
    <div class="tools">
      <Segments
        page={page}
        list="clients"
        base={base}
        current={query.filter}
        label={page.t.column.status}
        segments={clientSegments(page, service)}
      />
      <Search list="clients" base={base} filter={query.filter} value={query.search} label={clients.find} />
      <form id="bulk" class="bulk" hx-get={paths.pushPreview(service.id)} hx-target="#dialogs" hx-swap="innerHTML">
        <span data-selected={clients.selectedMark} class="quiet"></span>
        <button class="button button-small">
          <Icon name="push" />
          {clients.pushSelected}
        </button>
      </form>
      <AddButton page={page} service={service} />
    </div>
  )
}

const AddButton = ({ page, service, primary = false }: Props & { primary?: boolean }) => (
  <button
    type="button"
    class={primary ? "button button-primary" : "button button-small push-right"}
    hx-get={paths.addClients(service.id)}
    hx-target="#dialogs"
    hx-swap="innerHTML"
  >
    <Icon name="plus" />
    {page.t.clients.add}
  </button>
)

export const clientsVersion = (service: ServiceDetail) => membersVersion(service.clientsList.map((client) => client.id))

const All = ({ page, service }: Props) =>
  service.clientsList.length === 0 ? (
    <Empty icon="clients" title={page.t.clients.empty} help={page.t.clients.emptyHelp} whole>
      <AddButton page={page} service={service} primary />
    </Empty>
  ) : (
    <Table page={page} service={service} clients={service.clientsList} />
  )

const Filtered = ({ page, service, query }: Props & { query: ListQuery<ClientFilter> }) => {
  const clients = filterClients(service.clientsList, service.revision, query)
  return clients.length === 0 ? (
    <Empty icon="filter" title={page.t.clients.noMatch} help={page.t.clients.noMatchHelp}>
      <a class="button" href={paths.tab(service.id, "clients")}>
        {page.t.action.clearFilter}
      </a>
    </Empty>
  ) : (
    <Table page={page} service={service} clients={clients} />
  )
}

const Table = ({ page, service, clients }: Props & { clients: ReadonlyArray<ClientView> }) => {
  const { column } = page.t
  return (
    <div class="table-wrap">
      <table class="table table-fixed table-hover table-wide" data-select="bulk">
        <colgroup>
          <col class="width-check" />
          <col class="width-name" />
          <col class="width-revision" />
          <col class="width-time" />
          <col />
          <col class="width-action" />
        </colgroup>
        <thead>
          <tr>
            <th class="check-cell">
              <input type="checkbox" class="checkbox" data-select-all="" aria-label={page.t.action.selectAll} />
            </th>
            <th scope="col">{column.client}</th>
            <th scope="col">{column.revision}</th>
            <th scope="col">{column.acked}</th>
            <th scope="col">{column.result}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <ClientRow page={page} service={service} client={client} />
          ))}
        </tbody>
      </table>
    </div>
  )
}
