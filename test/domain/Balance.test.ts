import { describe, expect, test } from "bun:test"
import {
  cheaperOf,
  fadedSlowness,
  type Load,
  loadCost,
  memoryMs,
  overdue,
  sharesOf,
  slownessAfter,
  slownessOf,
  standstillsAfter,
  slowStartShare,
  usualAfter,
} from "../../src/domain/Balance.ts"
import { pickWeighted, weightedTable } from "../../src/domain/WeightedTable.ts"
import { randomOf } from "../support/random.ts"

describe("the usual time of a method", () => {
  test("is what the first answer took, and follows the later ones", () => {
    expect(usualAfter(undefined, 7)).toBe(7)
    let usual = 1
    for (let nth = 0; nth < 400; nth++) usual = usualAfter(usual, 20)
    expect(usual).toBeCloseTo(20, 0)
    for (let nth = 0; nth < 400; nth++) usual = usualAfter(usual, 2)
    expect(usual).toBeCloseTo(2, 0)
  })

  test("is moved little by an answer that took very long", () => {
    expect(usualAfter(1, 500)).toBeLessThan(1.1)
    expect(usualAfter(40, 5_000)).toBeLessThan(42)
  })
})

describe("slowness", () => {
  test.each([
    [0.2, 0.3, 1, "differences below some milliseconds are none"],
    [30, 30, 1, "as usual"],
    [505, 0.1, 100, "half a second where a moment is usual"],
    [800, 800, 1, "a slow method is not a slow worker"],
  ])("of %p ms where %p is usual is about %p: %s", (took, usual, expected) => {
    expect(slownessOf(took, usual) / expected).toBeWithin(0.9, 1.1)
  })

  test("counts at once, and fades with time and with quick answers", () => {
    expect(slownessAfter(1, 90, 1)).toBe(90)
    expect(slownessAfter(90, 1, 0)).toBeWithin(75, 85)
    expect(fadedSlowness(90, memoryMs)).toBeCloseTo(1 + 89 / Math.E, 5)
    expect(fadedSlowness(90, 0)).toBe(90)
    let slowness = 90
    for (let nth = 0; nth < 50; nth++) slowness = slownessAfter(slowness, 1, 1)
    expect(slowness).toBeLessThan(1.5)
  })
})

test.each([
  [0, Infinity, 1],
  [1, 1_000, 2],
  [1, 20, 1],
  [4, 1_000, 4],
  [4, 25_000, 3],
  [2, 60_000, 1],
])(
  "a worker that stood still %p times of late, last %p ms ago, did %p times when it does again",
  (before, since, after) => {
    expect(standstillsAfter(before, since)).toBe(after)
    expect(slownessAfter(90, 1, after)).toBeGreaterThanOrEqual(slownessAfter(90, 1, 1))
  },
)

describe("the cheaper of two workers", () => {
  const load = (given: Partial<Load> = {}): Load => ({
    inFlight: 0,
    share: 1,
    paceMs: 0.1,
    overdueMs: 0,
    slowness: 1,
    ...given,
  })
  test.each([
    [{}, {}, undefined, "both idle"],
    [{}, { slowness: 1.5 }, undefined, "a little slower"],
    [{ inFlight: 3 }, {}, undefined, "three quick calls more"],
    [{ inFlight: 40, share: 1.5 }, { inFlight: 20, share: 0.5 }, undefined, "calls in flight, quickly done"],
    [{ inFlight: 2, paceMs: 50 }, { inFlight: 0, paceMs: 50 }, 1, "two slow calls more"],
    [{ inFlight: 400 }, { inFlight: 20 }, 1, "a queue of 40 ms"],
    [{ slowness: 40 }, {}, 1, "forty times slower"],
    [{ slowness: 40 }, { inFlight: 5_000 }, 0, "slower, but the other has half a second to do"],
    [{ inFlight: 20, overdueMs: 2 }, { inFlight: 20 }, undefined, "silent for a moment"],
    [{ inFlight: 60, overdueMs: 2 }, { inFlight: 10 }, 1, "silent for a moment while calls pile up"],
    [{ inFlight: 1, overdueMs: 10 }, { inFlight: 1 }, 1, "silent"],
    [{ inFlight: 20, overdueMs: 100 }, { inFlight: 20, overdueMs: 90 }, undefined, "both silent"],
  ] as const)("of %p and %p is %p: %s", (first, second, expected) => {
    const [one, other] = [load(first), load(second)]
    expect(cheaperOf(loadCost(one, other), loadCost(other, one), 0.999)).toBe(expected)
  })

  test.each([
    [0.3, 0.2, 0],
    [10, 5, 0],
    [10, 0.5, 7.5],
    [500, 1, 495.5],
  ])("is told from a silence of %p ms, where %p is usual, as %p ms too long", (quiet, usual, expected) => {
    expect(overdue(quiet, usual)).toBeCloseTo(expected, 5)
  })

  test("leaves the costlier one a chance, the smaller the costlier it is", () => {
    const random = randomOf(1)
    const chance = (cost: number) => {
      let kept = 0
      for (let nth = 0; nth < 100_000; nth++) if (cheaperOf(cost, 1, random()) === 0) kept++
      return kept / 100_000
    }
    expect(chance(4)).toBeWithin(0.24, 0.26)
    expect(chance(20)).toBeWithin(0.008, 0.012)
    expect(chance(200)).toBeLessThan(0.0005)
  })
})

describe("shares of an endpoint's weight", () => {
  const at = (...ages: ReadonlyArray<number>) => ages.map((age) => ({ started: slowStartShare(age) }))
  const rounded = (shares: ReadonlyArray<number>) => shares.map((share) => Math.round(share * 100) / 100)
  test.each([
    [100, [Infinity, Infinity], [50, 50], "workers that have been there share it"],
    [100, [Infinity, Infinity, 1_000], [47.62, 47.62, 4.76], "a new one begins with little, which the others carry"],
    [100, [Infinity, 5_000], [66.67, 33.33], "half way"],
    [100, [0, 0], [5, 5], "an endpoint that is new as a whole gets little"],
    [40, [10_000], [40], "all of it after ten seconds"],
  ])("%p over workers of the ages %p are %p: %s", (weight, ages, expected) => {
    expect(rounded(sharesOf(weight, at(...ages)))).toEqual(expected)
  })
})

describe("a table of weights", () => {
  test.each([[[100, 50]], [[1]], [[7, 7, 7]], [[100, 1, 1, 50, 3]], [[0.1, 99.9]]])(
    "%p is picked from in its ratio",
    (weights) => {
      const table = weightedTable(weights)
      const random = randomOf(7)
      const counts = weights.map(() => 0)
      const picks = 200_000
      for (let nth = 0; nth < picks; nth++) counts[pickWeighted(table, random())]!++
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (const [index, count] of counts.entries()) {
        expect(Math.abs(count / picks - weights[index]! / total)).toBeLessThan(0.005)
      }
    },
  )

  test("of nothing answers nothing", () => {
    expect(pickWeighted(weightedTable([]), 0.5)).toBe(-1)
  })
})
