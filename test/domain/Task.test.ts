import { describe, expect, test } from "bun:test"
import { afterFailure, taskBackoff } from "../../src/domain/Task.ts"

const run = (attempt: number) => ({ attempt, attemptsMax: 100 })

describe("a task whose run did not end well", () => {
  test("runs again after 1 s, and after twice as long each time, up to 5 minutes", () => {
    const waits = [1, 2, 3, 9, 10, 99].map((attempt) => afterFailure(run(attempt), "failed", 0.999_999_9))
    expect(waits.map((after) => after.next === "again" && after.afterMs)).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000, 300_000,
    ])
  })

  test("waits at least half of that, so that many that failed together come back one after the other", () => {
    expect(afterFailure(run(3), "failed", 0)).toEqual({ next: "again", afterMs: 2_000 })
    expect(afterFailure(run(3), "silent", 0.5)).toEqual({ next: "again", afterMs: 3_000 })
    expect(taskBackoff.capMs).toBe(300_000)
  })

  test("runs again at once when its worker died", () => {
    expect(afterFailure(run(5), "crashed", 0.9)).toEqual({ next: "again", afterMs: 0 })
  })

  test("is dead after its last attempt, however that ended", () => {
    for (const failure of ["failed", "crashed", "silent"] as const) {
      expect(afterFailure({ attempt: 5, attemptsMax: 5 }, failure, 0)).toEqual({ next: "dead" })
      expect(afterFailure({ attempt: 6, attemptsMax: 5 }, failure, 0)).toEqual({ next: "dead" })
      expect(afterFailure({ attempt: 4, attemptsMax: 5 }, failure, 0).next).toBe("again")
    }
  })
})
