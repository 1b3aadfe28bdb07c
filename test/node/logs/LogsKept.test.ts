import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs"
import { expect, setDefaultTimeout, test } from "bun:test"
import { rotatedGzip, rotatedLog, stampOf } from "../../../src/node/logs/LogNames.ts"
import { waitFor } from "../../support/waitFor.ts"
import { set, TestLogs } from "./TestLogs.ts"
import { filesOf } from "./TestPump.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const day = 86_400_000

/** Files of a process set that were put aside, and were written so many days ago. */
const leave = (logs: TestLogs, name: string, count: number, days = 0) => {
  mkdirSync(logs.path(name), { recursive: true })
  const time = (Date.now() - days * day) / 1_000
  return Array.from({ length: count }, (_, index) => {
    const path = logs.path(name, rotatedLog("0.out", stampOf(Date.now() - (count - index) * 1_000)))
    writeFileSync(path, `file ${index}\n`)
    utimesSync(path, time, time)
    return path
  })
}

test("logs are looked after all the same when the clock is put back", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker"))
  const folder = logs.path("talker")
  const go = logs.path("go")
  mkdirSync(folder, { recursive: true })
  // The second line finds the file where it was; until that is looked at again, what comes goes there.
  const lines = `echo one; sleep 0.4; echo two; while [ ! -e ${go} ]; do sleep 0.05; done; echo three`
  const { ended } = await logs.start("talker", lines)
  const current = logs.path("talker", "0.out.log")
  await waitFor(() => existsSync(current) && readFileSync(current, "utf8") === "one\ntwo\n")
  logs.putClock(-365 * day)
  renameSync(current, logs.path("moved"))
  await Bun.sleep(2_500)
  writeFileSync(go, "")
  await ended
  await waitFor(() => existsSync(current) && readFileSync(current, "utf8") === "three\n")
  expect(readFileSync(logs.path("moved"), "utf8")).toBe("one\ntwo\n")
})

test("what was taken off the node goes after its 30 days, also when the clock was put back meanwhile", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("gone"), set("talker"))
  leave(logs, "early", 1, 31)
  logs.putClock(2 * 3_600_000)
  await waitFor(() => !existsSync(logs.path("early")))
  leave(logs, "gone", 1, 31)
  await logs.assign(set("talker"))
  logs.putClock(-1.5 * 3_600_000)
  await waitFor(() => !existsSync(logs.path("gone")))
})

test("a process set that is to keep fewer files keeps them from then on, though it says nothing", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logKeep: 10 }))
  const files = leave(logs, "talker", 6)
  // That it was tidied as it was assigned at first.
  await Bun.sleep(2_500)
  expect(files.every((path) => existsSync(path))).toBe(true)
  await logs.assign(set("talker", { logKeep: 2 }))
  await waitFor(() => filesOf(logs.path("talker"), "0.out").length === 2)
  expect(files.map((path) => existsSync(path))).toEqual([false, false, false, false, true, true])
})

test("a process set that has said nothing yet has no files, and can be read", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("silent"))
  expect((await logs.run((all) => all.files("silent"))).files).toEqual([])
})

test("a process set keeps its logs while it is assigned again, and takes them along at each renaming", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("one", {}, "s1"))
  leave(logs, "one", 1)
  for (const name of ["one", "two", "three"]) {
    await logs.assign(set(name, { logKeep: 5 }, "s1"))
    expect(readdirSync(logs.path())).toEqual([name])
  }
  expect(logs.said).toEqual([])
})

test("one process set whose logs can't be tidied up is told, and others are tidied up all the same", async () => {
  await using logs = new TestLogs()
  const [stuck = ""] = leave(logs, "stuck", 1)
  const stamp = stuck.slice(-"20260101T000000.000Z.log".length, -".log".length)
  mkdirSync(logs.path("stuck", `${rotatedGzip("0.out", stamp)}.part`))
  await logs.assign(set("stuck", { logGzip: true }))
  await waitFor(() => logs.said.some((text) => text.includes("the logs of stuck can't be tidied up")))
  const files = leave(logs, "talker", 6)
  await logs.assign(set("talker", { logKeep: 2 }))
  await waitFor(() => files.filter((path) => existsSync(path)).length === 2)
  expect(existsSync(stuck)).toBe(true)
})
