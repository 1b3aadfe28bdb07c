import type { CronRunsView, CronTaskView } from "../src/domain/CronView.ts"
import type { Child } from "hono/jsx"
import type { CallsView } from "../src/domain/CallFigures.ts"
import type { InspectionView } from "../src/domain/Inspection.ts"
import type { TasksView } from "../src/domain/TaskFigures.ts"
import { Attention } from "./pages/dashboard/Attention.tsx"
import { FirstSteps } from "./pages/dashboard/FirstSteps.tsx"
import { ServicesCard } from "./pages/dashboard/ServicesCard.tsx"
import { Tiles } from "./pages/dashboard/Tiles.tsx"
import { NodeRow } from "./pages/nodes/NodeRow.tsx"
import { nodeSegments, nodesVersion } from "./pages/nodes/NodesPage.tsx"
import { TokensCard } from "./pages/nodes/TokensCard.tsx"
import { ClientRow } from "./pages/service/ClientRow.tsx"
import { clientSegments, clientsVersion } from "./pages/service/ClientsPage.tsx"
import { Figures } from "./pages/service/calls/Figures.tsx"
import { Methods } from "./pages/service/calls/Methods.tsx"
import { Poison } from "./pages/service/calls/Poison.tsx"
import { Workers } from "./pages/service/calls/Workers.tsx"
import { Crashes } from "./pages/service/crashes/Crashes.tsx"
import { Usage } from "./pages/service/crashes/Usage.tsx"
import { CronBulkCards, type CronJob } from "./pages/cron/CronBulk.tsx"
import { CronFacts } from "./pages/cron/CronFacts.tsx"
import { CronActions, CronState } from "./pages/cron/CronHead.tsx"
import { cronSegments, cronVersion } from "./pages/cron/CronPage.tsx"
import { CronRow } from "./pages/cron/CronRow.tsx"
import { CronRuns } from "./pages/cron/CronRuns.tsx"
import { Place } from "./pages/cron/Place.tsx"
import { DraftBanner } from "./pages/service/DraftBanner.tsx"
import { endpointElementId } from "./pages/service/EndpointKey.ts"
import { EndpointRow } from "./pages/service/EndpointRow.tsx"
import { EndpointsSummary, endpointsVersion } from "./pages/service/EndpointsPage.tsx"
import { Instances } from "./pages/service/process/Instances.tsx"
import { PushCard } from "./pages/service/PushCard.tsx"
import { Letters } from "./pages/service/tasks/Letters.tsx"
import { Queues } from "./pages/service/tasks/Queues.tsx"
import { ServiceStatus, TabCount } from "./pages/service/ServiceHead.tsx"
import { Rollout } from "./pages/service/process/Rollout.tsx"
import { ServiceRow } from "./pages/services/ServiceRow.tsx"
import { ServicesBulkCards, type ServicesJob } from "./pages/services/ServicesBulk.tsx"
import { serviceSegments, servicesVersion } from "./pages/services/ServicesPage.tsx"
import { formatNumber } from "./parts/Format.ts"
import { Members } from "./parts/ListBody.tsx"
import type { Segment } from "./parts/ListTools.tsx"
import { Partial } from "./parts/Partial.tsx"
import { render } from "./Render.ts"
import type {
  DashboardModel,
  NodeView,
  PageContext,
  PushJob,
  ServiceDetail,
  ServiceSummary,
  TokenView,
} from "./ViewModels.ts"

/**
 * One part of a page as it is now, ready for the stream: the same component that drew it first. `key` is its element's
 * id; a page that has no such element ignores it, so one topic serves all tabs and all filters.
 */
export type LiveFragment = { readonly key: string; readonly html: string }

const fragment = (key: string, node: Child, swap?: "innerHTML"): LiveFragment => ({
  key,
  html: render(
    <Partial target={`#${key}`} {...(swap === undefined ? {} : { swap })}>
      {node}
    </Partial>,
  ),
})

const counts = (page: PageContext, list: string, segments: ReadonlyArray<Segment>) =>
  segments.map(({ key, count }) => fragment(`${list}-count-${key}`, formatNumber(page.lang, count), "innerHTML"))

const members = (list: string, version: string) =>
  fragment(`${list}-members`, <Members list={list} version={version} />)

/** The dashboard; topics `services`, `nodes` and `cron`. */
export const liveDashboard = (page: PageContext, model: DashboardModel): ReadonlyArray<LiveFragment> => [
  fragment("tiles", <Tiles page={page} model={model} />),
  fragment("first-steps", <FirstSteps page={page} model={model} />),
  fragment("attention", <Attention page={page} model={model} />),
  fragment("dashboard-services", <ServicesCard page={page} model={model} />),
]

