import { Schema } from "effect"
import type { CallsView } from "../../src/domain/CallFigures.ts"
import type { TasksView } from "../../src/domain/TaskFigures.ts"
import { EndpointSwitched } from "../../ui/Answers.tsx"
import { openSpecForm, specDraft, toJson } from "../../ui/forms/process/SpecForm.ts"
import { checkServiceForm, openServiceForm } from "../../ui/forms/ServiceFields.ts"
import { KeysDialog } from "../../ui/layout/KeysDialog.tsx"
import { DashboardPage } from "../../ui/pages/dashboard/DashboardPage.tsx"
import { ErrorPage } from "../../ui/pages/ErrorPage.tsx"
import { JoinCommand, JoinDialog } from "../../ui/pages/nodes/JoinDialog.tsx"
import { NodesPage } from "../../ui/pages/nodes/NodesPage.tsx"
import { LoginPage } from "../../ui/pages/people/LoginPage.tsx"
import { PasswordPage } from "../../ui/pages/people/PasswordPage.tsx"
import { CallAnswer } from "../../ui/pages/service/calls/Answer.tsx"
import { CallsPage } from "../../ui/pages/service/calls/CallsPage.tsx"
import { AddClientsDialog } from "../../ui/pages/service/AddClientsDialog.tsx"
import { ClientsPage } from "../../ui/pages/service/ClientsPage.tsx"
import { EndpointsPage } from "../../ui/pages/service/EndpointsPage.tsx"
import { GuardDialog } from "../../ui/pages/service/GuardDialog.tsx"
import { ScaleDialog } from "../../ui/pages/service/process/ScaleDialog.tsx"
import { ProcessPage } from "../../ui/pages/service/process/ProcessPage.tsx"
import { PushDialog } from "../../ui/pages/service/PushDialog.tsx"
import { LogsPage } from "../../ui/pages/service/logs/LogsPage.tsx"
import { readLogsQuery } from "../../ui/Lists.ts"
import { TasksPage } from "../../ui/pages/service/tasks/TasksPage.tsx"
import { ServiceFormPage } from "../../ui/pages/service-form/ServiceFormPage.tsx"
import { ServicesPage } from "../../ui/pages/services/ServicesPage.tsx"
import { Partial } from "../../ui/parts/Partial.tsx"
import { Dialog } from "../../ui/parts/Dialog.tsx"
import { ProcessSpec } from "../../src/domain/ProcessSpec.ts"
import type { SpecFormModel } from "../../ui/ProcessModels.ts"
import type { ListQuery, LogsQuery, PageContext, ServiceFormModel } from "../../ui/ViewModels.ts"
import * as bulk from "./galleryBulk.ts"
import * as calls from "./galleryCalls.ts"
import { conflictStates } from "./galleryConflicts.tsx"
import { crashStates } from "./galleryCrashStates.tsx"
import { cronStates } from "./galleryCronStates.tsx"
import * as fixtures from "./galleryFixtures.ts"
import { now } from "./galleryTimes.ts"
import * as tasks from "./galleryTasks.ts"
import * as fleet from "./galleryFleet.ts"

type Node = { toString(): string }

/** A page in one state. `over`: what then arrives in #dialogs or as a toast, as an answer to a click would. */
export type GalleryState = {
  readonly path: string
  readonly page: (context: PageContext) => Node
  readonly over?: (context: PageContext) => Node
}

const all: ListQuery<never> = { filter: "all", search: "" }
const { service } = fixtures

const wrongForm = (mode: "rows" | "json"): ServiceFormModel => {
  const model = openServiceForm(service)
  const rows = model.values.rows.map((row, index) => {
    if (index === 2) return { ...row, ip: "10.20.2" }
    return index === 4 ? { ...row, port: "95010", weight: "101" } : row
  })
  const json = `[\n  { "ip": "10.20.2", "port": 95010, "status": "online", "weight": 100 }\n]`
  const values = { ...model.values, name: "Order Center", rows, json, mode }
  return { ...model, values, errors: checkServiceForm(values).errors ?? {} }
}

const jsonForm = (): ServiceFormModel => {
  const model = openServiceForm(service)
  return { ...model, values: { ...model.values, mode: "json" } }
}

const guardedForm = (): ServiceFormModel => ({
  ...openServiceForm(service),
  guard: { _tag: "Loss", lost: 3, of: 7 },
})

const staleForm = (): ServiceFormModel => ({ ...openServiceForm(service), stale: { revision: 129, by: "zhang.san" } })

