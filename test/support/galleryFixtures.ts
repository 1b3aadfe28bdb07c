import { catalogues } from "../../ui/messages/Catalogues.ts"
import type { Language } from "../../ui/messages/Messages.ts"
import type {
  ClientView,
  EndpointView,
  PageContext,
  PushJob,
  PushPreview,
  ServiceDetail,
  ServiceSummary,
} from "../../ui/ViewModels.ts"
import { process } from "./galleryProcesses.ts"
import { hour, minute, now, second, ulid } from "./galleryTimes.ts"

/** Views as the fleet gives them, of a small fleet in which something of everything happens. */

export const contextOf = (lang: Language, theme: PageContext["theme"], path = "/"): PageContext => ({
  lang,
  t: catalogues[lang],
  theme,
  csrf: "token-of-the-session",
  path,
  user: { name: "lin.wei" },
  now,
})

export const summary = (number: number, name: string, rest: Partial<ServiceSummary>): ServiceSummary => ({
  id: ulid(number),
  name,
  description: "",
  kernel: false,
  health: "healthy",
  revision: 3,
  endpoints: { total: 3, online: 3, up: 3 },
  clients: { total: 4, current: 4, failed: 0 },
  modifiedAt: now - 3 * hour,
  modifiedBy: "lin.wei",
  createdBy: "admin",
  processes: { kind: "module", desired: "running", wanted: 3, running: 3, stopping: 0, workers: { ready: 6, want: 6 } },
  ...rest,
})

export const services: ReadonlyArray<ServiceSummary> = [
  summary(1, "node_manager", {
    description: "The agents of all joined nodes",
    kernel: true,
    revision: 12,
    endpoints: { total: 6, online: 6, up: 5 },
    health: "degraded",
    modifiedBy: "muster",
    modifiedAt: now - 20 * minute,
  }),
  summary(2, "order-center", {
    description: "Orders: create, pay, cancel, query",
    health: "degraded",
    revision: 128,
    endpoints: { total: 8, online: 7, up: 6 },
    clients: { total: 10, current: 3, failed: 1 },
    modifiedAt: now - 4 * minute,
  }),
  summary(3, "user-center", { description: "Accounts, sessions and profiles" }),
  summary(4, "payment-gateway", {
    description: "Talks to the banks",
    health: "down",
    endpoints: { total: 2, online: 2, up: 0 },
    clients: { total: 4, current: 4, failed: 0 },
  }),
  summary(5, "report-builder", {
    description: "Nightly reports; paused until the new year because nobody reads them on holidays",
    health: "off",
    endpoints: { total: 2, online: 0, up: 0 },
    clients: { total: 0, current: 0, failed: 0 },
  }),
  summary(6, "greeter", {
    description: "",
    health: "unknown",
    revision: null,
    endpoints: { total: 0, online: 0, up: 0 },
    clients: { total: 0, current: 0, failed: 0 },
  }),
]

const endpoint = (last: number, rest: Partial<EndpointView> = {}): EndpointView => {
  const desired = rest.desired ?? { weight: 100, status: "online" as const }
  return {
    ip: `10.20.2.${last}`,
    port: 9501,
    observed: { state: "up", since: now - last * 11 * minute, reason: undefined },
    effective: { ...desired, by: "operator" },
    nodeId: ulid(100 + last),
    nodeName: `node-${last}`,
    workers: { ready: 4, want: 4 },
    ...rest,
    desired,
  }
}

const endpoints: ReadonlyArray<EndpointView> = [
  endpoint(11),
  endpoint(12),
  endpoint(13, {
    observed: { state: "starting", since: now - 3 * second, reason: undefined },
    workers: { ready: 1, want: 4 },
  }),
  endpoint(14, { desired: { weight: 0, status: "offline" } }),
  endpoint(15, {
    observed: {
      state: "down",
      since: now - 6 * minute,
      reason: "worker 2: Cannot find module './orders.ts' from /srv/orders/main.ts:14:22",
    },
    workers: { ready: 0, want: 4 },
  }),
  endpoint(16, { desired: { weight: 50, status: "online" } }),
  endpoint(17, {
    ip: "2001:db8:0:1::17",
    observed: { state: "unknown", since: undefined, reason: undefined },
    nodeId: null,
    nodeName: null,
    workers: null,
  }),
  endpoint(18, { ip: "orders.internal.example.com" }),
]

