import type { CronTaskView } from "../src/domain/CronView.ts"
import { actionText } from "./pages/cron/ActionText.ts"
import type { CronFilter } from "./CronModels.ts"
import type {
  ClientFilter,
  ClientView,
  ListQuery,
  LogsQuery,
  NodeFilter,
  NodeView,
  ServiceFilter,
  ServiceSummary,
} from "./ViewModels.ts"

const serviceFilters = ["degraded", "down", "off"] as const satisfies ReadonlyArray<ServiceFilter>
const clientFilters = ["behind", "failed", "away"] as const satisfies ReadonlyArray<ClientFilter>
const nodeFilters = ["connected", "away", "revoked"] as const satisfies ReadonlyArray<NodeFilter>

const cronFilters = ["running", "failing", "off"] as const satisfies ReadonlyArray<CronFilter>

const reader =
  <Filter extends string>(filters: ReadonlyArray<Filter>) =>
  (url: URLSearchParams): ListQuery<Filter> => ({
    filter: filters.find((filter) => filter === url.get("f")) ?? "all",
    search: (url.get("q") ?? "").trim(),
  })

/** The view of a list as its URL says it; what it does not know is "all". */
export const readServicesQuery = reader<ServiceFilter>(serviceFilters)
export const readClientsQuery = reader<ClientFilter>(clientFilters)
export const readNodesQuery = reader<NodeFilter>(nodeFilters)
export const readCronQuery = reader<CronFilter>(cronFilters)

/** Whether a list shows only a part; live updates then change rows, but bring no new ones. */
export const isFiltered = (query: ListQuery<string>) => query.filter !== "all" || query.search !== ""

const contains = (search: string, ...texts: ReadonlyArray<string | null>) =>
  search === "" || texts.some((text) => text !== null && text.toLowerCase().includes(search.toLowerCase()))

export const serviceIs = (service: ServiceSummary, filter: ServiceFilter | "all") =>
  filter === "all" || service.health === filter

export const filterServices = (services: ReadonlyArray<ServiceSummary>, query: ListQuery<ServiceFilter>) =>
  services.filter(
    (service) => serviceIs(service, query.filter) && contains(query.search, service.name, service.description),
  )

/** What a client's row says first. A client that has the released revision is current, whatever failed before. */
export const clientState = (client: ClientView, revision: number | null): "current" | "failed" | "behind" => {
  if (revision !== null && client.revision !== null && client.revision >= revision) return "current"
  return client.error === null ? "behind" : "failed"
}

export const clientIs = (client: ClientView, revision: number | null, filter: ClientFilter | "all") => {
  if (filter === "all") return true
  if (filter === "away") return client.connection !== "connected"
  return clientState(client, revision) === filter
}

export const filterClients = (
  clients: ReadonlyArray<ClientView>,
  revision: number | null,
  query: ListQuery<ClientFilter>,
) =>
  clients.filter(
    (client) => clientIs(client, revision, query.filter) && contains(query.search, client.ip, client.nodeName),
  )

export const nodeIs = (node: NodeView, filter: NodeFilter | "all") => {
  if (filter === "all") return true
  if (filter === "away") return node.connection === "away" || node.connection === "never"
  return node.connection === filter
}

export const filterNodes = (nodes: ReadonlyArray<NodeView>, query: ListQuery<NodeFilter>) =>
  nodes.filter((node) => nodeIs(node, query.filter) && contains(query.search, node.name, node.ip))

/** A run that ended badly, or a task that its node does not have as it should. */
const isFailing = ({ last, place }: CronTaskView) =>
  ["failed", "timeout", "lost"].includes(last?.state ?? "") || !["here", "sending"].includes(place.state)

export const cronIs = (task: CronTaskView, filter: CronFilter | "all") => {
  if (filter === "all") return true
  if (filter === "running") return task.running > 0
  return filter === "off" ? !task.enabled : isFailing(task)
}

export const filterCron = (tasks: ReadonlyArray<CronTaskView>, query: ListQuery<CronFilter>) =>
  tasks.filter(
    (task) =>
      cronIs(task, query.filter) && contains(query.search, task.name, task.node.name, task.node.ip, actionText(task)),
  )

/** How a log is looked at, as its URL says it. */
export const readLogsQuery = (url: URLSearchParams): LogsQuery => {
  const text = (name: string) => (url.get(name) ?? "").trim()
  return {
    search: text("search"),
    node: text("node"),
    place: text("place"),
    stream: text("stream"),
    level: text("level").toLowerCase(),
    from: text("from"),
    to: text("to"),
    wrap: url.get("wrap") !== "0",
  }
}
