import { describe, expect, test } from "bun:test"
import { ejectionMs, isInfrastructure, isUnfit, mayEject, timesAfter } from "../../src/domain/Ejection.ts"

test.each([
  ["unavailable", false, true],
  ["unavailable", true, true],
  ["deadline_exceeded", true, true],
  ["internal", true, true],
  ["internal", false, false],
  ["invalid_argument", false, false],
  ["permission_denied", false, false],
  ["resource_exhausted", false, false],
  ["failed_precondition", false, false],
  ["unknown", false, false],
] as const)("a failure with %p, said by this side: %p, speaks against the worker: %p", (code, isOwn, expected) => {
  expect(isInfrastructure({ code, isOwn })).toBe(expected)
})

test.each([
  [{ consecutive: 4, failed: 4, total: 10 }, false],
  [{ consecutive: 5, failed: 5, total: 10 }, true],
  [{ consecutive: 1, failed: 10, total: 19 }, false],
  [{ consecutive: 1, failed: 10, total: 20 }, false],
  [{ consecutive: 1, failed: 11, total: 20 }, true],
  [{ consecutive: 2, failed: 40, total: 100 }, false],
])("after %p a worker is unfit: %p", (tally, expected) => {
  expect(isUnfit(tally)).toBe(expected)
})

describe("of all workers", () => {
  test.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [10, 5],
  ])("%p, as many as %p are left out", (total, most) => {
    let ejected = 0
    while (mayEject(ejected, total)) ejected++
    expect(ejected).toBe(most)
  })
})

describe("an ejection", () => {
  test.each([
    [1, 5_000],
    [2, 10_000],
    [7, 35_000],
    [1_000, 300_000],
  ])("for the %pth time takes about %p ms, give or take a fifth", (times, ms) => {
    expect(ejectionMs(times, 0)).toBe(ms * 0.8)
    expect(ejectionMs(times, 0.5)).toBe(ms)
    expect(ejectionMs(times, 0.999)).toBeWithin(ms * 1.19, ms * 1.2)
  })

  test("is forgotten after half a minute of health", () => {
    expect(timesAfter(3, 29_999)).toBe(3)
    expect(timesAfter(3, 30_000)).toBe(2)
    expect(timesAfter(3, 1e9)).toBe(0)
  })
})
