import { expect, test } from "bun:test"
import { quantile } from "../../src/domain/Histogram.ts"
import { Meter } from "../../src/worker/Meter.ts"

test("a meter tells calls, errors by code, the sum, the longest, and quantiles within one percent", () => {
  const meter = new Meter()
  for (let micros = 1; micros <= 10_000; micros++) meter.record(micros, micros % 100 === 0 ? "not_found" : undefined)
  meter.record(2_000_000, "internal")
  const figures = meter.figures(3)
  expect(figures).toMatchObject({
    calls: 10_001,
    running: 3,
    errors: { not_found: 100, internal: 1 },
    maxMicros: 2_000_000,
    totalMicros: 50_005_000 + 2_000_000,
  })
  for (const q of [0.5, 0.99, 0.999]) {
    expect(Math.abs((quantile(figures.latency, q) ?? 0) / (q * 10_001) - 1)).toBeLessThan(0.01)
  }
  expect(figures.latency.filter((_, index) => index % 2 === 1).reduce((sum, count) => sum + count, 0)).toBe(10_001)
})

test("what was told before does not change, and what was counted since is told next", () => {
  const meter = new Meter()
  expect(meter.figures(0)).toMatchObject({ calls: 0, latency: [] })
  meter.record(5, "aborted")
  const first = meter.figures(0)
  expect(meter.figures(0)).toBe(first)
  expect(meter.figures(2)).toEqual({ ...first, running: 2 })
  meter.record(5, "aborted")
  expect(first).toMatchObject({ calls: 1, errors: { aborted: 1 }, latency: [5, 1] })
  expect(meter.figures(0)).toMatchObject({ calls: 2, errors: { aborted: 2 }, latency: [5, 2] })
})
