import { describe, expect, test } from "bun:test"
import { RetryBudget } from "../../src/client/RetryBudget.ts"
import { retryLimits } from "../../src/domain/Retry.ts"

describe("the retry budget", () => {
  test("lets a service that always fails be asked 1.2 times for each call, over many seconds", () => {
    const budget = new RetryBudget(retryLimits)
    let [calls, retries] = [0, 0]
    for (let time = 1_000_000; time < 1_060_000; time++) {
      budget.called(time)
      calls++
      while (budget.take(time)) retries++
    }
    expect((calls + retries) / calls).toBeWithin(1.19, 1.21)
  })

  test("forgets what is more than ten seconds ago", () => {
    const budget = new RetryBudget(retryLimits)
    for (let nth = 0; nth < 1_000; nth++) budget.called(50_000)
    expect(budget.left(50_900)).toBe(200)
    expect(budget.left(59_900)).toBe(200)
    expect(budget.left(60_000)).toBe(10)
    while (budget.take(60_000));
    expect(budget.left(60_500)).toBe(0)
    expect(budget.left(61_000)).toBe(10)
    expect(budget.left(1e9)).toBe(10)
  })

  test("may be none", () => {
    const budget = new RetryBudget({ ratio: 0, perSecond: 0 })
    budget.called(0)
    expect(budget.take(0)).toBe(false)
  })
})
