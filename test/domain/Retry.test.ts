import { describe, expect, test } from "bun:test"
import { retriesLeft, retryLimits, retryOf, retryWaitMs, worstExecuted } from "../../src/domain/Retry.ts"

describe("after a try", () => {
  const plain = { untaken: false, idempotent: false, keyed: false }
  test.each([
    ["unavailable", "no", { ...plain, untaken: true }, "free"],
    ["deadline_exceeded", "no", { ...plain, untaken: true }, "free"],
    ["unavailable", "no", plain, "budget"],
    ["resource_exhausted", "no", plain, "budget"],
    ["unimplemented", "no", plain, "never"],
    ["invalid_argument", "no", plain, "never"],
    ["failed_precondition", "no", plain, "never"],
    ["cancelled", "no", { ...plain, untaken: true }, "never"],
    ["unavailable", "maybe", plain, "never"],
    ["unavailable", "maybe", { ...plain, untaken: true }, "never"],
    ["unavailable", "maybe", { ...plain, idempotent: true }, "budget"],
    ["unavailable", "maybe", { ...plain, keyed: true }, "budget"],
    ["internal", "maybe", { ...plain, idempotent: true }, "budget"],
    ["deadline_exceeded", "maybe", { ...plain, idempotent: true }, "never"],
    ["invalid_argument", "maybe", { ...plain, idempotent: true }, "never"],
    ["unavailable", "yes", { ...plain, idempotent: true }, "never"],
  ] as const)("that failed with %p, executed %p, %p, another one is: %p", (code, executed, rest, expected) => {
    expect(retryOf({ code, executed, ...rest })).toBe(expected)
  })

  test("the wait grows, and is never long nor nothing", () => {
    expect(retryWaitMs(1, 0)).toBe(5)
    expect(retryWaitMs(1, 0.999)).toBeLessThan(10.1)
    expect(retryWaitMs(3, 0)).toBe(20)
    expect(retryWaitMs(100, 0.999)).toBeLessThanOrEqual(250)
  })

  test("a call is as executed as the most executed of its tries", () => {
    expect(worstExecuted("no", "no")).toBe("no")
    expect(worstExecuted("maybe", "no")).toBe("maybe")
    expect(worstExecuted("no", "yes")).toBe("yes")
    expect(worstExecuted("yes", "maybe")).toBe("yes")
  })
})

describe("the retry budget", () => {
  test.each([
    [{ calls: 0, retries: 0, retriesThisSecond: 0 }, 10],
    [{ calls: 0, retries: 10, retriesThisSecond: 10 }, 0],
    [{ calls: 0, retries: 10, retriesThisSecond: 0 }, 10],
    [{ calls: 1_000, retries: 0, retriesThisSecond: 0 }, 200],
    [{ calls: 1_000, retries: 199, retriesThisSecond: 199 }, 1],
    [{ calls: 1_000, retries: 200, retriesThisSecond: 200 }, 0],
  ])("after %p leaves %p", (counts, expected) => {
    expect(retriesLeft(counts, retryLimits)).toBe(expected)
  })
})
