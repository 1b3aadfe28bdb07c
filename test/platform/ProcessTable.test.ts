import { afterEach, expect, setDefaultTimeout, test } from "bun:test"
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  clockTicks,
  processRow,
  type ProcessRow,
  ProcessTable,
  runVariable,
  treeOf,
} from "../../src/platform/ProcessTable.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

setDefaultTimeout(60_000)

let nth = 0
/** Of this run of the tests alone. */
const newMark = () => `test/${process.pid}/${Date.now()}/${nth++}`

const marks: Array<string> = []
afterEach(() => {
  for (const row of ProcessTable.read().rows) {
    if (marks.includes(row.run ?? "") || row.command.startsWith("sleep 41041")) process.kill(row.pid, "SIGKILL")
  }
})

/** A shell in a session of its own. `sleep 41041` is what marks its processes for the clean-up. */
const shell = async (line: string) => {
  const run = newMark()
  marks.push(run)
  const child = spawn("/bin/sh", ["-c", line], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, [runVariable]: run },
  })
  const row = await waitFor(() => processRow(child.pid ?? 0))
  return { run, identity: row.identity, pid: row.pid, end: () => process.kill(row.pid, "SIGKILL") }
}

const commands = (rows: ReadonlyArray<ProcessRow>) => rows.map((row) => row.command).toSorted()
const sleepers = (rows: ReadonlyArray<ProcessRow>) => commands(rows).filter((command) => command.startsWith("sleep"))

test("a row says what ps says of a process whose name has blanks and brackets", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a) S 1 (b")
  writeFileSync(path, "#!/bin/sh\nwhile :; do read line; done\n", { mode: 0o755 })
  const child = spawn(path, [], { detached: true, stdio: ["pipe", "ignore", "ignore"] })
  const row = await waitFor(() => {
    const found = processRow(child.pid ?? 0)
    return found?.command.includes("a) S 1 (b") === true && found
  })
  expect(row).toMatchObject({ pid: child.pid, parent: process.pid, group: child.pid, session: child.pid, threads: 1 })
  expect(row.uid).toBe(process.getuid?.())
  expect(row.rssBytes).toBeGreaterThan(100_000)
  const [uptime] = readFileSync("/proc/uptime", "utf8").split(" ")
  const age = Number(uptime) - row.startTime / clockTicks()
  expect(age).toBeGreaterThan(-1)
  expect(age).toBeLessThan(60)
  child.kill("SIGKILL")
  await waitFor(() => processRow(row.pid) === undefined)
})

test("what left its parent and its session is found by its mark, and only when environments are read", async () => {
  const { identity, run } = await shell("(setsid sleep 410411 &); sleep 410412; :")
  await waitFor(() => sleepers(treeOf(ProcessTable.read(), identity, { run })).length === 2)
  await waitFor(() => sleepers(treeOf(ProcessTable.read(), identity)).length === 1)
  expect(sleepers(treeOf(ProcessTable.read(), identity, { run }))).toEqual(["sleep 410411", "sleep 410412"])
})

test("what wrote over its mark is found again by those who have seen it before", async () => {
  const { identity, run } = await shell("(env -i setsid sleep 410413 &) & sleep 410414; :")
  const stranger = await waitFor(() => [...ProcessTable.read().rows].find(({ command }) => command === "sleep 410413"))
  await waitFor(() => {
    const tree = treeOf(ProcessTable.read(), identity, { run })
    return sleepers(tree).length === 1 && tree.every(({ pid }) => pid !== stranger.pid)
  })
  const known = [stranger]
  expect(sleepers(treeOf(ProcessTable.read(), identity, { known }))).toEqual(["sleep 410413", "sleep 410414"])
  const before = [{ pid: stranger.pid, startTime: 1 }]
  expect(sleepers(treeOf(ProcessTable.read(), identity, { known: before }))).toEqual(["sleep 410414"])
})

test("the session of a leader that is gone is its own only while a member is known", async () => {
  const { end, identity, pid, run } = await shell("sleep 410415 & env -i sleep 410416 & wait; :")
  const both = ["sleep 410415", "sleep 410416"]
  const seen = await waitFor(() => {
    const tree = treeOf(ProcessTable.read(), identity)
    return sleepers(tree).length === 2 && tree
  })
  end()
  await waitFor(() => processRow(pid) === undefined)
  expect(sleepers(treeOf(ProcessTable.read(), identity))).toEqual([])
  expect(sleepers(treeOf(ProcessTable.read(), identity, { run }))).toEqual(both)
  expect(sleepers(treeOf(ProcessTable.read(), identity, { known: seen }))).toEqual(both)
})

test("a stranger with the pid, the session's number or the mark of ours is not taken for it", async () => {
  const { identity, run } = await shell("sleep 410417; :")
  await waitFor(() => sleepers(treeOf(ProcessTable.read(), identity)).length === 1)
  const table = ProcessTable.read()
  const later = { ...identity, startTime: String(Number(identity.startTime) + 1_000) }
  expect(treeOf(table, later)).toEqual([])
  expect(treeOf(table, later, { run })).toEqual([])
  expect(treeOf(table, { ...identity, bootId: "another" }, { run })).toEqual([])
  expect(treeOf(table, { ...identity, pid: 999_999_999 }, { run, uid: 12_345 })).toEqual([])
})

test("neither we nor the first process of the host are anybody's", () => {
  const table = ProcessTable.read()
  const us = processRow(process.pid)
  const first = processRow(1)
  if (us === undefined || first === undefined) throw new Error("/proc can't be read")
  const tree = treeOf(table, first.identity, { run: us.run ?? "none" })
  expect(tree.map(({ pid }) => pid)).not.toContain(process.pid)
  expect(tree.map(({ pid }) => pid)).not.toContain(1)
})

test("a look at the host costs less than a hundredth of a second's CPU for a hundred processes", async () => {
  const { identity } = await shell("for i in $(seq 100); do sleep 410418 & done; wait")
  await waitFor(() => sleepers(treeOf(ProcessTable.read(), identity)).length === 100)
  const looks = 10
  const micros = () => {
    const before = process.cpuUsage()
    for (let look = 0; look < looks; look++) treeOf(ProcessTable.read(), identity)
    const { system, user } = process.cpuUsage(before)
    return (user + system) / looks
  }
  const hundreds = [...ProcessTable.read().rows].length / 100
  // What it costs is what it costs when nobody else has the caches.
  expect(Math.min(...Array.from({ length: 8 }, micros)) / hundreds).toBeLessThan(10_000)
})
