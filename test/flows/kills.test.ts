import { expect, test } from "bun:test"
import { killWorkers } from "../support/kills.ts"

// `scripts/bench kills` does the same a thousand times.
test("executed is never no when the handler ran, and no call runs twice, however workers are killed", async () => {
  const report = await killWorkers({ net: "127.1.31", kills: 60, workers: 12 })
  expect(report).toMatchObject({ kills: 60, ranThough: [], didNotRun: [], ranTwice: [] })
  // Each of the verdicts was put to the test.
  expect(report.verdicts.answered).toBeGreaterThan(1_000)
  expect(report.verdicts.maybe).toBeGreaterThan(20)
  expect(report.verdicts.no).toBeGreaterThan(0)
}, 120_000)
