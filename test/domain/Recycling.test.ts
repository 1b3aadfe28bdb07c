import { expect, test } from "bun:test"
import {
  idleReportMs,
  isIdleReportDue,
  isLongSilent,
  lookAt,
  noSilence,
  stuckReason,
} from "../../src/domain/Heartbeat.ts"
import { hasteMs, recyclingReason, type WorkerAge } from "../../src/domain/Recycling.ts"
import { rpcDefaults, type RpcNumbers } from "../../src/domain/Setting.ts"

const MiB = 1024 ** 2
const hour = 3_600_000
const young: WorkerAge = { requests: 5, rssBytes: 40 * MiB, ageMs: 1_000 }
const middle = { requests: 0.5, lifetime: 0.5 }

const rows: ReadonlyArray<
  readonly [
    what: string,
    over: Partial<RpcNumbers>,
    age: Partial<WorkerAge>,
    draw: typeof middle,
    reason: string | undefined,
  ]
> = [
  ["nothing is limited", {}, { requests: 1e9, rssBytes: 1e12, ageMs: 1e12 }, middle, undefined],
  ["one call before the limit", { maxRequests: 10 }, { requests: 9 }, middle, undefined],
  ["at the limit", { maxRequests: 10 }, { requests: 10 }, middle, "it has answered 10 calls, and goes after 10"],
  ["before its own limit", { maxRequests: 10, maxRequestsJitter: 9 }, { requests: 14 }, middle, undefined],
  [
    "at its own limit",
    { maxRequests: 10, maxRequestsJitter: 9 },
    { requests: 15 },
    middle,
    "it has answered 15 calls, and goes after 15",
  ],
  [
    "with the smallest draw",
    { maxRequests: 10, maxRequestsJitter: 9 },
    { requests: 10 },
    { ...middle, requests: 0 },
    "it has answered 10 calls, and goes after 10",
  ],
  [
    "before the largest draw's limit",
    { maxRequests: 10, maxRequestsJitter: 9 },
    { requests: 18 },
    { ...middle, requests: 0.999_999 },
    undefined,
  ],
  ["jitter alone", { maxRequestsJitter: 9 }, { requests: 100 }, middle, undefined],
  ["memory at the limit", { maxRssBytes: 50 * MiB }, { rssBytes: 50 * MiB }, middle, undefined],
  [
    "memory above the limit",
    { maxRssBytes: 50 * MiB },
    { rssBytes: 51.5 * MiB },
    middle,
    "it has 51.5 MiB of memory, and may have 50.0 MiB",
  ],
  ["younger than it may be", { maxLifetimeMs: hour }, { ageMs: hour - 1 }, middle, undefined],
  ["old enough", { maxLifetimeMs: hour }, { ageMs: hour }, middle, "it is 1.0 h old, and goes after 1.0 h"],
  [
    "a tenth earlier",
    { maxLifetimeMs: hour },
    { ageMs: 0.9 * hour },
    { ...middle, lifetime: 0 },
    "it is 54.0 min old, and goes after 54.0 min",
  ],
  ["a tenth later", { maxLifetimeMs: hour }, { ageMs: 1.09 * hour }, { ...middle, lifetime: 0.999_999 }, undefined],
]

for (const [what, over, age, draw, reason] of rows) {
  test(`${what}: ${reason ?? "it stays"}`, () => {
    expect(recyclingReason({ ...rpcDefaults, ...over }, { ...young, ...age }, draw)).toBe(reason)
  })
}

/** What is said of a worker after these looks: the reports so far, and how long after the last look. */
const afterLooks = (looks: ReadonlyArray<readonly [heard: number, elapsedMs: number]>, timeoutMs: number) => {
  let silence = noSilence
  for (const [heard, elapsedMs] of looks) silence = lookAt(silence, heard, elapsedMs)
  return stuckReason(silence, timeoutMs)
}
const silent = (looks: number, elapsedMs = 1_000) => Array.from({ length: looks }, () => [7, elapsedMs] as const)

