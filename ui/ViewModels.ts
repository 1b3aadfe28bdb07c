import type { CronTaskView } from "../src/domain/CronView.ts"
import type { Effective, Observed } from "../src/domain/Effective.ts"
import type { Endpoint, EndpointStatus } from "../src/domain/Endpoint.ts"
import type { TlsMode } from "../src/domain/EndpointList.ts"
import type { GuardVerdict } from "../src/domain/Guard.ts"
import type { Problem } from "../src/domain/Problem.ts"
import type { ProcessSpec } from "../src/domain/ProcessSpec.ts"
import type { Language, Messages } from "./messages/Messages.ts"
import type { ActionView, NodeNotice, ProcessSummary, SpecDelivery } from "./ProcessModels.ts"

/*
 * What the pages are fed with: structurally equal to the fleet's views. Times are milliseconds since 1970; `null` is
 * "never" or "not known".
 *
 * Components are plain functions of one props object, `({ page, ... }) => JSX`. `page` is the PageContext.
 * `renderPage(node)` and `render(nodes)` of ui/Render.ts make the text of an answer.
 *
 * Whole pages (ui/pages/{people,dashboard,services,service,nodes}/<Name>.tsx, ui/pages/ErrorPage.tsx):
 *   LoginPage {model}                    PasswordPage {model}            DashboardPage {model}
 *   ServicesPage {services, query}       ServiceFormPage {model}         EndpointsPage {service}
 *   ClientsPage {service, job, query}    ProcessPage {service, form}     NodesPage {nodes, tokens, query}
 *   ErrorPage {status}
 *
 * Live updates (ui/Live.tsx): the view of a topic becomes `LiveFragment`s, and the stream sends those that changed.
 *   liveDashboard(page, model)           topics services, nodes, cron  #tiles #first-steps #attention #dashboard-services
 *   liveServices(page, services)         topic services          #services-members #service-<id> #services-count-<filter> #bulk-job
 *   liveService(page, service, job)      topic service:<id>      #service-status #tab-count-<tab> #draft #push
 *                                        #endpoints-members #endpoints-summary #endpoint-<key> #clients-members
 *                                        #client-<id> #clients-count-<filter> #rollout #instances
 *   liveNodes(page, nodes, tokens)       topic nodes             #nodes-members #node-<id> #nodes-count-<filter> #tokens
 *
 * Forms: LoginForm, PasswordForm, ServiceForm, EndpointEditor, SpecForm, AddClientsForm. Each answers its own request:
 * 422 with itself and the errors. ui/forms/ opens them (`open…`), reads their fields (`read…`) and checks them (`check…`).
 *
 * Dialogs, swapped into #dialogs: AddClientsDialog, PushDialog, GuardDialog (as DialogAnswer), JoinDialog, KeysDialog.
 *
 * Answers to other actions (ui/Answers.tsx): what changed on the page, and a toast.
 */

/** What every component needs to know of the request. Nothing else in ui reads a clock, a cookie or a header. */
export type PageContext = {
  readonly lang: Language
  readonly t: Messages
  /** From the cookie `theme`; `auto` follows the system. */
  readonly theme: "auto" | "light" | "dark"
  /** Goes back as the header `X-CSRF-Token` with every htmx request. */
  readonly csrf: string
  /** Path and query of the page, for the language link and `aria-current`. */
  readonly path: string
  readonly user: { readonly name: string } | null
  readonly now: number
  /** A message of the request that led here by a redirect; shown as a toast. */
  /** `undo`: what to POST to take it back. */
  readonly flash?: { readonly tone: "ok" | "bad" | "info"; readonly text: string; readonly undo?: string } | undefined
}

export type Health = "healthy" | "degraded" | "down" | "off" | "unknown"

export type ServiceSummary = {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly kernel: boolean
  readonly health: Health
  readonly revision: number | null
  readonly endpoints: { readonly total: number; readonly online: number; readonly up: number }
  readonly clients: { readonly total: number; readonly current: number; readonly failed: number }
  /** What keeps one of the places from being up that should be. */
  readonly trouble?: { readonly at: string; readonly problem: Problem; readonly since: number | null } | null
  readonly modifiedAt: number
  readonly modifiedBy: string
  readonly createdBy: string
  /** null: it has no process spec. */
  readonly processes: ProcessSummary | null
}

export type ServiceDetail = ServiceSummary & {
  readonly tls: TlsMode
  readonly createdAt: number
  readonly hasDraft: boolean
  readonly endpointsList: ReadonlyArray<EndpointView>
  readonly clientsList: ReadonlyArray<ClientView>
  readonly process: ProcessView | null
  readonly releasedAt: number | null
  readonly releasedBy: string | null
  readonly draft: ReadonlyArray<Endpoint> | null
}

