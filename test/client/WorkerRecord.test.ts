import { describe, expect, test } from "bun:test"
import { WorkerRecord } from "../../src/client/WorkerRecord.ts"

const lost = { code: "unavailable", isOwn: true } as const
const refused = { code: "invalid_argument", isOwn: false } as const
/** Half of what jitter there is: none. */
const middle = 0.5
const hour = 3_600_000

const record = () => new WorkerRecord(1, 100, -Infinity)

describe("a worker's record", () => {
  test("calls for an ejection at five failures in a row, which any answer interrupts", () => {
    const worker = record()
    const outcomes = [lost, lost, lost, lost, "answer", lost, lost, refused, lost, lost, lost, lost, lost] as const
    const judged = outcomes.map((outcome) =>
      outcome === "answer" ? worker.answered(hour) : worker.failed(outcome, hour),
    )
    expect(judged.lastIndexOf(false)).toBe(11)
    expect(judged.at(-1)).toBe(true)
    expect(worker.calls).toBe(13)
    expect(Object.fromEntries(worker.failures)).toEqual({ unavailable: 11, invalid_argument: 1 })
  })

  test("calls for one when more than half of twenty fail within ten seconds, and forgets what is older", () => {
    const mixed = (everyMs: number) => {
      const worker = record()
      let unfit = false
      for (let nth = 0; nth < 60; nth++) {
        const time = hour + nth * everyMs
        if (nth % 3 === 0) worker.answered(time)
        else unfit = worker.failed(lost, time) || unfit
      }
      return unfit
    }
    expect(mixed(100)).toBe(true)
    expect(mixed(600)).toBe(false)
  })

  test("gives longer and longer times to one that fails its one call, and short ones again after half a minute", () => {
    const worker = record()
    const lasts = (time: number) => {
      worker.eject(time, middle)
      return worker.ejectedUntil - time
    }
    expect([lasts(hour), lasts(hour + 5_000), lasts(hour + 15_000)]).toEqual([5_000, 10_000, 15_000])
    worker.restore(hour + 30_000)
    expect(worker.isOut).toBe(false)
    expect(lasts(hour + 40_000)).toBe(20_000)
    worker.restore(hour + 60_000)
    expect(lasts(hour + 60_000 + 65_000)).toBe(15_000)
    worker.forgive(2 * hour)
    expect([worker.isOut, lasts(2 * hour)]).toEqual([false, 5_000])
    expect(worker.ejections).toBe(6)
  })

  test("is tried at once when another process takes its place, which then starts slowly", () => {
    const worker = record()
    worker.eject(hour, middle)
    worker.replaced(101, hour + 1_000)
    expect(worker).toMatchObject({ pid: 101, startedAt: hour + 1_000, ejectedUntil: hour + 1_000, isOut: true })
  })
})
