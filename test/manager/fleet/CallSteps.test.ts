import { describe, expect, test } from "bun:test"
import { bucketOf, type SparseBuckets } from "../../../src/domain/Histogram.ts"
import { callStep, type CallStep, recentSteps, stepsMax, withStep } from "../../../src/manager/fleet/CallSteps.ts"
import { callsView, methodsOf } from "../../../src/manager/fleet/CallsView.ts"
import { addStats } from "../../../src/protocol/MergeStats.ts"
import type { ProcessStats } from "../../../src/protocol/NodeManager.ts"
import { emptyStats } from "../../../src/protocol/Stats.ts"

type Figures = ProcessStats["stats"]["methods"][string]
type Told = { at: number; start?: number; methods: Record<string, Partial<Figures>>; workers?: number }

const figures = (rest: Partial<Figures>): Figures => ({
  calls: 0,
  running: 0,
  errors: {},
  latency: [],
  maxMicros: 0,
  totalMicros: 0,
  ...rest,
})

/** So many calls that each took so many microseconds. */
const took = (...pairs: ReadonlyArray<readonly [number, number]>): SparseBuckets =>
  pairs.flatMap(([micros, count]) => [bucketOf(micros), count])

const stats = ({ at, methods, start = 1, workers = 1 }: Told): ProcessStats => {
  const all = Object.fromEntries(Object.entries(methods).map(([name, rest]) => [name, figures(rest)]))
  const calls = Object.values(all).reduce((sum, one) => sum + one.calls, 0)
  return {
    name: "greeter@9101",
    at,
    stats: { ...emptyStats, start_time: start, request_count: calls, worker_num: workers, methods: all },
    workers: [],
    methods: [],
    poison: [],
  }
}

const step = (before: Record<string, Told>, after: Record<string, Told>) => {
  const read = (told: Record<string, Told>) => new Map(Object.entries(told).map(([place, one]) => [place, stats(one)]))
  return callStep(read(before), read(after), 10_000)
}

describe("the step between two looks", () => {
  test("is the difference, by the clock of each node", () => {
    const found = step(
      { one: { at: 1_000, methods: { a: { calls: 100, errors: { internal: 2 } }, b: { calls: 7 } } } },
      {
        one: {
          at: 3_000,
          methods: { a: { calls: 150, errors: { internal: 3, unavailable: 1 } }, b: { calls: 7 } },
        },
      },
    )
    expect(found).toMatchObject({ at: 10_000, perSecond: 25, errorsPerSecond: 1 })
    expect([...(found?.methods.keys() ?? [])]).toEqual(["a"])
    expect(found?.methods.get("a")).toMatchObject({ calls: 50, errors: { internal: 1, unavailable: 1 } })
  })

  test("has quantiles of what happened in it, not of what was before", () => {
    const found = step(
      { one: { at: 0, methods: { a: { calls: 1_000, latency: took([50_000, 1_000]) } } } },
      { one: { at: 1_000, methods: { a: { calls: 1_100, latency: took([200, 98], [900, 2], [50_000, 1_000]) } } } },
    )
    expect(found?.p50).toBeCloseTo(200, -1)
    expect(found?.p99).toBeCloseTo(900, -2)
  })

  const rows: ReadonlyArray<[string, Record<string, Told>, Record<string, Told>, number | undefined]> = [
    ["nothing is known before the second look", {}, { one: { at: 2_000, methods: { a: { calls: 9 } } } }, undefined],
    [
      "nodes are added, each by its own interval",
      { one: { at: 0, methods: { a: { calls: 0 } } }, two: { at: 500, methods: { a: { calls: 10 } } } },
      { one: { at: 2_000, methods: { a: { calls: 20 } } }, two: { at: 1_500, methods: { a: { calls: 25 } } } },
      25,
    ],
    [
      "a node that did not answer is left out until it does, and then counts over the whole time",
      { one: { at: 0, methods: { a: { calls: 0 } } }, two: { at: 0, methods: { a: { calls: 40 } } } },
      { one: { at: 2_000, methods: { a: { calls: 4 } } } },
      2,
    ],
    [
      "a set that was started anew counts from 0",
      { one: { at: 0, start: 1, methods: { a: { calls: 5_000 } } } },
      { one: { at: 2_000, start: 900, methods: { a: { calls: 8 } } } },
      4,
    ],
    [
      "also where it has answered more since than before",
      { one: { at: 0, start: 1, methods: { a: { calls: 10 } } } },
      { one: { at: 2_000, start: 900, methods: { a: { calls: 40 } } } },
      20,
    ],
    [
      "counts that went down are those of a new set, whatever its start says",
      { one: { at: 0, methods: { a: { calls: 5_000 } } } },
      { one: { at: 2_000, methods: { a: { calls: 8 } } } },
      4,
    ],
    [
      "a clock that was put back gives no step",
      { one: { at: 5_000, methods: { a: { calls: 1 } } } },
      { one: { at: 4_000, methods: { a: { calls: 2 } } } },
      undefined,
    ],
    [
      "a method that is new in between counts whole",
      { one: { at: 0, methods: { a: { calls: 1 } } } },
      { one: { at: 2_000, methods: { a: { calls: 1 }, b: { calls: 6 } } } },
      3,
    ],
  ]
  for (const [name, before, after, perSecond] of rows)
    test(name, () => expect(step(before, after)?.perSecond).toBe(perSecond))
})

