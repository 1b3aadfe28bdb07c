import { expect, test } from "bun:test"
import { mergeStats, whatRemains } from "../../src/protocol/MergeStats.ts"
import { emptyStats, type StatsSnapshot } from "../../src/protocol/Stats.ts"

const one: StatsSnapshot = {
  ...emptyStats,
  start_time: 1_000,
  connection_num: 3,
  accept_count: 10,
  close_count: 7,
  request_count: 100,
  response_count: 98,
  concurrency: 2,
  rss_bytes: 50,
  loop_lag_ms: 4,
  worker_num: 1,
  methods: {
    hello: { calls: 90, running: 1, errors: { internal: 2 }, latency: [5, 60, 9, 30], maxMicros: 40, totalMicros: 700 },
    only: { calls: 8, running: 1, errors: {}, latency: [1, 8], maxMicros: 3, totalMicros: 9 },
  },
}
const other: StatsSnapshot = {
  ...emptyStats,
  start_time: 2_000,
  connection_num: 1,
  accept_count: 1,
  request_count: 5,
  response_count: 5,
  rss_bytes: 20,
  loop_lag_ms: 9,
  worker_num: 1,
  methods: {
    hello: {
      calls: 5,
      running: 0,
      errors: { internal: 1, aborted: 1 },
      latency: [9, 5],
      maxMicros: 90,
      totalMicros: 50,
    },
  },
}

test("figures of two workers are added, but for the start and the lag", () => {
  const merged = mergeStats(one, other)
  expect(merged).toMatchObject({
    start_time: 1_000,
    connection_num: 4,
    accept_count: 11,
    close_count: 7,
    request_count: 105,
    response_count: 103,
    concurrency: 2,
    rss_bytes: 70,
    loop_lag_ms: 9,
    worker_num: 2,
  })
  expect(merged.methods).toEqual({
    hello: {
      calls: 95,
      running: 1,
      errors: { internal: 3, aborted: 1 },
      latency: [5, 60, 9, 35],
      maxMicros: 90,
      totalMicros: 750,
    },
    only: { calls: 8, running: 1, errors: {}, latency: [1, 8], maxMicros: 3, totalMicros: 9 },
  })
  expect(mergeStats(other, one)).toEqual({ ...merged, methods: expect.objectContaining(merged.methods) })
  expect(mergeStats(emptyStats, one)).toEqual(one)
})

test("of a worker that has left the counts remain, its connections are closed, and nothing of it runs", () => {
  const remains = whatRemains(one)
  expect(remains).toMatchObject({
    accept_count: 10,
    close_count: 10,
    request_count: 100,
    response_count: 98,
    connection_num: 0,
    concurrency: 0,
    rss_bytes: 0,
    loop_lag_ms: 0,
    worker_num: 0,
  })
  expect(remains.methods["hello"]).toMatchObject({ calls: 90, running: 0 })
  expect(remains.accept_count - remains.close_count).toBe(0)
})
