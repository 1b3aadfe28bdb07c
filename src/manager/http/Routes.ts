import type { Actions } from "../fleet/Actions.ts"
import type { BulkActions } from "../fleet/BulkActions.ts"
import type { CronBulk } from "../fleet/cron/CronBulk.ts"
import type { CallConsole } from "../fleet/CallConsole.ts"
import type { Calls } from "../fleet/Calls.ts"
import type { CronRuns } from "../fleet/cron/CronRuns.ts"
import type { CronTasks } from "../fleet/cron/CronTasks.ts"
import type { Fleet } from "../fleet/Fleet.ts"
import type { Inspections } from "../fleet/Inspections.ts"
import type { Joining } from "../fleet/Joining.ts"
import type { Pushes } from "../fleet/Pushes.ts"
import type { Reloads } from "../fleet/Reloads.ts"
import type { ServiceLogs } from "../fleet/ServiceLogs.ts"
import type { Services } from "../fleet/Services.ts"
import type { Tasks } from "../fleet/Tasks.ts"
import type { CliToken } from "../people/CliToken.ts"
import type { People } from "../people/People.ts"
import type { ListsRepo } from "../store/ListsRepo.ts"
import * as account from "./AccountRoutes.tsx"
import * as api from "./ApiRoutes.ts"
import type { Access, Answer, Method, Route, SignedAsk } from "./Ask.ts"
import * as calls from "./CallRoutes.tsx"
import * as clients from "./ClientRoutes.tsx"
import * as crashes from "./CrashRoute.tsx"
import * as cronApi from "./CronApiRoutes.ts"
import * as cronBulk from "./CronBulkRoutes.tsx"
import * as cron from "./CronRoutes.tsx"
import * as cronTask from "./CronTaskRoutes.tsx"
import { dashboardPage } from "./DashboardRoute.tsx"
import * as deeds from "./DeedRoutes.tsx"
import * as endpoints from "./EndpointRoutes.tsx"
import { events } from "./EventsRoute.ts"
import * as inspections from "./InspectionApi.ts"
import { makeJoinRoutes } from "./JoinRoutes.ts"
import type { Live } from "./Live.ts"
import { logsPage } from "./LogPageRoute.tsx"
import * as logs from "./LogRoutes.ts"
import * as nodes from "./NodeRoutes.tsx"
import * as processes from "./ProcessApi.ts"
import * as process from "./ProcessRoutes.tsx"
import * as push from "./PushRoutes.tsx"
import * as running from "./RunningRoutes.ts"
import * as tasks from "./TaskRoutes.tsx"
import * as servicesBulk from "./ServicesBulkRoutes.tsx"
import * as services from "./ServiceRoutes.tsx"

/** What the handlers use. */
export type PageServices =
  | Actions
  | BulkActions
  | CronBulk
  | CallConsole
  | Calls
  | CliToken
  | CronRuns
  | CronTasks
  | Fleet
  | Inspections
  | Joining
  | ListsRepo
  | Live
  | People
  | Pushes
  | Reloads
  | ServiceLogs
  | Services
  | Tasks

type Handler = (ask: SignedAsk) => Answer<PageServices>
export type PageRoute = Route<PageServices>

const kibibyte = 1024
const bytesMax = 64 * kibibyte
/** A list of 10,000 endpoints, as JSON or as the fields of a form. */
const listBytesMax = 3 * 1024 * kibibyte

const route =
  (access: Access, speaks: PageRoute["speaks"], bytes = bytesMax) =>
  (method: Method, path: string, handler: Handler): PageRoute => ({
    method,
    path,
    speaks,
    access,
    bytesMax: bytes,
    handler,
  })

const open = route("open", "html")
const page = route("session", "html")
const list = route("session", "html", listBytesMax)
/** Of a form that takes along what it began from, and both sides of a conflict. */
const edit = route("session", "html", 8 * bytesMax)
const openJson = route("open", "json")
const json = route("api", "json")
const listJson = route("api", "json", listBytesMax)

