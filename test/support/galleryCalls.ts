import type { CallPoint, CallsView, MethodRow } from "../../src/domain/CallFigures.ts"
import { openCallForm } from "../../ui/forms/CallFields.ts"
import type { CallAnswerModel, CallFormModel, MethodView } from "../../ui/CallModels.ts"
import { service } from "./galleryFixtures.ts"
import { minute, now, second } from "./galleryTimes.ts"

/** The calls of the gallery's service: a busy one, in which one method fails now and then. */
const looks = 150
const wave = (index: number, phase: number) => 1 + 0.35 * Math.sin(index / 11 + phase) + 0.08 * Math.sin(index * 1.7)

const points: ReadonlyArray<CallPoint> = Array.from({ length: looks }, (_, index) => ({
  at: now - (looks - 1 - index) * 2 * second,
  perSecond: 9_400 * wave(index, 0),
  errorsPerSecond: index > 110 && index < 126 ? 620 * wave(index, 2) : 24 * wave(index, 1),
  p50: 1_150 * wave(index, 3),
  p99: (index > 110 && index < 126 ? 41_000 : 9_400) * wave(index, 4),
})).filter((_, index) => index < 60 || index > 68)

const method = (name: string, rest: Partial<MethodRow>): MethodRow => ({
  name,
  signature: "",
  description: null,
  kind: "unary",
  running: 0,
  perSecond: 0,
  errorShare: null,
  p50: null,
  p99: null,
  errors: [],
  since: { calls: 0, p50: null, p99: null, p999: null, max: 0 },
  spark: Array.from({ length: looks }, () => 0),
  ...rest,
})

const busy = (calls: number) => ({ calls, p50: 1_120, p99: 9_800, p999: 44_000, max: 812_000 })
const spark = (phase: number) => Array.from({ length: looks }, (_, index) => 100 * wave(index, phase))

const methods: ReadonlyArray<MethodRow> = [
  method("Orders.create", {
    signature: "order, options?",
    description: "Makes an order of what is in the basket.",
    perSecond: 1_540.4,
    errorShare: 0.0004,
    p50: 2_400,
    p99: 18_400,
    running: 9,
    errors: [{ code: "deadline_exceeded", recent: 18, total: 4_410 }],
    since: busy(18_244_031),
    spark: spark(0),
  }),
  method("Orders.pay", {
    signature: "orderId, method",
    perSecond: 750.2,
    errorShare: 0.0131,
    p50: 7_100,
    p99: 54_000,
    running: 4,
    errors: [
      { code: "unavailable", recent: 280, total: 9_120 },
      { code: "invalid_argument", recent: 15, total: 310 },
      { code: "internal", recent: 0, total: 3 },
    ],
    since: busy(9_021_177),
    spark: spark(2),
  }),
  method("Orders.watch", {
    signature: "customer, …",
    kind: "stream",
    perSecond: 0.4,
    errorShare: 0,
    p50: 4_200_000,
    p99: 59_000_000,
    running: 112,
    since: busy(8_120),
    spark: spark(4),
  }),
  method("exportEverythingThatIsKnownOfACustomerForTheAuthorities", { signature: "customer" }),
  method("tasks.invoice", {
    kind: "task",
    perSecond: 1.4,
    errorShare: 0,
    p50: 82_000,
    p99: 310_000,
    since: busy(9_114),
  }),
  method("ping", { perSecond: 3, errorShare: 0, p50: 38, p99: 120, since: busy(64_000), spark: spark(1) }),
]

const worker = (nodeName: string, slot: number, rest: Partial<CallsView["workers"][number]> = {}) => ({
  nodeName,
  name: "order-center@9501",
  slot,
  kind: "calls" as const,
  pid: 4_100 + slot,
  requests: 1_204_311 + slot * 977,
  connections: 41,
  inFlight: 6 + slot,
  rssBytes: (88 + slot * 3) * 1024 ** 2,
  loopLagMs: 1.4,
  ...rest,
})

export const busyCalls: CallsView = {
  known: true,
  now,
  spanMs: 5 * minute,
  stepMs: 2 * second,
  points,
  totals: {
    perSecond: 9_412.7,
    errorShare: 0.0021,
    p50: 1_180,
    p99: 9_700,
    running: 125,
    connections: 164,
    workers: 4,
    idleWorkers: 1,
    rssBytes: 372 * 1024 ** 2,
    loopLagMs: 214,
    calls: 27_338_192,
    refused: 12,
  },
  methods,
  more: 0,
  workers: [
    worker("node-11", 0),
    worker("node-11", 1, { loopLagMs: 214 }),
    worker("node-11", 0, { kind: "tasks", pid: 4_200, connections: 0, inFlight: 1, requests: 812 }),
    worker("node-12", 0),
    worker("node-12", 1),
  ],
  poison: [],
  silent: [],
}