export type EndpointView = {
  readonly ip: string
  readonly port: number
  readonly desired: { readonly weight: number; readonly status: EndpointStatus }
  readonly observed: Observed
  readonly effective: Effective
  readonly nodeId: string | null
  readonly nodeName: string | null
  readonly workers: { readonly ready: number; readonly want: number } | null
}

export type ClientConnection = "connected" | "away" | "never" | "revoked" | "not-joined"
export type ClientJob = "queued" | "sending" | "ok" | "failed" | "cancelled"

export type ClientView = {
  readonly id: string
  readonly ip: string
  readonly nodeId: string | null
  readonly nodeName: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly connection: ClientConnection
  /** The revision it acknowledged last. */
  readonly revision: number | null
  readonly ackedAt: number | null
  readonly tookMs: number | null
  readonly error: { readonly problem?: Problem; readonly message: string; readonly at: number } | null
  readonly nextTryAt: number | null
  readonly job: ClientJob | null
}

export type WorkerState = "STOPPED" | "STARTING" | "RUNNING" | "BACKOFF" | "STOPPING" | "EXITED" | "FATAL"

export type WorkerView = {
  readonly slot: number
  readonly pid: number | null
  readonly state: WorkerState
  readonly restarts: number
  readonly reason: string | null
  readonly since: number
  readonly ready: boolean
  readonly adopted: boolean
}

/** A reload as the node tells it; or as the manager does, when the node could not be asked (`problem`). */
export type ReloadView = {
  readonly state: "running" | "done" | "failed" | "superseded"
  readonly replaced: number
  readonly total: number
  readonly reason: string | null
  readonly problem?: Problem | null
  readonly startedAt: number
  readonly endedAt: number | null
}

export type InstanceView = {
  readonly nodeId: string
  readonly nodeName: string
  readonly ip: string
  /** The process set on its node: `<service>@<port>`, or `<service>` when it listens nowhere. */
  readonly name: string
  readonly delivery: SpecDelivery
  /** What was last asked of it; null: nothing, or it was a reload. */
  readonly action: ActionView | null
  /** The reload that runs, or the last one. */
  readonly reload: ReloadView | null
  readonly status: {
    readonly kind: "module" | "command"
    readonly listen: { readonly ip: string; readonly port: number } | null
    readonly specRevision: number
    readonly desired: "running" | "stopped"
    readonly state: WorkerState
    readonly reason: string | null
    readonly since: number
    readonly workers: ReadonlyArray<WorkerView>
    readonly taskWorkers: ReadonlyArray<WorkerView>
    readonly waitingFor: string | null
    readonly limitsMissing: string | null
    readonly crashes: { readonly count: number; readonly lastAt: number | null }
  } | null
  /** Why the node does not run it, or why its state is not known. */
  readonly error: string | null
  readonly problem?: Problem | null
}

export type ProcessView = {
  readonly spec: ProcessSpec
  /** The newest that was saved. */
  readonly revision: number
  /** What each node has that was not given another; null: none was pushed to all. */
  readonly pushed: number | null
  readonly modifiedBy: string
  readonly modifiedAt: number
  readonly instances: ReadonlyArray<InstanceView>
  /** Addresses that it names, and that no joined node has. */
  readonly notJoined: ReadonlyArray<string>
}

/** One action on several rows of a list, and how far it is. */
export type BulkJob<Action extends string = string> = {
  readonly action: Action
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly items: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly state: "queued" | "running" | "done" | "failed" | "kept" | "pending"
    readonly reason: string | null
  }>
}

export type PushJob = {
  readonly serviceId: string
  readonly revision: number
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly total: number
  readonly ok: number
  readonly failed: number
  readonly left: number
  readonly clientIds: ReadonlyArray<string>
}

/** What a push would change, for the dialog before it: the clients grouped by the revision that they have. */
export type PushPreview = {
  readonly serviceId: string
  readonly serviceName: string
  readonly revision: number
  /** Empty array: all clients of the service. */
  readonly clientIds: ReadonlyArray<string>
  readonly total: number
  /** Clients that have the revision already; it is sent again and changes nothing. */
  readonly current: number
  readonly groups: ReadonlyArray<PushGroup>
}

export type PushGroup = {
  /** `null`: never pushed, the whole list is new to them. */
  readonly revision: number | null
  readonly clients: number
  /** `null`: that revision's list is not known any more. */
  readonly changes: ReadonlyArray<EndpointChange> | null
}

export type EndpointChange = {
  readonly kind: "added" | "removed" | "changed"
  readonly ip: string
  readonly port: number
  readonly before: { readonly weight: number; readonly status: EndpointStatus } | null
  readonly after: { readonly weight: number; readonly status: EndpointStatus } | null
}

