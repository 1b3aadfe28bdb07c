import type { CronOutputView, CronRunsView, CronRunView, CronTaskView } from "../../src/domain/CronView.ts"
import { ServiceName } from "../../src/domain/ServiceName.ts"
import { checkCronForm, cronValues, newCron } from "../../ui/forms/CronFields.ts"
import type { CronFormModel } from "../../ui/CronModels.ts"
import { cronFields } from "./cron.ts"
import { hour, minute, now, ulid } from "./galleryFixtures.ts"

const day = 24 * hour

/** The cron tasks of the gallery. */
export const run = (number: number, rest: Partial<CronRunView> = {}): CronRunView => ({
  id: ulid(900 + number),
  nodeId: ulid(111),
  nodeName: "node-11",
  cause: "schedule",
  dueAt: now - number * hour,
  startedAt: now - number * hour,
  endedAt: now - number * hour + 1_340,
  state: "ok",
  attempt: 1,
  exitCode: 0,
  signal: null,
  reason: null,
  by: null,
  outputBytes: 512,
  ...rest,
})

const task = (number: number, name: string, rest: Partial<CronTaskView> = {}): CronTaskView => ({
  ...cronFields(name),
  id: ulid(800 + number),
  revision: 1,
  node: { ip: "10.20.2.11", id: ulid(111), name: "node-11", connected: true },
  place: { state: "here" },
  nextAt: now + number * 7 * minute,
  running: 0,
  last: run(number),
  lacks: null,
  createdAt: now - 40 * day,
  createdBy: "lin.wei",
  modifiedAt: now - 3 * day,
  modifiedBy: "zhang.san",
  ...rest,
})

const cron = (expression: string, timeZone = "Asia/Shanghai") => ({ kind: "cron", expression, timeZone }) as const

export const report = task(1, "nightly-report", {
  schedule: cron("30 3 * * 1-5"),
  action: {
    kind: "command",
    command: { shell: "cd /srv/shop && ./report --month=$(date +%Y-%m) | gzip > /var/reports/report.gz" },
    user: "shop",
    cwd: "/srv/shop",
    env: { LANG: "zh_CN.UTF-8" },
  },
  retries: 3,
  jitterMs: 30_000,
})

export const tasks: ReadonlyArray<CronTaskView> = [
  task(2, "clean-sessions", {
    schedule: { kind: "interval", everySeconds: 300 },
    running: 1,
    last: run(0, { state: "running", startedAt: now - 83_000, endedAt: null, exitCode: null }),
  }),
  task(3, "expire-orders", {
    action: { kind: "method", service: ServiceName.make("order-center"), method: "Orders.expire", args: ["2026", 7] },
    schedule: cron("*/10 * * * *", "UTC"),
    lacks: { what: "client", service: "order-center", serviceId: ulid(1) },
  }),
  task(4, "import-prices", {
    schedule: cron("5 0 1,15 * *", "Europe/Berlin"),
    last: run(5, { state: "failed", exitCode: 2, endedAt: now - 4 * hour, reason: "exited with code 2" }),
  }),
  task(5, "move-archive", {
    node: { ip: "10.20.2.12", id: ulid(112), name: "node-12", connected: true },
    place: { state: "waiting", nodeName: "node-16", connected: false },
    nextAt: null,
    last: run(6, { state: "lost", exitCode: null }),
  }),
  report,
  task(6, "old-backup", {
    enabled: false,
    nextAt: null,
    last: null,
    node: { ip: "10.20.9.9", id: null, name: null, connected: false },
    place: { state: "no-node" },
  }),
]

export const runs: CronRunsView = {
  runs: [
    run(0, {
      state: "running",
      startedAt: now - 83_000,
      endedAt: null,
      exitCode: null,
      cause: "manual",
      by: "lin.wei",
    }),
    run(1),
    run(2, { state: "failed", exitCode: 1, reason: "exited with code 1", endedAt: now - 2 * hour + 4_200 }),
    run(3, { cause: "retry", attempt: 2 }),
    run(4, {
      state: "timeout",
      exitCode: null,
      signal: "SIGKILL",
      endedAt: now - 3 * hour,
      reason: "took longer than 1 h",
    }),
    run(5, {
      state: "skipped",
      startedAt: null,
      endedAt: now - 5 * hour,
      exitCode: null,
      reason: "the run before it still ran",
    }),
    run(6, {
      state: "stopped",
      exitCode: null,
      signal: "SIGTERM",
      by: "zhang.san",
      nodeName: "node-16.eu-1.compute.internal",
    }),
    run(7, { state: "lost", exitCode: null, cause: "missed" }),
  ],
  total: 312,
  more: true,
}

export const noRuns: CronRunsView = { runs: [], total: 0, more: false }

export const output: CronOutputView = {
  head: "reading orders\n".repeat(30),
  tail: "writing report\n".repeat(12) + "done\n",
  omitted: 1_843_200,
}

const nodes = [
  { ip: "10.20.2.11", name: "node-11" },
  { ip: "10.20.2.12", name: "node-12" },
]
const form: CronFormModel = {
  id: null,
  baseRevision: 0,
  values: { ...newCron, timeZone: "Asia/Shanghai" },
  errors: {},
  stale: null,
  preview: { times: null },
  nodes,
  services: ["order-center", "user-center"],
}

export const newForm = form

export const editForm: CronFormModel = {
  ...form,
  id: report.id,
  baseRevision: 3,
  values: cronValues(report),
  preview: { times: Array.from({ length: 10 }, (_, at) => now + at * day), zone: "Asia/Shanghai" },
  stale: { by: "zhang.san" },
}

const wrongValues = {
  ...newCron,
  name: "nightly report",
  kind: "command" as const,
  argv: "report --name 'x",
  expression: "61 3 * * *",
  timeZone: "Asia/Peking",
  timeout: "1 year",
  retries: "many",
  env: "A=1\nB",
}
export const wrongForm: CronFormModel = {
  ...form,
  values: wrongValues,
  errors: checkCronForm(wrongValues).errors ?? {},
}

const methodValues = { ...newCron, name: "expire", kind: "method" as const, when: "interval" as const, args: "[7" }
export const methodForm: CronFormModel = {
  ...form,
  values: methodValues,
  errors: checkCronForm(methodValues).errors ?? {},
  preview: { times: [now + 5 * minute, now + 10 * minute], zone: null },
}
