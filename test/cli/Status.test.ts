import { expect, test } from "bun:test"
import { failedReload, isAsWanted, type Place } from "../../src/cli/processes/Status.ts"

const startedAt = 5_000
const place = (since: number, state: string): Place => ({
  nodeName: "web-01",
  name: "shop",
  delivery: { state: "acked", wanted: { revision: 2, desired: "running" }, message: null, nextTryAt: null },
  action: null,
  status: {
    state: "RUNNING",
    desired: "running",
    specRevision: 2,
    reason: null,
    since,
    workers: [{ slot: 0, pid: 7, state: "RUNNING", restarts: 0, reason: null, since, ready: true, adopted: false }],
    taskWorkers: [],
    waitingFor: null,
    limitsMissing: null,
    reload: { state, replaced: 0, total: 1, reason: "no such user", startedAt, endedAt: 5_100 },
  },
  error: null,
})

test("a place whose new revision could not be started is not as wanted, and says why", () => {
  expect(failedReload(place(1_000, "failed"))).toBe("the reload failed: no such user")
  expect(isAsWanted(place(1_000, "failed"))).toBe(false)
})

test("a reload that failed is told no more once its processes are newer, and one that did not is not told", () => {
  for (const one of [place(9_000, "failed"), place(1_000, "done"), place(1_000, "running")]) {
    expect(failedReload(one)).toBeUndefined()
    expect(isAsWanted(one)).toBe(true)
  }
})
