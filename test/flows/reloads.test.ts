import { expect, test } from "bun:test"
import { reloadUnderLoad } from "../support/reloads.ts"

// `scripts/bench reload` does the same at full length.
test("reloads, recyclings and a broken version under load fail no call and reset no connection", async () => {
  const report = await reloadUnderLoad({
    net: "127.1.33",
    workers: 2,
    reloads: 2,
    recyclings: 3,
    callsEach: 100,
    widths: { pipelined: 16, connecting: 16 },
  })
  expect(report.load).toMatchObject({ failed: [], resets: [] })
  expect(report.load.pipelined).toBeGreaterThan(100)
  expect(report.load.connecting).toBeGreaterThan(100)
  expect(report.reloads.map(({ outcome, replaced }) => ({ outcome, replaced }))).toEqual(
    Array.from({ length: 2 }, () => ({ outcome: "done", replaced: 2 })),
  )
  expect(report.broken).toMatchObject({ outcome: "failed", replaced: 0 })
  expect(report.broken.reason).toContain("service.ts:1:")
  expect(report.brokenReplacedNobody).toBe(true)
}, 180_000)
