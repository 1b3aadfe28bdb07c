import { limitsSentence } from "../../src/domain/LimitsMissing.ts"
import { type ModuleSpec, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import type { ActionView, SpecDelivery } from "../../ui/ProcessModels.ts"
import type { InstanceView, ProcessView, ReloadView } from "../../ui/ViewModels.ts"
import { hour, minute, now, second, ulid } from "./galleryTimes.ts"

/** The processes of the gallery's service, a place in each state. */
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
      limitsMissing: limitsSentence({ _tag: "NotMounted" }),
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

export const process: ProcessView = {
  spec,
  revision: 7,
  pushed: 7,
  modifiedBy: "lin.wei",
  modifiedAt: now - hour,
  instances,
  notJoined: ["10.20.2.99"],
}
