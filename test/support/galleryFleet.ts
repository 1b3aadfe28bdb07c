import { tasks } from "./galleryCron.ts"
import type { DashboardModel, NodeView, ServiceSummary, TokenView } from "../../ui/ViewModels.ts"
import { services, summary } from "./galleryFixtures.ts"
import { hour, minute, now, second, ulid } from "./galleryTimes.ts"

/** The nodes, the tokens and the dashboards of the gallery's fleet. */
const node = (number: number, rest: Partial<NodeView> = {}): NodeView => ({
  id: ulid(100 + number),
  name: `node-${number}`,
  ip: `10.20.2.${number}`,
  port: 8821,
  connection: "connected",
  since: now - number * hour,
  error: null,
  nextTryAt: null,
  version: "0.1.0",
  cpus: 8,
  joinedAt: now - 400 * hour,
  revokedAt: null,
  services: 2,
  lastSeenAt: now - 2 * second,
  notices: [],
  ...rest,
})

export const nodes: ReadonlyArray<NodeView> = [
  node(11),
  node(12, {
    notices: [
      {
        code: "logs-stopped",
        subject: "order-center@9501",
        message: "its log can't be written: no space left on device",
        since: now - 7 * minute,
      },
    ],
  }),
  node(15, { name: "node-15.eu-1.compute.internal.example.com" }),
  node(16, {
    connection: "away",
    since: now - 5 * minute,
    error: "connect ECONNREFUSED 10.20.2.16:8821",
    nextTryAt: now + 3 * second,
    lastSeenAt: now - 5 * minute,
  }),
  node(17, {
    connection: "never",
    since: now - 20 * second,
    ip: "2001:db8:0:1::17",
    version: null,
    cpus: null,
    lastSeenAt: null,
    services: 0,
  }),
  node(18, { connection: "revoked", since: now - 30 * hour, revokedAt: now - 30 * hour, services: 0 }),
]

export const tokens: ReadonlyArray<TokenView> = [
  {
    id: ulid(401),
    kind: "once",
    state: "open",
    createdAt: now - 5 * minute,
    createdBy: "lin.wei",
    expiresAt: now + 55 * minute,
    usedAt: null,
  },
  {
    id: ulid(402),
    kind: "many",
    state: "expired",
    createdAt: now - 30 * hour,
    createdBy: "admin",
    expiresAt: now - 6 * hour,
    usedAt: now - 8 * hour,
  },
]

export const dashboard: DashboardModel = {
  counts: {
    services: { total: 6, healthy: 1, degraded: 2, down: 1 },
    nodes: { total: 5, connected: 3 },
    endpoints: { total: 21, online: 18, up: 14 },
    clients: { total: 22, current: 15, failed: 1 },
    workers: { ready: 41, want: 48 },
  },
  services,
  nodes,
  cron: tasks,
}

export const emptyDashboard: DashboardModel = {
  cron: [],
  counts: {
    services: { total: 1, healthy: 0, degraded: 0, down: 0 },
    nodes: { total: 0, connected: 0 },
    endpoints: { total: 0, online: 0, up: 0 },
    clients: { total: 0, current: 0, failed: 0 },
    workers: { ready: 0, want: 0 },
  },
  services: [
    summary(1, "node_manager", {
      kernel: true,
      health: "unknown",
      revision: null,
      endpoints: { total: 0, online: 0, up: 0 },
      clients: { total: 0, current: 0, failed: 0 },
    }),
  ],
  nodes: [],
}

export const calmDashboard: DashboardModel = {
  cron: [],
  counts: {
    services: { total: 2, healthy: 2, degraded: 0, down: 0 },
    nodes: { total: 3, connected: 3 },
    endpoints: { total: 6, online: 6, up: 6 },
    clients: { total: 4, current: 4, failed: 0 },
    workers: { ready: 12, want: 12 },
  },
  services: [services[2] as ServiceSummary],
  nodes: nodes.slice(0, 3),
}