const client = (number: number, rest: Partial<ClientView> = {}): ClientView => ({
  id: ulid(300 + number),
  ip: `10.20.40.${20 + number}`,
  nodeId: ulid(200 + number),
  nodeName: `web-${String(number).padStart(2, "0")}`,
  createdBy: "lin.wei",
  createdAt: now - 90 * hour,
  connection: "connected",
  revision: 128,
  ackedAt: now - 3 * minute,
  tookMs: 12 + number * 7,
  error: null,
  nextTryAt: null,
  job: null,
  ...rest,
})

const timeout = { message: "No ack within 5000 ms: the node accepted the connection but did not answer", at: now }

const clients: ReadonlyArray<ClientView> = [
  client(1),
  client(2),
  client(3, { revision: 126, ackedAt: now - 42 * minute }),
  client(4, { revision: 127, ackedAt: now - 45 * minute }),
  client(5),
  client(6, { revision: 126, error: timeout, nextTryAt: now + 4 * second, connection: "away" }),
  client(7, { revision: null, ackedAt: null, tookMs: null }),
  client(8, { revision: null, ackedAt: null, tookMs: null, nodeId: null, nodeName: null, connection: "not-joined" }),
  client(9, { revision: 125, ackedAt: now - 5 * hour, connection: "away" }),
  client(10, { revision: 120, ackedAt: now - 50 * hour, connection: "revoked" }),
]

export const service: ServiceDetail = {
  ...(services[1] as ServiceSummary),
  tls: "auto",
  createdAt: now - 900 * hour,
  hasDraft: false,
  endpointsList: endpoints,
  clientsList: clients,
  process,
  releasedAt: now - 4 * minute,
  releasedBy: "lin.wei",
  draft: null,
}

export const withDraft: ServiceDetail = {
  ...service,
  hasDraft: true,
  draft: endpoints.slice(0, 5).map(({ ip, port, desired }) => ({ ip, port, ...desired })),
}

export const emptyService: ServiceDetail = {
  ...service,
  ...(services[5] as ServiceSummary),
  endpointsList: [],
  clientsList: [],
  process: null,
  releasedAt: null,
  releasedBy: null,
}

export const kernelService: ServiceDetail = {
  ...service,
  ...(services[0] as ServiceSummary),
  process: null,
  releasedBy: "muster",
}

export const runningJob: PushJob = {
  serviceId: service.id,
  revision: 128,
  by: "lin.wei",
  startedAt: now - 2 * second,
  endedAt: null,
  total: 10,
  ok: 5,
  failed: 1,
  left: 4,
  clientIds: clients.map(({ id }) => id),
}

export const finishedJob: PushJob = { ...runningJob, endedAt: now, ok: 9, failed: 1, left: 0 }
export const cancelledJob: PushJob = { ...runningJob, endedAt: now, ok: 5, failed: 0, left: 5 }

const jobOf = (index: number): ClientView["job"] =>
  index < 5 ? "ok" : index === 5 ? "failed" : index === 6 ? "sending" : "queued"

export const pushing: ServiceDetail = {
  ...service,
  clientsList: clients.map((one, index) => ({ ...one, job: jobOf(index) })),
}

export const pushed: ServiceDetail = {
  ...service,
  clientsList: clients.map((one, index) =>
    index === 5 ? { ...one, job: "failed" } : { ...one, revision: 128, error: null, job: "ok", ackedAt: now },
  ),
}

export const preview: PushPreview = {
  serviceId: service.id,
  serviceName: service.name,
  revision: 128,
  clientIds: [],
  total: 10,
  current: 3,
  groups: [
    {
      revision: 127,
      clients: 1,
      changes: [
        {
          kind: "changed",
          ip: "10.20.2.16",
          port: 9501,
          before: { weight: 100, status: "online" },
          after: { weight: 50, status: "online" },
        },
      ],
    },
    {
      revision: 126,
      clients: 2,
      changes: [
        { kind: "removed", ip: "10.20.2.19", port: 9501, before: { weight: 100, status: "online" }, after: null },
        {
          kind: "changed",
          ip: "10.20.2.14",
          port: 9501,
          before: { weight: 100, status: "online" },
          after: { weight: 0, status: "offline" },
        },
        {
          kind: "added",
          ip: "2001:db8:0:1::17",
          port: 9501,
          before: null,
          after: { weight: 100, status: "online" },
        },
      ],
    },
    { revision: 120, clients: 1, changes: null },
    { revision: null, clients: 2, changes: [] },
  ],
}