const commandSpec = Schema.decodeUnknownSync(ProcessSpec)({
  kind: "command",
  service: "order-center",
  command: { argv: ["/usr/bin/cleaner", "--every", "10 m"] },
  instances: 2,
  nodes: ["10.20.2.11", "10.9.9.9"],
  user: "www-data",
  env: { A: "1" },
  dependsOn: [{ service: "cache", condition: "ready" }],
  readiness: { kind: "http", path: "/health", port: 8080, periodMs: 5_000 },
})

const specForm = (rest: Partial<SpecFormModel> = {}): SpecFormModel => ({
  ...openSpecForm(service.process, fleet.nodes),
  ...rest,
})

const commandForm = (rest: Partial<SpecFormModel> = {}): SpecFormModel => {
  const { process } = service
  return { ...openSpecForm(process === null ? null : { ...process, spec: commandSpec }, fleet.nodes), ...rest }
}

const wrongProcess = (): SpecFormModel => {
  const { values, ...model } = specForm()
  const wrong = {
    ...values,
    texts: { ...values.texts, module: "main.ts", workers: "300", env: "NODE_ENV=production\nREGION" },
    rpc: { ...values.rpc, maxFrameBytes: "1 GiB", idleTimeoutMs: "300" },
    methodConcurrency: "Orders.create: 8",
    legacy: true,
  }
  const fields = {
    module: 'must be the absolute path of a .ts or .js file on the node, not "main.ts"',
    workers: "must be a whole number from 0 to 256, not 300",
    "rpc.legacy": "needs plain TCP: set tls to off",
  }
  const { errors } = specDraft(wrong)
  return { ...model, values: wrong, errors: { ...errors, fields: { ...fields, ...errors.fields } } }
}

const wrongCommand = (): SpecFormModel =>
  commandForm({
    errors: {
      fields: {
        command: "is required",
        instances: "must be a whole number from 1 to 256, not 0",
        user: 'must be a name or a number, not "a b"',
        drainTimeoutMs: "must be a time with its unit, such as 30 s",
        "readiness.path": "must be a path that begins with /",
        nodes: '0: must be an IPv4 address, an IPv6 address or a host name, not "a b"',
      },
    },
  })

const jsonSpec = (): SpecFormModel => {
  const { values, ...model } = commandForm()
  return {
    ...model,
    values: toJson(values),
    errors: {
      fields: {
        "readiness.kind": 'must be exec, http, tcp or rpc, not "htp"',
        instance: "is not a field here: is its name written correctly?",
      },
    },
  }
}

const addClients = {
  serviceId: service.id,
  serviceName: service.name,
  text: "",
  candidates: fleet.nodes.slice(0, 3).map(({ ip, name }) => ({ ip, name })),
  error: null,
}

const token = {
  kind: "once" as const,
  token: "mst_01JD0000000000000000000401_9f2c7b1de4",
  expiresAt: now + 3_600_000,
  command: `muster --role=node --join https://10.20.0.5:8800 --token mst_01JD0000000000000000000401_9f2c7b1de4a84d0f8f6a_5b1d6c2f0e9a8b7c6d5e4f3a2b1c0d9e --listen IP:8821`,
}

const endpointsTab = `/services/${service.id}/endpoints`
const clientsTab = `/services/${service.id}/clients`
const processTab = `/services/${service.id}/process`

const clientsOf = (shown: typeof service, job?: typeof fixtures.runningJob) => (page: PageContext) => (
  <ClientsPage page={page} service={shown} job={job} query={all} />
)
const nodesOf = (page: PageContext) => <NodesPage page={page} nodes={fleet.nodes} tokens={fleet.tokens} query={all} />
const endpointsOf = (shown: typeof service) => (page: PageContext) => <EndpointsPage page={page} service={shown} />

const callsTab = `/services/${service.id}/calls`
const callsOf =
  (view: CallsView, shown = service, form: typeof calls.consoleForm | undefined = calls.consoleForm) =>
  (page: PageContext) => <CallsPage page={page} service={shown} view={view} console={form} />

const tasksTab = `/services/${service.id}/tasks`
const tasksOf =
  (view: TasksView, shown = service) =>
  (page: PageContext) => <TasksPage page={page} service={shown} view={view} />

const logsTab = `/services/${service.id}/logs`
const logsOf =
  (query: Partial<LogsQuery> = {}, shown = service) =>
  (page: PageContext) => (
    <LogsPage page={page} service={shown} query={{ ...readLogsQuery(new URLSearchParams()), ...query }} />
  )

