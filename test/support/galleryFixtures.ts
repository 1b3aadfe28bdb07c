import { type ModuleSpec, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { catalogues } from "../../ui/messages/Catalogues.ts"
import type { Language } from "../../ui/messages/Messages.ts"
import type { ActionView, SpecDelivery } from "../../ui/ProcessModels.ts"
import type {
  ClientView,
  EndpointView,
  InstanceView,
  PageContext,
  PushJob,
  PushPreview,
  ReloadView,
  ServiceDetail,
  ServiceSummary,
} from "../../ui/ViewModels.ts"

/** Views as the fleet gives them, of a small fleet in which something of everything happens. */
export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const now = Date.UTC(2026, 10, 22, 12, 0, 0)

export const contextOf = (lang: Language, theme: PageContext["theme"], path = "/"): PageContext => ({
  lang,
  t: catalogues[lang],
  theme,
  csrf: "token-of-the-session",
  path,
  user: { name: "lin.wei" },
  now,
})

export const ulid = (number: number) => `01JD0000000000000000000${String(number).padStart(3, "0")}`

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
  processes: { kind: "module", desired: "running", wanted: 3, running: 3, workers: { ready: 6, want: 6 } },
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

const worker = (slot: number, rest: Partial<NonNullable<InstanceView["status"]>["workers"][number]> = {}) => ({
  slot,
  pid: 4100 + slot,
  state: "RUNNING" as const,
  restarts: 0,
  reason: null,
  since: now - 4 * hour,
  ready: rest.state === undefined || rest.state === "RUNNING",
  adopted: false,
  ...rest,
})

const reload = (rest: Partial<ReloadView>): ReloadView => ({
  state: "done",
  replaced: 2,
  total: 2,
  reason: null,
  startedAt: now - 4 * minute,
  endedAt: now - 4 * minute + 2 * second,
  ...rest,
})

const delivered: SpecDelivery = {
  state: "acked",
  wanted: { revision: 7, desired: "running" },
  problem: null,
  message: null,
  nextTryAt: null,
}

const action = (rest: Partial<ActionView>): ActionView => ({
  action: "start",
  state: "done",
  by: "lin.wei",
  startedAt: now - 2 * minute,
  endedAt: now - 2 * minute + 3 * second,
  reason: null,
  problem: null,
  ...rest,
})

const instance = (last: number, rest: Partial<NonNullable<InstanceView["status"]>> = {}): InstanceView => ({
  nodeId: ulid(100 + last),
  nodeName: `node-${last}`,
  ip: `10.20.2.${last}`,
  name: "order-center@9501",
  delivery: delivered,
  action: null,
  reload: null,
  error: null,
  status: {
    listen: { ip: `10.20.2.${last}`, port: 9501 },
    kind: "module",
    specRevision: 7,
    desired: "running",
    state: "RUNNING",
    reason: null,
    since: now - 4 * hour,
    workers: [worker(0), worker(1)],
    taskWorkers: [],
    waitingFor: null,
    limitsMissing: null,
    crashes: { count: 0, lastAt: null },
    ...rest,
  },
})

const instances: ReadonlyArray<InstanceView> = [
  { ...instance(11, { taskWorkers: [worker(0, { pid: 4200 })] }), reload: reload({}) },
  {
    ...instance(12),
    reload: reload({ state: "running", replaced: 1, startedAt: now - 3 * second, endedAt: null }),
  },
  {
    ...instance(13),
    reload: reload({
      state: "failed",
      replaced: 0,
      reason: "Cannot find module './orders.ts' from /srv/orders/main.ts:14:22",
    }),
  },
  { ...instance(14), reload: reload({ state: "superseded", replaced: 1 }) },
  { ...instance(17, { waitingFor: "cache is not ready" }), action: action({ state: "running", endedAt: null }) },
  {
    ...instance(19, {
      desired: "stopped",
      state: "STOPPED",
      limitsMissing: "cgroup v2 is not mounted",
      workers: [worker(0, { pid: null, state: "STOPPED", ready: false, adopted: true })],
    }),
    delivery: { ...delivered, wanted: { revision: 7, desired: "stopped" } },
    action: action({ action: "stop" }),
  },
  {
    ...instance(20, { specRevision: 6, workers: [worker(0, { ready: false }), worker(1, { adopted: true })] }),
    delivery: {
      ...delivered,
      state: "refused",
      problem: { _tag: "Refused", detail: "processes: there is no user www" },
      message: "processes: there is no user www",
      nextTryAt: now + 12 * second,
    },
    action: action({ action: "push", state: "failed", reason: "processes: there is no user www" }),
  },
  instance(15, {
    specRevision: 6,
    state: "BACKOFF",
    reason: "Cannot find module './orders.ts' from /srv/orders/main.ts:14:22",
    workers: [
      worker(0, {
        pid: null,
        state: "BACKOFF",
        restarts: 7,
        reason: "exit code 1: Cannot find module './orders.ts' from /srv/orders/main.ts:14:22",
        since: now - 12 * second,
      }),
      worker(1, { state: "STARTING", restarts: 2, since: now - second }),
    ],
  }),
  {
    nodeId: ulid(116),
    nodeName: "node-16",
    ip: "10.20.2.16",
    name: "order-center@9501",
    delivery: { ...delivered, state: "away", nextTryAt: now + 2 * second },
    action: action({ action: "stop", state: "kept" }),
    status: null,
    error: "The node is away since 5 minutes",
    reload: reload({ state: "failed", replaced: 0, total: 0, problem: { _tag: "NoAnswer" } }),
  },
  {
    nodeId: ulid(118),
    nodeName: "node-18",
    ip: "10.20.2.18",
    name: "order-center@9501",
    delivery: { ...delivered, state: "none", wanted: null },
    action: null,
    status: null,
    error: null,
    reload: null,
  },
]

const spec = {
  ...specDefaults,
  service: "order-center" as ModuleSpec["service"],
  kind: "module",
  module: "/srv/orders/main.ts",
  workers: 4,
  env: { NODE_ENV: "production", REGION: "eu-1" },
  tls: "auto",
  desired: "running",
  drainTimeoutMs: 30_000,
  rpc: {
    ...defaultRpcSettings,
    maxRequests: 100_000,
    maxRssBytes: 512 * 1024 * 1024,
    idleTimeoutMs: 300_000,
    taskWorkers: 1,
    methodConcurrency: { "Orders.create": 8, report: 2 },
  },
} as const satisfies ModuleSpec

export const service: ServiceDetail = {
  ...(services[1] as ServiceSummary),
  tls: "auto",
  createdAt: now - 900 * hour,
  hasDraft: false,
  endpointsList: endpoints,
  clientsList: clients,
  process: {
    spec,
    revision: 7,
    pushed: 7,
    modifiedBy: "lin.wei",
    modifiedAt: now - hour,
    instances,
    notJoined: ["10.20.2.99"],
  },
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
