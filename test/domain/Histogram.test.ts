import { expect, test } from "bun:test"
import {
  bucketCount,
  bucketMiddle,
  bucketOf,
  mergeBuckets,
  quantile,
  type SparseBuckets,
  subtractBuckets,
} from "../../src/domain/Histogram.ts"

/** The same numbers in each run. */
const randomOf = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const histogram = (times: ReadonlyArray<number>): SparseBuckets => {
  const counts = new Uint32Array(bucketCount)
  for (const time of times) counts[bucketOf(time)]!++
  return [...counts].flatMap((count, bucket) => (count === 0 ? [] : [bucket, count]))
}

const exact = (times: ReadonlyArray<number>, q: number) =>
  times.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * times.length)) - 1]!

test("a bucket's middle is within 1 % of every time in it, up to 70 minutes", () => {
  for (let micros = 0; micros < 4.2e9; micros = Math.floor(micros * 1.003) + 1) {
    const bucket = bucketOf(micros)
    expect(bucket).toBeLessThan(bucketCount)
    expect(Math.abs(bucketMiddle(bucket) - micros)).toBeLessThanOrEqual(micros * 0.01)
  }
})

test("what is below 0 or beyond the last bucket counts with the first and the last", () => {
  expect(bucketOf(-5)).toBe(0)
  expect(bucketOf(1e15)).toBe(bucketCount - 1)
  expect(bucketOf(Infinity)).toBe(bucketCount - 1)
})

test("buckets grow with their times, without a gap", () => {
  let last = -1
  for (let micros = 0; micros < 300_000; micros++) {
    const bucket = bucketOf(micros)
    expect(bucket - last === 0 || bucket - last === 1).toBe(true)
    last = bucket
  }
})

test("quantiles of the figures of many workers, merged, are within 1 % of the exact ones", () => {
  const random = randomOf(7)
  const workers = Array.from({ length: 8 }, (_, worker) =>
    Array.from({ length: 5_000 }, () => Math.round(50 * (worker + 1) * Math.exp(6 * random()))),
  )
  const merged = workers.map(histogram).reduce(mergeBuckets)
  for (const q of [0, 0.5, 0.9, 0.99, 0.999, 1]) {
    const right = exact(workers.flat(), q)
    expect(Math.abs((quantile(merged, q) ?? 0) - right)).toBeLessThanOrEqual(right * 0.01)
  }
})

test("an earlier state taken off a later one leaves what came between", () => {
  const random = randomOf(11)
  const times = Array.from({ length: 1_000 }, () => Math.round(random() * 1e6))
  const [before, after] = [histogram(times.slice(0, 400)), histogram(times)]
  expect(subtractBuckets(after, before)).toEqual(histogram(times.slice(400)))
  expect(subtractBuckets(after, after)).toEqual([])
})

test("there is no quantile of nothing", () => {
  expect(quantile([], 0.5)).toBeUndefined()
})