/** Every page and state there is to look at, by name. */
export const galleryStates: Readonly<Record<string, GalleryState>> = {
  login: {
    path: "/login",
    page: (page) => <LoginPage page={{ ...page, user: null }} model={{ name: "", next: "/", error: null }} />,
  },
  "login-limited": {
    path: "/login",
    page: (page) => (
      <LoginPage
        page={{ ...page, user: null }}
        model={{ name: "admin", next: "/", error: { kind: "limited", retryAfterMs: 41_000 } }}
      />
    ),
  },
  password: { path: "/password", page: (page) => <PasswordPage page={page} model={{ error: null }} /> },
  "password-wrong": { path: "/password", page: (page) => <PasswordPage page={page} model={{ error: "short" }} /> },
  dashboard: { path: "/", page: (page) => <DashboardPage page={page} model={fleet.dashboard} /> },
  "dashboard-empty": { path: "/", page: (page) => <DashboardPage page={page} model={fleet.emptyDashboard} /> },
  "dashboard-calm": { path: "/", page: (page) => <DashboardPage page={page} model={fleet.calmDashboard} /> },
  services: {
    path: "/services",
    page: (page) => <ServicesPage page={page} services={fixtures.services} query={all} />,
  },
  "services-empty": { path: "/services", page: (page) => <ServicesPage page={page} services={[]} query={all} /> },
  "services-no-match": {
    path: "/services?f=down&q=none",
    page: (page) => (
      <ServicesPage page={page} services={fixtures.services} query={{ filter: "down", search: "none" }} />
    ),
  },
  "service-new": {
    path: "/services/new",
    page: (page) => <ServiceFormPage page={page} model={openServiceForm(null)} />,
  },
  "service-edit": {
    path: "/services/1/edit",
    page: (page) => <ServiceFormPage page={page} model={openServiceForm(service)} />,
  },
  "service-edit-wrong": {
    path: "/services/1/edit",
    page: (page) => <ServiceFormPage page={page} model={wrongForm("rows")} />,
  },
  "service-edit-json": { path: "/services/1/edit", page: (page) => <ServiceFormPage page={page} model={jsonForm()} /> },
  "service-edit-json-wrong": {
    path: "/services/1/edit",
    page: (page) => <ServiceFormPage page={page} model={wrongForm("json")} />,
  },
  "service-edit-guard": {
    path: "/services/1/edit",
    page: (page) => <ServiceFormPage page={page} model={guardedForm()} />,
  },
  "service-edit-stale": {
    path: "/services/1/edit",
    page: (page) => <ServiceFormPage page={page} model={staleForm()} />,
  },
  endpoints: { path: endpointsTab, page: endpointsOf(service) },
  "endpoints-draft": { path: endpointsTab, page: endpointsOf(fixtures.withDraft) },
  "endpoints-empty": { path: endpointsTab, page: endpointsOf(fixtures.emptyService) },
  "endpoints-kernel": { path: endpointsTab, page: endpointsOf(fixtures.kernelService) },
  "endpoints-switched": {
    path: endpointsTab,
    page: endpointsOf(service),
    over: (page) => (
      <EndpointSwitched
        page={page}
        serviceId={service.id}
        endpoint={{ ip: "10.20.2.12", port: 9501 }}
        status="offline"
        revision={129}
      />
    ),
  },
  "endpoints-guard": {
    path: endpointsTab,
    page: endpointsOf(service),
    over: (page) => (
      <GuardDialog page={page} verdict={{ _tag: "LastOnline" }} method="put" path={endpointsTab} values={{}} />
    ),
  },
  clients: { path: clientsTab, page: clientsOf(service) },
  "clients-empty": { path: clientsTab, page: clientsOf(fixtures.emptyService) },
  "clients-no-match": {
    path: `${clientsTab}?q=none`,
    page: (page) => (
      <ClientsPage page={page} service={service} job={undefined} query={{ filter: "all", search: "none" }} />
    ),
  },
  "clients-add": {
    path: clientsTab,
    page: clientsOf(service),
    over: (page) => <AddClientsDialog page={page} model={addClients} />,
  },
  "clients-add-wrong": {
    path: clientsTab,
    page: clientsOf(service),
    over: (page) => (
      <AddClientsDialog
        page={page}
        model={{ ...addClients, text: "10.20.40.300", error: { kind: "address", ip: "10.20.40.300" } }}
      />
    ),
  },
  "push-preview": {
    path: clientsTab,
    page: clientsOf(service),
    over: (page) => <PushDialog page={page} preview={fixtures.preview} />,
  },
  "push-running": { path: clientsTab, page: clientsOf(fixtures.pushing, fixtures.runningJob) },
  "push-finished": { path: clientsTab, page: clientsOf(fixtures.pushed, fixtures.finishedJob) },
  "push-cancelled": { path: clientsTab, page: clientsOf(service, fixtures.cancelledJob) },
  process: {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={specForm()} />,
  },
  "process-wrong": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={wrongProcess()} />,
  },
  ...crashStates,
  ...conflictStates,
  "process-command": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={commandForm({ open: "readiness" })} />,
  },
  "process-command-wrong": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={wrongCommand()} />,
  },
  "process-json": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={jsonSpec()} />,
  },
  "process-scale": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={service} form={specForm()} />,
    over: (page) =>
      service.process === null ? "" : <ScaleDialog page={page} service={service} process={service.process} />,
  },
  "process-empty": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={fixtures.emptyService} form={openSpecForm(null, [])} />,
  },
  "services-bulk": {
    path: "/services",
    page: (page) => <ServicesPage page={page} services={fixtures.services} jobs={[bulk.running]} query={all} />,
  },
  "services-bulk-failed": {
    path: "/services",
    page: (page) => (
      <ServicesPage page={page} services={fixtures.services} jobs={[bulk.failed, bulk.running]} query={all} />
    ),
  },
  "process-kernel": {
    path: processTab,
    page: (page) => <ProcessPage page={page} service={fixtures.kernelService} form={openSpecForm(null, [])} />,
  },
  calls: { path: callsTab, page: callsOf(calls.busyCalls) },
  "calls-poison": { path: callsTab, page: callsOf(calls.poisonedCalls) },
  "calls-quiet": { path: callsTab, page: callsOf(calls.quietCalls) },
  "calls-waiting": { path: callsTab, page: callsOf(calls.unknownCalls) },
  "calls-empty": {
    path: callsTab,
    page: callsOf(calls.unknownCalls, fixtures.emptyService, { ...calls.consoleForm, endpoints: [] }),
  },
  "calls-kernel": { path: callsTab, page: callsOf(calls.unknownCalls, fixtures.kernelService) },
  "console-wrong": { path: callsTab, page: callsOf(calls.quietCalls, service, calls.wrongConsole) },
  "console-json": { path: callsTab, page: callsOf(calls.quietCalls, service, calls.jsonConsole) },
  "console-rest": { path: callsTab, page: callsOf(calls.quietCalls, service, calls.restConsole) },
  "console-answers": {
    path: callsTab,
    page: callsOf(calls.quietCalls),
    over: (page) => (
      <Partial target="#call-answer" swap="outerHTML">
        <CallAnswer page={page} answer={calls.answers} />
      </Partial>
    ),
  },
  tasks: { path: tasksTab, page: tasksOf(tasks.busyTasks) },
  "tasks-calm": { path: tasksTab, page: tasksOf(tasks.calmTasks) },
  "tasks-waiting": { path: tasksTab, page: tasksOf(tasks.noTasks) },
  "tasks-empty": { path: tasksTab, page: tasksOf(tasks.noTasks, fixtures.emptyService) },
  "tasks-kernel": { path: tasksTab, page: tasksOf(tasks.noTasks, fixtures.kernelService) },
  logs: { path: logsTab, page: logsOf() },
  "logs-search": { path: logsTab, page: logsOf({ search: "order", wrap: false, level: "info" }) },
  "logs-empty": { path: logsTab, page: logsOf({}, fixtures.emptyService) },
  "logs-kernel": { path: logsTab, page: logsOf({}, fixtures.kernelService) },
  ...cronStates,
  nodes: { path: "/nodes", page: nodesOf },
  "nodes-empty": { path: "/nodes", page: (page) => <NodesPage page={page} nodes={[]} tokens={[]} query={all} /> },
  join: { path: "/nodes", page: nodesOf, over: (page) => <JoinDialog page={page} /> },
  "join-command": {
    path: "/nodes",
    page: nodesOf,
    over: (page) => (
      <Dialog page={page} id="join-dialog" title={page.t.join.title} wide>
        <div id="join-result">
          <JoinCommand page={page} token={token} />
        </div>
      </Dialog>
    ),
  },
  keys: {
    path: "/nodes",
    page: nodesOf,
    over: (page) => <KeysDialog page={page} />,
  },
  "not-found": { path: "/nothing", page: (page) => <ErrorPage page={page} status={404} /> },
  broken: { path: "/nothing", page: (page) => <ErrorPage page={{ ...page, user: null }} status={500} /> },
}