describe("the last minutes", () => {
  const bare = (at: number): CallStep => ({
    at,
    perSecond: at,
    errorsPerSecond: 0,
    p50: null,
    p99: null,
    methods: new Map([["a", { perSecond: 1, calls: 1, errors: {}, latency: took([100, 1]) }]]),
  })
  const many = Array.from({ length: stepsMax + 20 }, (_, at) => bare(at)).reduce<ReadonlyArray<CallStep>>(withStep, [])

  test("hold so many steps, and histograms only where figures need them", () => {
    expect(many).toHaveLength(stepsMax)
    expect(many.at(-1)?.at).toBe(stepsMax + 19)
    const kept = many.filter((one) => (one.methods.get("a")?.latency.length ?? 0) > 0)
    expect(kept).toHaveLength(recentSteps)
  })
})

describe("the view", () => {
  const info = (name: string, rest: object = {}) => ({
    name,
    parameters: [
      { name: "who", optional: false },
      { name: "how", optional: true },
    ],
    rest: true,
    kind: "unary" as const,
    idempotent: false,
    ...rest,
  })
  const place = (nodeName: string, told: Told, methods = [info("hello")]) => ({
    nodeName,
    stats: {
      ...stats(told),
      methods,
      workers: [
        {
          slot: 0,
          kind: "calls" as const,
          pid: 7,
          request_count: 3,
          connection_num: 2,
          concurrency: 1,
          rss_bytes: 5,
          loop_lag_ms: 4,
        },
      ],
      poison: [{ hash: "ab", method: "hello", crashes: 2 }],
    },
  })

  test("adds the nodes up, and has a row for each method that is described or was called", () => {
    const before = { one: { at: 0, methods: { hello: { calls: 0 } } } }
    const after = { one: { at: 2_000, methods: { hello: { calls: 20, errors: { internal: 5 } } } } }
    const found = step(before, after)
    const view = callsView({
      now: 10_000,
      steps: found === undefined ? [] : [found],
      places: [
        place("one", { at: 2_000, methods: { hello: { calls: 20, running: 1, errors: { internal: 5 } } } }),
        place(
          "two",
          { at: 2_000, methods: { bye: { calls: 4, maxMicros: 9, latency: took([9, 4]) } }, workers: 3 },
          [],
        ),
      ],
      silent: [],
    })
    expect(view.totals).toMatchObject({ perSecond: 10, errorShare: 0.25, calls: 24, workers: 4 })
    expect(view.methods.map(({ name }) => name)).toEqual(["bye", "hello"])
    expect(view.methods[1]).toMatchObject({
      signature: "who, how?, …",
      running: 1,
      perSecond: 10,
      errorShare: 0.25,
      errors: [{ code: "internal", recent: 5, total: 5 }],
      since: { calls: 20, p50: null },
      spark: [10],
    })
    expect(view.methods[0]).toMatchObject({ perSecond: 0, errorShare: null, since: { calls: 4, p50: 9, max: 9 } })
    expect(view.workers).toHaveLength(2)
    expect(view.poison.map(({ nodeName }) => nodeName)).toEqual(["one", "two"])
  })

  test("counts runs of tasks beside the calls, and not among them", () => {
    const methods = (calls: number) => ({
      hello: { calls },
      "tasks.resize": { calls: 9 * calls, errors: { internal: calls } },
    })
    const found = step({ one: { at: 0, methods: methods(0) } }, { one: { at: 2_000, methods: methods(4) } })
    expect(found).toMatchObject({ perSecond: 2, errorsPerSecond: 0 })
    const steps = found === undefined ? [] : [found]
    const view = callsView({ now: 1, steps, places: [place("one", { at: 1, methods: methods(4) })], silent: [] })
    expect(view.totals).toMatchObject({ perSecond: 2, errorShare: 0, calls: 4 })
    expect(view.methods.map(({ kind, name, perSecond }) => [name, kind, perSecond])).toEqual([
      ["hello", "unary", 2],
      ["tasks.resize", "task", 18],
    ])
  })

  test("knows nothing without a node, and no rates before the second look", () => {
    const nothing = callsView({ now: 1, steps: [], places: [], silent: [] })
    expect(nothing).toMatchObject({ known: false, methods: [], totals: { perSecond: null, p50: null, calls: 0 } })
    const first = callsView({ now: 1, steps: [], places: [place("one", { at: 1, methods: {} })], silent: [] })
    expect(first).toMatchObject({ known: true, totals: { perSecond: null } })
    expect(first.methods[0]).toMatchObject({ name: "hello", perSecond: null, since: { calls: 0 } })
  })

  test("is as wide as what there is to show, at most five minutes", () => {
    const at = (time: number): CallStep => ({
      at: time,
      perSecond: 1,
      errorsPerSecond: 0,
      p50: null,
      p99: null,
      methods: new Map(),
    })
    const span = (...times: ReadonlyArray<number>) =>
      callsView({ now: 400_000, steps: times.map(at), places: [], silent: [] }).spanMs
    expect([span(), span(390_000), span(330_000), span(100_000, 390_000)]).toEqual([60_000, 60_000, 120_000, 300_000])
  })

  test("shows so many methods, and says how many more there are", () => {
    const methods = Object.fromEntries(Array.from({ length: 230 }, (_, index) => [`m${index}`, { calls: 1 }]))
    const view = callsView({ now: 1, steps: [], places: [place("one", { at: 1, methods }, [])], silent: [] })
    expect([view.methods.length, view.more]).toEqual([200, 30])
  })

  test("takes a method as the first node describes it", () => {
    const places = [
      { stats: place("one", { at: 1, methods: {} }, [info("b"), info("a")]).stats },
      { stats: place("two", { at: 1, methods: {} }, [info("b", { rest: false }), info("c")]).stats },
    ]
    expect(methodsOf(places).map(({ name, rest }) => [name, rest])).toEqual([
      ["a", true],
      ["b", true],
      ["c", true],
    ])
  })
})

test("snapshots are added: counts, the earliest start, the longest lag, latencies together", () => {
  const one = {
    ...stats({ at: 0, start: 50, methods: { a: { calls: 2, latency: took([10, 2]), maxMicros: 3 } } }).stats,
  }
  const two = stats({
    at: 0,
    start: 20,
    methods: { a: { calls: 3, latency: took([10, 1], [20, 2]), maxMicros: 9 } },
  }).stats
  const sum = addStats([
    { ...one, loop_lag_ms: 7 },
    { ...two, loop_lag_ms: 3 },
  ])
  expect(sum).toMatchObject({ start_time: 20, loop_lag_ms: 7, request_count: 5, worker_num: 2 })
  expect(sum.methods["a"]).toMatchObject({ calls: 5, latency: took([10, 3], [20, 2]), maxMicros: 9 })
  expect(addStats([])).toEqual(emptyStats)
})
