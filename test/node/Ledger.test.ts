import { expect, test } from "bun:test"
import { Ledger } from "../../src/node/supervisor/Ledger.ts"
import { emptyStats, type StatsSnapshot } from "../../src/protocol/Stats.ts"

const method = { name: "hello", parameters: [], rest: true, kind: "unary", idempotent: false } as const
const figures = (calls: number): StatsSnapshot => ({
  ...emptyStats,
  start_time: 500,
  connection_num: 2,
  request_count: calls,
  rss_bytes: 1_000,
  methods: { hello: { calls, running: 1, errors: {}, latency: [1, calls], maxMicros: 1, totalMicros: calls } },
})
const ledger = () => new Ledger({ startedAt: 100, keyWindowMs: () => 1_000, heartbeatTimeoutMs: () => 0 })

test("what a worker has counted outlives it, and what it had does not", () => {
  const book = ledger()
  for (const pid of [1, 2]) {
    book.started(pid, "calls", pid)
    book.ready(pid, [method])
    book.reported(pid, figures(10 * pid), [])
  }
  expect(book.stats()).toMatchObject({ start_time: 100, worker_num: 2, request_count: 30, rss_bytes: 2_000 })
  book.gone(1, 0)
  book.started(3, "calls", 1)
  expect(book.stats()).toMatchObject({ start_time: 100, worker_num: 1, request_count: 30, rss_bytes: 1_000 })
  expect(book.stats().methods["hello"]).toMatchObject({ calls: 30, running: 1, latency: [1, 30] })
  expect(book.view(0).workers.map(({ pid }) => pid)).toEqual([2])
})

test("the methods are those of the newest worker that answers calls", () => {
  const book = ledger()
  book.started(1, "calls", 0)
  book.ready(1, [method])
  book.started(2, "tasks", 0)
  book.ready(2, [])
  expect(book.view(0)).toMatchObject({ methods: [method], stats: { worker_num: 1, task_worker_num: 1 } })
  book.started(3, "calls", 0)
  book.ready(3, [method, { ...method, name: "bye" }])
  expect(book.view(0).methods.map(({ name }) => name)).toEqual(["hello", "bye"])
})

test("methods of former versions are not remembered without end", () => {
  const book = ledger()
  for (let pid = 1; pid <= 30; pid++) {
    const name = `of-${pid}`
    const one = figures(1).methods["hello"]
    const methods = Object.fromEntries(Array.from({ length: 100 }, (_, nth) => [`${name}-${nth}`, one] as const))
    book.started(pid, "calls", 0)
    book.ready(pid, [])
    book.reported(pid, { ...emptyStats, methods } as StatsSnapshot, [])
    book.gone(pid, 0)
  }
  expect(Object.keys(book.stats().methods).length).toBeLessThanOrEqual(1_000)
})

test("a call that was in flight at two crashes is told to the workers, until it is forgiven", () => {
  const book = ledger()
  const inFlight = [{ hash: "h", method: "hello" }]
  expect(book.crashed(inFlight, 0)).toEqual([])
  expect(book.orders(1)).toMatchObject({ poison: [], suspects: ["h"] })
  expect(book.crashed(inFlight, 2)).toEqual(inFlight)
  expect(book.orders(3)).toMatchObject({ poison: ["h"], suspects: [] })
  expect(book.view(3).poison).toEqual([{ hash: "h", method: "hello", crashes: 2 }])
  book.forgive()
  expect(book.orders(4)).toMatchObject({ poison: [], suspects: [] })
})
