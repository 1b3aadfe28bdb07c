import { expect, test } from "bun:test"
import { KeyWindow } from "../../../src/node/keys/KeyWindow.ts"
import type { KeyOutcome } from "../../../src/protocol/WorkerLink.ts"

const done: KeyOutcome = { ok: true, value: { balance: 12 } }
const failed: KeyOutcome = { ok: false, code: "aborted", message: "not now", details: null }
const small = { keys: 3, bytes: 100, resultBytes: 40 }

test("the first call under a key runs, and a repeat gets what became of it until the window ends", () => {
  const keys = new KeyWindow(() => 1_000)
  expect(keys.begin({ pid: 1 }, "k", "hash", 0)).toEqual({ state: "run" })
  expect(keys.begin({ pid: 2 }, "k", "hash", 10)).toEqual({ state: "running", lost: false })
  keys.end(1, "k", done, 20)
  expect(keys.begin({ pid: 2 }, "k", "hash", 1_019)).toEqual({ state: "done", outcome: done })
  expect(keys.begin({ pid: 2 }, "k", "hash", 1_020)).toEqual({ state: "run" })
  keys.end(2, "k", failed, 1_030)
  expect(keys.begin({ pid: 1 }, "k", "hash", 1_040)).toEqual({ state: "done", outcome: failed })
})

test("only the call itself may ask again while it runs, not another one of its worker", () => {
  const keys = new KeyWindow(() => 1_000)
  expect(keys.begin({ pid: 1, call: 1 }, "k", "hash", 0)).toEqual({ state: "run" })
  expect(keys.begin({ pid: 1, call: 1 }, "k", "hash", 1)).toEqual({ state: "run" })
  expect(keys.begin({ pid: 1, call: 2 }, "k", "hash", 2)).toEqual({ state: "running", lost: false })
  expect(keys.begin({ pid: 2, call: 1 }, "k", "hash", 3)).toEqual({ state: "running", lost: false })
})

test("a key that was used for another call is told, whatever became of that one", () => {
  const keys = new KeyWindow(() => 1_000)
  keys.begin({ pid: 1 }, "k", "hash", 0)
  expect(keys.begin({ pid: 1 }, "k", "other", 1)).toEqual({ state: "mismatch" })
  keys.end(1, "k", done, 2)
  expect(keys.begin({ pid: 1 }, "k", "other", 3)).toEqual({ state: "mismatch" })
})

test("of a worker that died before it told what became of its call nobody knows, until the window ends", () => {
  const keys = new KeyWindow(() => 1_000)
  keys.begin({ pid: 1 }, "a", "hash", 0)
  keys.begin({ pid: 2 }, "b", "hash", 0)
  keys.workerGone(1, 5_000)
  expect(keys.begin({ pid: 3 }, "a", "hash", 5_999)).toEqual({ state: "running", lost: true })
  expect(keys.begin({ pid: 3 }, "b", "hash", 5_999)).toEqual({ state: "running", lost: false })
  expect(keys.begin({ pid: 3 }, "a", "hash", 6_000)).toEqual({ state: "run" })
})

test("only the worker that runs a call says what became of it", () => {
  const keys = new KeyWindow(() => 1_000)
  keys.begin({ pid: 1 }, "k", "hash", 0)
  keys.end(2, "k", done, 1)
  expect(keys.begin({ pid: 1 }, "k", "hash", 2)).toEqual({ state: "running", lost: false })
})

test("with a window of 0 nothing is kept", () => {
  const keys = new KeyWindow(() => 0)
  expect(keys.begin({ pid: 1 }, "k", "hash", 0)).toEqual({ state: "run" })
  expect(keys.begin({ pid: 1 }, "k", "hash", 0)).toEqual({ state: "run" })
  expect(keys.size).toBe(0)
})

test("the oldest results make room for new calls, and calls that run never do", () => {
  const keys = new KeyWindow(() => 1_000, small)
  for (const key of ["a", "b", "c"]) keys.begin({ pid: 1 }, key, "hash", 0)
  expect(keys.begin({ pid: 1 }, "d", "hash", 1)).toBeUndefined()
  keys.end(1, "a", { ok: true, value: 1 }, 2)
  keys.end(1, "b", { ok: true, value: 2 }, 3)
  expect(keys.begin({ pid: 1 }, "d", "hash", 4)).toEqual({ state: "run" })
  expect(keys.size).toBe(3)
  expect(keys.begin({ pid: 1 }, "b", "hash", 5)).toEqual({ state: "done", outcome: { ok: true, value: 2 } })
})

test("results take no more room than they may, and one that is too large is replaced by a word about it", () => {
  const keys = new KeyWindow(() => 1_000, { ...small, keys: 100 })
  for (let nth = 0; nth < 50; nth++) {
    keys.begin({ pid: 1 }, `k${nth}`, "hash", nth)
    keys.end(1, `k${nth}`, { ok: true, value: "0123456789" }, nth)
    expect(keys.bytes).toBeLessThanOrEqual(100)
  }
  expect(keys.begin({ pid: 1 }, "k49", "hash", 50)).toEqual({
    state: "done",
    outcome: { ok: true, value: "0123456789" },
  })
  const roomy = new KeyWindow(() => 1_000, { ...small, bytes: 1_000 })
  roomy.begin({ pid: 1 }, "large", "hash", 50)
  roomy.end(1, "large", { ok: true, value: "x".repeat(100) }, 51)
  const { outcome } = roomy.begin({ pid: 1 }, "large", "hash", 52) as { outcome: KeyOutcome }
  expect(outcome).toMatchObject({ ok: false, code: "failed_precondition" })
  expect("message" in outcome && outcome.message).toMatch(/result of 1\d\d bytes is too large to be kept/)
})