export type NodeView = {
  readonly id: string
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly connection: "connected" | "away" | "never" | "revoked"
  readonly since: number
  readonly error: string | null
  readonly problem?: Problem | null
  readonly nextTryAt: number | null
  readonly version: string | null
  readonly cpus: number | null
  readonly joinedAt: number
  readonly revokedAt: number | null
  readonly services: number
  readonly lastSeenAt: number | null
  /** What the node says a person should see. */
  readonly notices: ReadonlyArray<NodeNotice>
}

export type TokenView = {
  readonly id: string
  readonly kind: "once" | "many"
  readonly state: "open" | "used" | "expired" | "revoked"
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly usedAt: number | null
}

/** Shown once, in the answer to making a token; the secret is stored nowhere. */
export type NewTokenView = {
  readonly kind: "once" | "many"
  readonly token: string
  readonly expiresAt: number
  readonly command: string
}

export type DashboardCounts = {
  readonly services: {
    readonly total: number
    readonly healthy: number
    readonly degraded: number
    readonly down: number
  }
  readonly nodes: { readonly total: number; readonly connected: number }
  readonly endpoints: { readonly total: number; readonly online: number; readonly up: number }
  readonly clients: { readonly total: number; readonly current: number; readonly failed: number }
  readonly workers: { readonly ready: number; readonly want: number }
}

export type DashboardModel = {
  readonly counts: DashboardCounts
  readonly services: ReadonlyArray<ServiceSummary>
  readonly nodes: ReadonlyArray<NodeView>
  readonly cron: ReadonlyArray<CronTaskView>
}

/** View state of a list; it lives in the URL (`?f=&q=`). */
export type ListQuery<Filter extends string> = { readonly filter: Filter | "all"; readonly search: string }
export type ServiceFilter = "degraded" | "down" | "off"
export type ClientFilter = "behind" | "failed" | "away"
export type NodeFilter = "connected" | "away" | "revoked"

/** One endpoint as it was typed: texts, so that a wrong value comes back as it was. */
export type EndpointRow = {
  readonly ip: string
  readonly port: string
  readonly weight: string
  readonly status: EndpointStatus
}

export type ServiceFormValues = {
  readonly name: string
  readonly description: string
  readonly tls: TlsMode
  /** Which of the two forms of the endpoint list is on the page. */
  readonly mode: "rows" | "json"
  readonly rows: ReadonlyArray<EndpointRow>
  /** The row that was just added: it takes the focus. */
  readonly added?: number
  readonly json: string
  /** The revision the form was opened with; 0 for a new service. */
  readonly baseRevision: number
  readonly override: boolean
}

export type RowErrors = {
  readonly ip?: "address" | "twice"
  readonly port?: "port"
  readonly weight?: "weight"
}

/** One thing that is wrong in the JSON form: `index` from 0. */
export type JsonProblem = {
  readonly index: number
  readonly field: string
  readonly kind: "missing" | "type" | "unknown" | "status" | "address" | "port" | "weight" | "twice"
}

export type ServiceFormErrors = {
  readonly name?: "syntax" | "taken"
  readonly description?: "length"
  readonly json?:
    | { readonly kind: "syntax"; readonly message: string }
    | { readonly kind: "shape" }
    | { readonly kind: "items"; readonly problems: ReadonlyArray<JsonProblem> }
  readonly list?: "tooMany"
  /** By index of the row. */
  readonly rows?: Readonly<Record<number, RowErrors>>
}

export type ServiceFormModel = {
  /** `null`: a new service. */
  readonly id: string | null
  readonly values: ServiceFormValues
  readonly errors: ServiceFormErrors
  /** The guard refused the list: its reason is shown with a box to override it. */
  readonly guard: GuardVerdict | null
  /** Somebody released another revision meanwhile. */
  readonly stale: { readonly revision: number; readonly by: string } | null
}

export type LoginModel = {
  readonly name: string
  readonly next: string
  readonly error: null | { readonly kind: "wrong" } | { readonly kind: "limited"; readonly retryAfterMs: number }
}

export type PasswordModel = {
  readonly error: null | "wrong" | "short" | "same" | "mismatch"
}

export type AddClientsModel = {
  readonly serviceId: string
  readonly serviceName: string
  readonly text: string
  /** Addresses of joined nodes that are not clients yet: offered as a choice. */
  readonly candidates: ReadonlyArray<{ readonly ip: string; readonly name: string }>
  readonly error:
    | null
    | { readonly kind: "empty" }
    | { readonly kind: "address" | "twice" | "known"; readonly ip: string }
}

/** How a log is looked at; it lives in the URL. Times are those of the reader's clock: `2026-11-26T04:17`. */
export type LogsQuery = {
  readonly search: string
  readonly node: string
  readonly place: string
  readonly stream: string
  readonly level: string
  readonly from: string
  readonly to: string
  readonly wrap: boolean
}
