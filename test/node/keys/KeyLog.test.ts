import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test"
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { KeyLog } from "../../../src/node/keys/KeyLog.ts"
import { KeyWindow } from "../../../src/node/keys/KeyWindow.ts"
import { temporaryFolder } from "../../support/muster.ts"

// Many small files, on a busy disk.
setDefaultTimeout(60_000)

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

const faults: Array<unknown> = []
const path = () => join(folder.path, "set.keys")
const done = { ok: true, value: [1, "two"] } as const

/** A window of 1 s, as the agent that comes at `bootMs` knows it; its own clock begins at 0. */
const windowAt = (bootMs: number, alive: ReadonlyArray<number> = []) => {
  const keys = new KeyWindow(() => 1_000)
  const log = new KeyLog(path(), (error) => faults.push(error))
  keys.keepIn(log, { now: 0, bootMs, isAlive: (pid) => alive.includes(pid) })
  return keys
}

test("there is no file before the first key", () => {
  windowAt(5_000)
  expect(existsSync(path())).toBe(false)
})

test("an outcome is not forgotten with its agent, and not kept for longer than the window", () => {
  const first = windowAt(5_000)
  first.begin({ pid: 1, call: 1 }, "k", "hash", 100)
  first.end(1, "k", done, 200)
  expect(windowAt(5_900).begin({ pid: 2 }, "k", "hash", 0)).toEqual({ state: "done", outcome: done })
  expect(windowAt(6_190).begin({ pid: 2 }, "k", "hash", 5)).toEqual({ state: "done", outcome: done })
  expect(windowAt(6_190).begin({ pid: 2 }, "k", "hash", 10)).toEqual({ state: "run" })
})

test("a call that still runs is not run twice, and one whose worker is gone is known as lost", () => {
  const first = windowAt(5_000)
  first.begin({ pid: 1, call: 1 }, "one", "hash", 100)
  first.begin({ pid: 2, call: 1 }, "two", "hash", 100)
  const second = windowAt(5_500, [1])
  expect(second.begin({ pid: 3, call: 1 }, "one", "hash", 0)).toEqual({ state: "running", lost: false })
  expect(second.begin({ pid: 3, call: 2 }, "two", "hash", 0)).toEqual({ state: "running", lost: true })
  // It asks once more, as the answer was lost with the agent; and then says what came of it.
  expect(second.begin({ pid: 1, call: 1 }, "one", "hash", 0)).toEqual({ state: "run" })
  second.end(1, "one", done, 10)
  expect(windowAt(5_600).begin({ pid: 3 }, "one", "hash", 0)).toEqual({ state: "done", outcome: done })
})

test("what one agent has kept is known to all that come after it, beside what those add", () => {
  const first = windowAt(5_000)
  first.begin({ pid: 1, call: 1 }, "runs", "hash", 100)
  first.begin({ pid: 1, call: 2 }, "done", "hash", 100)
  first.end(1, "done", done, 110)
  const second = windowAt(5_200, [1])
  second.begin({ pid: 2, call: 1 }, "added", "hash", 0)
  second.end(2, "added", done, 10)
  const third = windowAt(5_400, [1])
  expect(third.begin({ pid: 3 }, "runs", "hash", 0)).toEqual({ state: "running", lost: false })
  expect(third.begin({ pid: 3 }, "done", "hash", 0)).toEqual({ state: "done", outcome: done })
  expect(third.begin({ pid: 3 }, "added", "hash", 0)).toEqual({ state: "done", outcome: done })
})

test("calls go on when the file can't be written, and that is told", () => {
  mkdirSync(path())
  const keys = windowAt(5_000)
  expect(keys.begin({ pid: 1 }, "k", "hash", 100)).toEqual({ state: "run" })
  keys.end(1, "k", done, 110)
  expect(keys.begin({ pid: 2 }, "k", "hash", 120)).toEqual({ state: "done", outcome: done })
  expect(faults.splice(0).length).toBeGreaterThan(0)
})

test("of a file that was cut off anywhere no more is lost than its last record", () => {
  const first = windowAt(5_000)
  for (const key of ["a", "b", "c"]) {
    first.begin({ pid: 1 }, key, "hash", 100)
    first.end(1, key, done, 100)
  }
  const whole = readFileSync(path())
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    writeFileSync(path(), whole)
    truncateSync(path(), bytes)
    const known = ["a", "b", "c"].filter((key) => windowAt(5_200).begin({ pid: 2 }, key, "hash", 0)?.state === "done")
    expect(known).toEqual(["a", "b", "c"].slice(0, known.length))
    if (bytes === whole.length) expect(known).toHaveLength(3)
  }
  writeFileSync(path(), whole)
  appendFileSync(path(), Buffer.from([9, 0, 0, 0, 1, 2]))
  expect(windowAt(5_200).size).toBe(3)
  expect(faults).toEqual([])
})

test("nothing is believed that was written before a reboot", () => {
  const first = windowAt(5_000)
  first.begin({ pid: 1 }, "k", "hash", 100)
  first.end(1, "k", done, 100)
  const text = readFileSync(path(), "latin1").replace(/boot([^-]{2,4})[0-9a-f]{8}-/, "boot$100000000-")
  writeFileSync(path(), Buffer.from(text, "latin1"))
  expect(windowAt(5_200).size).toBe(0)
})

test("the file does not grow for ever", () => {
  const keys = windowAt(5_000)
  for (let nth = 0; nth < 20_000; nth++) {
    keys.begin({ pid: 1 }, `${nth}`, "hash", nth)
    keys.end(1, `${nth}`, { ok: true, value: "x".repeat(200) }, nth)
  }
  expect(statSync(path()).size).toBeLessThan(4 * 1024 ** 2)
  expect(keys.size).toBeGreaterThan(900)
})
