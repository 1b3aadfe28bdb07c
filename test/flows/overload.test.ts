import { expect, test } from "bun:test"
import { overloadWorker } from "../support/overload.ts"

// `scripts/bench overload` measures it, on a core of its own; here other tests run beside it.
test("a worker that is offered three times what it can do goes on doing most of it in time, and drops the rest", async () => {
  const report = await overloadWorker({ net: "127.1.34", factor: 3, ms: 3_000 })
  expect(report.overload.offered).toBeGreaterThan(report.peak * 2)
  expect(report.goodput).toBeGreaterThan(0.6)
  expect(report.overload.refused + report.overload.late).toBeGreaterThan(report.peak)
  expect(report.runsInVain).toBe(0)
  // What is dropped is dropped before it is run: hardly a run is of use to nobody.
  expect(report.runsUnanswered).toBeLessThan(report.runs * 0.2)
}, 90_000)