/**
 * Every URL of the manager, but /assets/<name>. Reads are GET and write nothing; every write is POST, PUT or DELETE.
 * `html` routes are asked by our own pages, with the session's cookie and, to write, its token. `json` routes take that
 * or `Authorization: Bearer` with the command line's token.
 */
export const makeRoutes = (): ReadonlyArray<PageRoute> => {
  const join = makeJoinRoutes()
  return [
    open("GET", "/login", account.loginPage),
    open("POST", "/login", account.login),
    open("GET", "/lang/:lang", account.language),
    page("POST", "/logout", account.logout),
    page("GET", "/password", account.passwordPage),
    page("PUT", "/password", account.changePassword),
    page("GET", "/keys", account.keys),
    page("GET", "/events", events),

    page("GET", "/", dashboardPage),

    page("GET", "/services", services.servicesPage),
    list("POST", "/services", services.createService),
    page("GET", "/services/new", services.newServicePage),
    page("POST", "/services/actions", servicesBulk.act),
    page("DELETE", "/services/actions", servicesBulk.close),
    list("POST", "/services/editor", services.endpointEditor),
    page("GET", "/services/:id", services.serviceHome),
    list("PUT", "/services/:id", services.updateService),
    page("DELETE", "/services/:id", services.deleteService),
    page("GET", "/services/:id/edit", services.editServicePage),

    page("GET", "/services/:id/endpoints", endpoints.endpointsPage),
    page("PUT", "/services/:id/endpoints/status", endpoints.setEndpointStatus),
    list("PUT", "/services/:id/draft", services.saveDraft),
    page("POST", "/services/:id/draft", endpoints.releaseDraft),
    page("DELETE", "/services/:id/draft", endpoints.discardDraft),

    page("GET", "/services/:id/clients", clients.clientsPage),
    page("POST", "/services/:id/clients", clients.addClients),
    page("GET", "/services/:id/clients/new", clients.addClientsDialog),
    page("DELETE", "/services/:id/clients/:client", clients.removeClient),
    page("POST", "/services/:id/clients/:client/restore", clients.restoreClient),

    page("GET", "/services/:id/push/preview", push.pushDialog),
    page("POST", "/services/:id/push", push.startPush),
    page("DELETE", "/services/:id/push", push.cancelPush),
    page("POST", "/services/:id/push/close", push.closePush),

    page("GET", "/services/:id/process", process.processPage),
    edit("PUT", "/services/:id/process", process.setProcess),
    page("DELETE", "/services/:id/process", process.removeProcess),
    edit("POST", "/services/:id/process/editor", process.specEditor),
    page("POST", "/services/:id/process/reload", deeds.reload),
    page("POST", "/services/:id/process/start", deeds.start),
    page("POST", "/services/:id/process/stop", deeds.stop),
    page("POST", "/services/:id/process/restart", deeds.restart),
    page("POST", "/services/:id/process/push", deeds.push),
    page("GET", "/services/:id/process/scale", deeds.scaleDialog),
    page("POST", "/services/:id/process/scale", deeds.scale),

    page("GET", "/services/:id/process/crashes/:crash", crashes.crashPage),

    page("GET", "/services/:id/calls", calls.callsPage),
    page("POST", "/services/:id/calls", calls.makeCall),
    page("POST", "/services/:id/calls/editor", calls.callEditor),

    page("GET", "/services/:id/tasks", tasks.tasksPage),
    page("GET", "/services/:id/logs", logsPage),
    page("POST", "/services/:id/tasks/requeue", tasks.requeueTasks),
    page("POST", "/services/:id/tasks/discard", tasks.discardTasks),

    page("GET", "/cron", cron.listPage),
    page("POST", "/cron", cron.create),
    page("GET", "/cron/new", cron.newPage),
    edit("POST", "/cron/preview", cron.preview),
    page("POST", "/cron/actions", cronBulk.act),
    page("DELETE", "/cron/actions", cronBulk.close),
    page("GET", "/cron/:id", cronTask.taskPage),
    edit("PUT", "/cron/:id", cron.update),
    page("DELETE", "/cron/:id", cronTask.remove),
    page("GET", "/cron/:id/edit", cron.editPage),
    edit("POST", "/cron/:id/editor", cron.editor),
    page("POST", "/cron/:id/start", cronTask.start),
    page("POST", "/cron/:id/enable", cronTask.enable),
    page("POST", "/cron/:id/disable", cronTask.disable),
    page("POST", "/cron/:id/release", cronTask.release),
    page("POST", "/cron/:id/restore", cronTask.restore),
    page("GET", "/cron/:id/runs/:run", cronTask.outputPage),
    page("POST", "/cron/:id/runs/:run/stop", cronTask.stop),

    page("GET", "/nodes", nodes.nodesPage),
    page("GET", "/nodes/join", nodes.joinDialog),
    page("POST", "/nodes/tokens", nodes.createToken),
    page("DELETE", "/nodes/tokens/:id", nodes.revokeToken),
    page("DELETE", "/nodes/:id", nodes.revokeNode),
    page("DELETE", "/nodes/:id/record", nodes.forgetNode),

    openJson("GET", "/api/health", api.health),
    json("GET", "/api/services", api.listServices),
    listJson("POST", "/api/services", api.createService),
    json("GET", "/api/services/:name", api.getService),
    listJson("PUT", "/api/services/:name", api.updateService),
    json("DELETE", "/api/services/:name", api.deleteService),
    json("GET", "/api/status", processes.status),
    json("POST", "/api/services/actions", servicesBulk.actApi),
    json("GET", "/api/services/:name/process", processes.getProcess),
    json("PUT", "/api/services/:name/process", processes.setProcess),
    json("DELETE", "/api/services/:name/process", processes.removeProcess),
    json("POST", "/api/services/:name/process/push", processes.pushProcess),
    json("POST", "/api/services/:name/start", processes.start),
    json("POST", "/api/services/:name/stop", processes.stop),
    json("POST", "/api/services/:name/restart", processes.restart),
    json("POST", "/api/services/:name/scale", processes.scale),
    json("POST", "/api/services/:name/reload", running.reload),
    json("GET", "/api/services/:name/stats", running.stats),
    json("GET", "/api/services/:name/methods", running.methods),
    json("GET", "/api/services/:name/inspect", inspections.inspect),
    json("GET", "/api/services/:name/crashes", inspections.crashes),
    json("GET", "/api/services/:name/crashes/:id", inspections.crash),
    json("GET", "/api/services/:name/logs", logs.readLogs),
    json("GET", "/api/services/:name/logs/files", logs.logFiles),
    json("GET", "/api/services/:name/tasks", running.tasks),
    json("POST", "/api/services/:name/tasks/requeue", running.requeueTasks),
    json("POST", "/api/services/:name/tasks/discard", running.discardTasks),
    json("POST", "/api/services/:name/clients", api.addClients),
    json("DELETE", "/api/services/:name/clients/:ip", api.removeClient),
    json("POST", "/api/services/:name/pushes", api.push),
    json("GET", "/api/cron", cronApi.list),
    json("POST", "/api/cron", cronApi.create),
    json("POST", "/api/cron/preview", cronApi.preview),
    json("POST", "/api/cron/actions", cronBulk.actApi),
    json("GET", "/api/cron/:name", cronApi.get),
    json("PUT", "/api/cron/:name", cronApi.update),
    json("DELETE", "/api/cron/:name", cronApi.remove),
    json("POST", "/api/cron/:name/start", cronApi.start),
    json("POST", "/api/cron/:name/release", cronApi.release),
    json("POST", "/api/cron/:name/restore", cronApi.restore),
    json("GET", "/api/cron/:name/runs", cronApi.runs),
    json("GET", "/api/cron/:name/runs/:run/output", cronApi.output),
    json("POST", "/api/cron/:name/runs/:run/stop", cronApi.stop),
    json("GET", "/api/nodes", api.listNodes),
    json("DELETE", "/api/nodes/:id", api.revokeNode),
    json("GET", "/api/tokens", api.listTokens),
    json("POST", "/api/tokens", api.createToken),

    openJson("GET", "/join/ca", join.authority),
    openJson("POST", "/join", join.join),
  ]
}