export const poisonedCalls: CallsView = {
  ...busyCalls,
  poison: [
    { nodeName: "node-11", method: "Orders.pay", hash: "9f2c7b1de4a84d0f", crashes: 2 },
    { nodeName: "node-12", method: "Orders.create", hash: "5b1d6c2f0e9a8b7c", crashes: 3 },
  ],
  silent: [
    { nodeName: "node-16", problem: { _tag: "NoConnection", at: "10.20.2.16:8821", detail: "connect ECONNREFUSED" } },
    { nodeName: "node-15", problem: { _tag: "Refused", detail: "order-center@9501 is not running" } },
  ],
  more: 3,
}

const none = { perSecond: null, errorShare: null, p50: null, p99: null }

/** Asked for the first time: no step was seen yet. */
export const quietCalls: CallsView = {
  ...busyCalls,
  points: [],
  totals: { ...busyCalls.totals, ...none, running: 0, connections: 0, calls: 0, refused: 0, loopLagMs: 0 },
  methods: methods.map(({ name, signature }) => method(name, { ...none, signature, spark: [] })),
}

export const unknownCalls: CallsView = {
  ...quietCalls,
  known: false,
  totals: { ...quietCalls.totals, workers: 0, idleWorkers: 0, rssBytes: 0 },
  methods: [],
  workers: [],
}

const described: ReadonlyArray<MethodView> = [
  {
    name: "Orders.create",
    kind: "unary",
    rest: false,
    description: "Makes an order of what is in the basket.",
    parameters: [
      { name: "customer", optional: false, schema: { type: "string" } },
      {
        name: "order",
        optional: false,
        schema: {
          type: "object",
          properties: { lines: { type: "array", items: { type: "object" } }, currency: { enum: ["EUR", "CNY"] } },
        },
      },
      { name: "priority", optional: false, schema: { enum: ["low", "normal", "high"] } },
      { name: "express", optional: true, schema: { type: "boolean" } },
      { name: "weight", optional: true, schema: { type: "number" } },
      { name: "note", optional: true },
    ],
  },
  { name: "Orders.watch", kind: "stream", rest: true, parameters: [{ name: "customer", optional: false }] },
  { name: "ping", kind: "unary", rest: false, parameters: [] },
]

const endpoints = service.endpointsList.map(({ ip, nodeName, port }) => ({ key: `${ip}:${port}`, nodeName }))

export const consoleForm: CallFormModel = {
  serviceId: service.id,
  serviceName: service.name,
  methods: described,
  endpoints,
  values: openCallForm(
    described,
    endpoints.map(({ key }) => key),
  ),
  errors: {},
}

export const wrongConsole: CallFormModel = {
  ...consoleForm,
  values: { ...consoleForm.values, timeout: "5", method: "Orders create", fields: ["", "{", "low", "", "heavy", ""] },
  errors: {
    method: "name",
    timeout: "unit",
    fields: { 0: { kind: "missing" }, 1: { kind: "json", message: "Expected property name" }, 4: { kind: "number" } },
  },
}

export const jsonConsole: CallFormModel = {
  ...consoleForm,
  values: { ...consoleForm.values, mode: "json", json: '{ "customer": 1 }', endpoint: "all" },
  errors: { json: { kind: "list" } },
}

export const restConsole: CallFormModel = {
  ...consoleForm,
  values: { ...openCallForm(described, [], "Orders.watch"), rest: "1" },
  errors: { rest: { message: null } },
}

const order = { id: "ord_2Xk91", customer: "c-81", total: 42.5, lines: [{ sku: "A-1", count: 2, note: null }] }

export const answers: CallAnswerModel = {
  method: "Orders.create",
  outcomes: [
    {
      endpoint: "10.20.2.11:9501",
      nodeName: "node-11",
      tookMs: 3.42,
      ok: true,
      json: JSON.stringify(order, null, 2),
      bytes: 131,
      cut: false,
      stream: null,
    },
    {
      endpoint: "10.20.2.12:9501",
      nodeName: "node-12",
      tookMs: 5_000.4,
      ok: true,
      json: JSON.stringify([{ state: "made" }, { state: "paid" }], null, 2),
      bytes: 700_000,
      cut: true,
      stream: { items: 2, end: "time" },
    },
    {
      endpoint: "10.20.2.14:9501",
      nodeName: null,
      tookMs: 1.02,
      ok: false,
      code: "invalid_argument",
      message: "[1].currency must be one of EUR, CNY",
      executed: "no",
      details: JSON.stringify({ path: [1, "currency"] }, null, 2),
    },
  ],
  curl: `curl -H 'Muster-Timeout: 5s' http://127.0.0.1:8823/rpc/order-center/Orders.create -d '["c-81",{"lines":[],"currency":"EUR"},"low"]'`,
  muster: `muster call --timeout 5s order-center Orders.create c-81 '{"lines":[],"currency":"EUR"}' low`,
}