/** The list of services; topic `services`. */
export const liveServices = (
  page: PageContext,
  services: ReadonlyArray<ServiceSummary>,
  jobs: ReadonlyArray<ServicesJob> = [],
): ReadonlyArray<LiveFragment> => [
  fragment("bulk-job", <ServicesBulkCards page={page} jobs={jobs} />),
  members("services", servicesVersion(services)),
  ...counts(page, "services", serviceSegments(page, services)),
  ...services.map((service) => fragment(`service-${service.id}`, <ServiceRow page={page} service={service} />)),
]

const serviceHead = (page: PageContext, service: ServiceDetail): ReadonlyArray<LiveFragment> => [
  fragment("service-status", <ServiceStatus page={page} service={service} />),
  fragment("tab-count-endpoints", <TabCount page={page} tab="endpoints" count={service.endpointsList.length} />),
  fragment("tab-count-clients", <TabCount page={page} tab="clients" count={service.clientsList.length} />),
  fragment("draft", <DraftBanner page={page} service={service} />),
]

/** The calls of one service; topic `calls:<id>`. */
export const liveCalls = (page: PageContext, service: ServiceDetail, view: CallsView): ReadonlyArray<LiveFragment> => [
  ...serviceHead(page, service),
  fragment("calls-figures", <Figures page={page} service={service} view={view} />),
  fragment("calls-methods", <Methods page={page} serviceId={service.id} view={view} />),
  fragment("calls-workers", <Workers page={page} view={view} />),
  fragment("calls-poison", <Poison page={page} view={view} />),
]

/** The queued work of one service; topic `tasks:<id>`. */
export const liveTasks = (page: PageContext, service: ServiceDetail, view: TasksView): ReadonlyArray<LiveFragment> => [
  ...serviceHead(page, service),
  fragment("task-queues", <Queues page={page} service={service} view={view} />),
  fragment("task-letters", <Letters page={page} service={service} view={view} />),
]

/** How the processes of one service do, beside what the tab has of the service itself; topic `care:<id>`. */
export const liveCare = (
  page: PageContext,
  service: ServiceDetail,
  view: InspectionView,
): ReadonlyArray<LiveFragment> => [
  fragment("usage", <Usage page={page} service={service} view={view} />),
  fragment("crashes", <Crashes page={page} service={service} view={view} />),
]

/** The tabs of one service; topic `service:<id>`. */
export const liveService = (
  page: PageContext,
  service: ServiceDetail,
  job: PushJob | undefined,
): ReadonlyArray<LiveFragment> => [
  ...serviceHead(page, service),
  fragment("push", <PushCard page={page} service={service} job={job} />),
  members("clients", clientsVersion(service)),
  ...counts(page, "clients", clientSegments(page, service)),
  ...service.clientsList.map((client) =>
    fragment(`client-${client.id}`, <ClientRow page={page} service={service} client={client} />),
  ),
  members("endpoints", endpointsVersion(service)),
  fragment("endpoints-summary", <EndpointsSummary page={page} service={service} />),
  ...service.endpointsList.map((endpoint) =>
    fragment(endpointElementId(endpoint), <EndpointRow page={page} service={service} endpoint={endpoint} />),
  ),
  fragment("rollout", <Rollout page={page} service={service} />),
  fragment("instances", <Instances page={page} service={service} />),
]

/** The list of cron tasks; topic `cron`. */
export const liveCron = (
  page: PageContext,
  tasks: ReadonlyArray<CronTaskView>,
  jobs: ReadonlyArray<CronJob> = [],
): ReadonlyArray<LiveFragment> => [
  fragment("bulk-job", <CronBulkCards page={page} jobs={jobs} />),
  members("cron", cronVersion(tasks)),
  ...counts(page, "cron", cronSegments(page, tasks)),
  ...tasks.map((task) => fragment(`cron-${task.id}`, <CronRow page={page} task={task} />)),
]

/** One cron task with its newest runs; topic `cron:<id>`. */
export const liveCronTask = (
  page: PageContext,
  task: CronTaskView,
  view: CronRunsView,
): ReadonlyArray<LiveFragment> => [
  fragment("cron-state", <CronState page={page} task={task} />),
  fragment("cron-actions", <CronActions page={page} task={task} />),
  fragment("cron-place", <Place page={page} task={task} />),
  fragment("cron-facts", <CronFacts page={page} task={task} />),
  fragment("cron-runs", <CronRuns page={page} task={task} view={view} before={undefined} />),
]

/** The nodes and their tokens; topic `nodes`. */
export const liveNodes = (
  page: PageContext,
  nodes: ReadonlyArray<NodeView>,
  tokens: ReadonlyArray<TokenView>,
): ReadonlyArray<LiveFragment> => [
  members("nodes", nodesVersion(nodes)),
  ...counts(page, "nodes", nodeSegments(page, nodes)),
  ...nodes.map((node) => fragment(`node-${node.id}`, <NodeRow page={page} node={node} />)),
  fragment("tokens", <TokensCard page={page} tokens={tokens} />),
]