test("a worker that says nothing for the time that was set is stuck, and not a second earlier", () => {
  expect(afterLooks([[7, 1_000], ...silent(9)], 10_000)).toBeUndefined()
  expect(afterLooks([[7, 1_000], ...silent(10)], 10_000)).toBe("stuck: its event loop did not turn for 10.0 s")
})

test("a report makes good for all silence before", () => {
  expect(afterLooks([...silent(9), [8, 1_000], [8, 1_000]], 10_000)).toBeUndefined()
})

test("looks that come late do not make a worker silent: it was the agent that did not run", () => {
  expect(afterLooks([[7, 1_000], ...silent(2, 60_000)], 10_000)).toBeUndefined()
})

test("a worker that waits for a CPU is not stuck; one that has had as long of it as it may be silent is", () => {
  const timeoutMs = 10_000
  // How many looks until it is killed, of which each second it gets so much of a CPU.
  const looksWith = (cpuMs: number) => {
    let silence = noSilence
    for (let looks = 1; looks <= 200; looks++) {
      const waitedMs = isLongSilent(silence, timeoutMs) ? 70_000 + looks * (1_000 - cpuMs) : undefined
      silence = lookAt(silence, 0, 1_000, waitedMs)
      if (stuckReason(silence, timeoutMs) !== undefined) return looks
    }
    return undefined
  }
  expect(looksWith(1_000)).toBe(10)
  // Half of the time counts whole, and one look to know how long it had waited before.
  expect(looksWith(500)).toBe(5 + 1 + 8)
  expect(looksWith(0)).toBeUndefined()
  // As soon as it is heard, all is forgotten.
  expect(lookAt({ heard: 3, silentMs: 9_000, waitedMs: 5 }, 4, 1_000, 5)).toEqual({ ...noSilence, heard: 4 })
})

test("a timeout below three reports counts as three, and 0 as none", () => {
  expect(afterLooks([[7, 1_000], ...silent(2)], 100)).toBeUndefined()
  expect(afterLooks([[7, 1_000], ...silent(3)], 100)).toBe("stuck: its event loop did not turn for 3.0 s")
  expect(afterLooks(silent(1_000), 0)).toBeUndefined()
})

test("a worker that idles reports often enough not to be taken for stuck, and seldom where it may", () => {
  for (const [timeoutMs, seconds] of [
    [0, 5],
    [100, 1],
    [3_000, 1],
    [4_000, 2],
    [10_000, 4],
    [3_600_000, 5],
  ] as const) {
    // Its timer is up to 200 ms late at times.
    let [heard, sentAt] = [0, 0]
    let silence = noSilence
    for (let second = 1; second <= 60; second++) {
      const at = second * 1_000 + (second % 3) * 100
      if (isIdleReportDue(at - sentAt, idleReportMs(timeoutMs), 3)) [heard, sentAt] = [heard + 1, at]
      silence = lookAt(silence, heard, 1_000)
      expect(stuckReason(silence, timeoutMs)).toBeUndefined()
    }
    expect(heard).toBeGreaterThanOrEqual(Math.floor(60 / seconds) - 1)
    expect(heard).toBeLessThanOrEqual(60 / Math.max(1, seconds - 1))
  }
  expect(isIdleReportDue(0, 5_000, 100)).toBe(true)
})

test("workers that are too old as soon as they are up are replaced ever more slowly, others without a wait", () => {
  expect(hasteMs(hour, 0)).toBe(0)
  expect(hasteMs(10_000, 0)).toBe(0)
  const waits: Array<number> = []
  for (let nth = 0; nth < 8; nth++) waits.push(hasteMs(500 + (waits.at(-1) ?? 0), waits.at(-1) ?? 0))
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  expect(hasteMs(70_000, 30_000)).toBe(0)
})
