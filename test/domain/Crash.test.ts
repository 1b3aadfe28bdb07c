import { expect, test } from "bun:test"
import { callsAtEnd, isWorthReport } from "../../src/domain/Crash.ts"
import { cpuPercentOf, ticksSince } from "../../src/domain/Usage.ts"

test("a program that can't start does not fill the book, and one that ran always has its report", () => {
  expect(isWorthReport({ wasRunning: false, failures: 1 })).toBe(true)
  expect(isWorthReport({ wasRunning: false, failures: 2 })).toBe(false)
  expect(isWorthReport({ wasRunning: true, failures: 9 })).toBe(true)
})

test("the calls at the end are those of the journal, with the callers of the last report", () => {
  const reported = [
    { method: "a", ageMs: 100, remote: "one" },
    { method: "gone", ageMs: 50, remote: "two" },
  ]
  const written = [
    { method: "a", startedAt: 1_000 },
    { method: "a", startedAt: 1_500 },
    { method: "b", startedAt: 2_500 },
  ]
  expect(callsAtEnd(written, reported, 2_000)).toEqual([
    { method: "a", ageMs: 1_000, remote: "one" },
    { method: "a", ageMs: 500, remote: "" },
    { method: "b", ageMs: 0, remote: "" },
  ])
  const [first, ...more] = written
  const named = [{ method: "a", startedAt: 900, remote: "one" }, { ...first, method: "a" }, ...more]
  const known = [...reported, { method: "a", ageMs: 40, remote: "three" }]
  expect(callsAtEnd(named, known, 2_000).map(({ remote }) => remote)).toEqual(["one", "three", "", ""])
  expect(callsAtEnd([], reported, 2_000)).toEqual(reported)
  expect(
    callsAtEnd(
      Array.from({ length: 50 }, () => ({ method: "a" })),
      [],
      1,
    ),
  ).toHaveLength(20)
})

test("CPU is that of the processes that are there, those that came since from their start, never below 0", () => {
  const before = new Map([
    [1, { pid: 1, startTime: 10, cpuTicks: 100 }],
    [2, { pid: 2, startTime: 11, cpuTicks: 400 }],
  ])
  const count = (pid: number, startTime: number, cpuTicks: number) => ({ pid, startTime, cpuTicks })
  expect(ticksSince(before, [count(1, 10, 130), count(2, 11, 400)])).toBe(30)
  expect(ticksSince(before, [count(1, 10, 130), count(3, 12, 7)])).toBe(37)
  // The number was used again by another process.
  expect(ticksSince(before, [count(2, 99, 5)])).toBe(5)
  expect(ticksSince(before, [count(1, 10, 90)])).toBe(0)
  expect(cpuPercentOf(50, 1_000, 100)).toBe(50)
  expect(cpuPercentOf(300, 2_000, 100)).toBe(150)
  expect(cpuPercentOf(1, 0, 100)).toBe(0)
})
