import { spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { expect, setDefaultTimeout, test } from "bun:test"
import { Effect } from "effect"
import { temporaryFolder } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { set, TestLogs } from "./TestLogs.ts"
import { expectedLines, filesOf, printLines, textOf } from "./TestPump.ts"

setDefaultTimeout(120_000)

const bytesIn = (folder: string) =>
  readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

test("logs do not fill the disk: files are kept by number and by total size, as set while the process runs", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logMaxBytes: 64 * 1024, logKeep: 3 }))
  const { child, ended } = await logs.start("talker", "while :; do seq 4000; sleep 0.05; done")
  const aside = () => filesOf(logs.path("talker"), "0.out").slice(0, -1)
  await waitFor(() => aside().length >= 3)
  const first = aside()[0]!
  await waitFor(() => !existsSync(logs.path("talker", first)) && aside().length <= 4)
  // No restart, no new process.
  await logs.assign(set("talker", { logMaxBytes: 128 * 1024, logKeep: 1_000, logTotalBytes: 1024 * 1024 }))
  await waitFor(() => aside().length >= 6, { timeoutMs: 30_000 })
  await waitFor(() => aside().some((name) => statSync(logs.path("talker", name)).size >= 128 * 1024 - 60))
  const oldest = aside()[0]!
  await waitFor(() => !existsSync(logs.path("talker", oldest)), { timeoutMs: 30_000 })
  child.kill("SIGKILL")
  await ended
  await waitFor(() => bytesIn(logs.path("talker")) <= 1024 * 1024)
  expect(filesOf(logs.path("talker"), "0.out").at(-1)).toBe("0.out.log")
})

for (const logGzip of [false, true])
  test(`logs do not fill the disk while a process says all it can, compressed: ${logGzip}`, async () => {
    await using logs = new TestLogs()
    await logs.assign(set("talker", { logMaxBytes: 64 * 1024, logKeep: 3, logGzip }))
    const { child, ended } = await logs.start("talker", "exec yes a line that is said again and again, without an end")
    const said = () => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1])
    const folder = logs.path("talker")
    let most = 0
    await waitFor(
      () => {
        if (existsSync(folder)) most = Math.max(most, filesOf(folder, "0.out").length)
        return said() > 40_000_000
      },
      { timeoutMs: 60_000, what: "40 MB" },
    )
    child.kill("SIGKILL")
    await ended
    // Of more than 600, with those that come while one is compressed and others are removed.
    expect(most).toBeLessThan(200)
    await waitFor(() => filesOf(folder, "0.out").length <= 3 + 1)
    expect(logs.said).toEqual([])
  })

test("files that were put aside are compressed when asked, without a line lost", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logMaxBytes: 64 * 1024, logKeep: 1_000, logGzip: true }))
  const { ended } = await logs.start("talker", printLines(20_000))
  await ended
  const folder = logs.path("talker")
  // A process may end before all that it has said is read.
  await waitFor(() => textOf(folder, "0.out") === expectedLines(20_000), { what: "all lines" })
  await waitFor(() => {
    const names = filesOf(folder, "0.out")
    return names.length > 10 && names.filter((name) => name.endsWith(".gz")).length === names.length - 1
  })
  expect(textOf(folder, "0.out") === expectedLines(20_000)).toBe(true)
  expect(bytesIn(folder)).toBeLessThan(400_000)
  const lines = await logs.run((all) => all.lastLines("talker", "0", 15_000))
  expect(lines).toHaveLength(15_000)
  expect(lines[0]?.text).toStartWith("line 5001 ")
  const { files } = await logs.run((all) => all.files("talker"))
  expect(files.length).toBe(filesOf(folder, "0.out").length)
  expect(
    files.every(({ bytes, from, stream, to }) => stream === "out" && bytes > 0 && from !== null && to !== null),
  ).toBe(true)
})

/** Which part of one CPU this process uses meanwhile. */
const cpuShare = async (meanwhile: Promise<unknown>) => {
  const [cpu, at] = [process.cpuUsage(), performance.now()]
  await meanwhile
  const { system, user } = process.cpuUsage(cpu)
  return (user + system) / 1_000 / (performance.now() - at)
}

test("rotations do not keep the agent busy, nor does an output that is silent, closed or left", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logMaxBytes: 64 * 1024, logKeep: 1_000 }))
  const [said, closed] = [logs.path("said"), logs.path("closed")]
  mkdirSync(logs.path())
  const talk = `i=0; while [ $i -lt 150 ]; do i=$((i+1)); seq 2000; sleep 0.02; done; touch ${said}`
  const { child, ended } = await logs.start(
    "talker",
    `${talk}; while [ ! -e ${closed} ]; do sleep 0.1; done; exec sleep 60 >&- 2>&-`,
  )
  expect(await cpuShare(waitFor(() => existsSync(said), { timeoutMs: 60_000 }))).toBeLessThan(0.5)
  await waitFor(() => filesOf(logs.path("talker"), "0.out").length > 15)
  expect(await cpuShare(Bun.sleep(1_500))).toBeLessThan(0.3)
  writeFileSync(closed, "")
  await waitFor(() => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").startsWith("sleep"))
  expect(await cpuShare(Bun.sleep(1_500))).toBeLessThan(0.3)
  child.kill("SIGKILL")
  await ended
  expect(await cpuShare(Bun.sleep(1_500))).toBeLessThan(0.3)
})

test("a process does not wait for a log that can't be written, which does not keep the agent busy either", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker"))
  mkdirSync(logs.path())
  writeFileSync(logs.path("talker"), "no folder")
  const { ended } = await logs.start("talker", `${printLines(100_000)}; sleep 1.5`)
  expect(await cpuShare(ended)).toBeLessThan(0.5)
  expect(await ended).toEqual([0, null])
  expect(await waitFor(async () => (await logs.notices())[0])).toMatchObject({
    code: "logs-stopped",
    subject: "talker",
  })
})

test("the last words of a process that has just ended are there at once", async () => {
  await using logs = new TestLogs()
  const { ended } = await logs.start("crasher", "echo begins; echo 'panic: nothing works' >&2; exit 3", "tasks/1")
  await ended
  const lines = await logs.run((all) => all.lastLines("crasher", "tasks/1", 200))
  expect(lines.map(({ place, stream, text }) => `${place} ${stream} ${text}`)).toEqual([
    "tasks/1 out begins",
    "tasks/1 err panic: nothing works",
  ])
  // Over a few files.
  await logs.assign(set("talker", { logMaxBytes: 64 * 1024 }))
  await (
    await logs.start("talker", `${printLines(10_000)}; echo dies`)
  ).ended
  const last = await logs.run((all) => all.lastLines("talker", "0", 1))
  expect(last.map(({ text }) => text)).toEqual(["dies"])
  expect(await logs.run((all) => all.lastLines("nobody", "0", 200))).toEqual([])
  expect((await logs.run((all) => Effect.flip(all.files("nobody")))).message).toBe('this node has no logs of "nobody"')
})

test("a line that is taken for somebody has an earlier time than the one before it", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker"))
  const { child, ended } = await logs.start("talker", "while :; do echo x; sleep 0.003; done")
  for (let turn = 0; turn < 5; turn++) {
    logs.heldUpMs = 120
    const taken = logs.run((all) => all.taken)
    // The agent's own looks go on meanwhile.
    logs.heldUpMs = 0
    await Promise.all([taken, Bun.sleep(100)])
  }
  child.kill("SIGKILL")
  await ended
  const times = (await logs.run((all) => all.lastLines("talker", "0", 10_000))).map(({ at }) => at)
  expect(times.length).toBeGreaterThan(10)
  expect(times.filter((at, index) => at < (times[index - 1] ?? 0))).toEqual([])
})

test("what was said just before the agent ends is not lost", async () => {
  const logs = new TestLogs()
  const sinks = await logs.logs((all) => [0, 1, 2, 3].map((place) => all.sink("talker", `${place}`)))
  for (const [place, { out }] of sinks.entries()) writeSync(out, `the last word of ${place}\n`)
  for (const { close } of sinks) close()
  await logs.end()
  expect([0, 1, 2, 3].map((place) => readFileSync(logs.path("talker", `${place}.out.log`), "utf8"))).toEqual(
    [0, 1, 2, 3].map((place) => `the last word of ${place}\n`),
  )
  await logs[Symbol.asyncDispose]()
})

const mounted = (folder: string) => {
  mkdirSync(folder, { recursive: true })
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0
}
const canMount = () => {
  using folder = temporaryFolder("muster-mount-")
  if (!mounted(join(folder.path, "disk"))) return false
  spawnSync("umount", [join(folder.path, "disk")])
  return true
}

// Needs root, to mount a small disk.
test.skipIf(!canMount())(
  "a full disk stops the log and not the service, is told, and what is missing is counted",
  async () => {
    await using logs = new TestLogs()
    expect(mounted(logs.path("talker"))).toBe(true)
    try {
      await logs.assign(set("talker", { logMaxBytes: 16 * 1024 * 1024 }))
      const go = logs.path("go")
      const { ended } = await logs.start(
        "talker",
        `${printLines(40_000)}; echo still alive; while [ ! -e ${go} ]; do sleep 0.05; done; echo 'the disk has room again'`,
      )
      const notice = await waitFor(async () => (await logs.notices())[0], { timeoutMs: 30_000 })
      expect(notice).toMatchObject({ code: "logs-stopped", subject: "talker" })
      expect(notice.message).toContain("no space left on the disk (ENOSPC)")
      await waitFor(() => logs.said.some((text) => text.includes("can't be written")))
      // Somebody makes room.
      const file = filesOf(logs.path("talker"), "0.out")[0]!
      const kept = statSync(logs.path("talker", file)).size
      rmSync(logs.path("talker", file))
      await waitFor(async () => (await logs.notices()).length === 0, { timeoutMs: 30_000 })
      writeFileSync(go, "")
      expect(await ended).toEqual([0, null])
      const text = await waitFor(() => {
        const text = textOf(logs.path("talker"), "0.out")
        return text.includes("the disk has room again") && text
      })
      const [, dropped] = /WARN {2}\[agent\] (\d+) bytes were dropped here since \S+: no space left/.exec(text) ?? []
      const all = expectedLines(40_000).length + "still alive\n".length
      const after = text.replace(/^.*\[agent\].*\n/m, "").replace("the disk has room again\n", "")
      expect(kept + Number(dropped) + after.trimStart().length).toBe(all)
    } finally {
      spawnSync("umount", ["-l", logs.path("talker")])
    }
  },
)

test("a renamed process set takes its pipes and its logs along", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("old", {}, "s1"))
  const go = logs.path("go")
  mkdirSync(logs.path(), { recursive: true })
  const { ended } = await logs.start("old", `echo before; while [ ! -e ${go} ]; do sleep 0.05; done; echo after`)
  await waitFor(() => existsSync(logs.path("old")) && textOf(logs.path("old"), "0.out") === "before\n")
  await logs.assign(set("new", {}, "s1"))
  writeFileSync(go, "")
  await ended
  await waitFor(() => textOf(logs.path("new"), "0.out") === "before\nafter\n")
  expect(existsSync(logs.path("old"))).toBe(false)
})

test("the logs of a process set that was removed stay for 30 days, and are never taken at once", async () => {
  await using logs = new TestLogs()
  for (const [name, days] of [
    ["gone", 29],
    ["forgotten", 31],
  ] as const) {
    mkdirSync(logs.path(name), { recursive: true })
    writeFileSync(logs.path(name, "0.out.log"), "hello\n")
    const time = (Date.now() - days * 86_400_000) / 1_000
    utimesSync(logs.path(name, "0.out.log"), time, time)
  }
  await logs.assign(set("talker"))
  await waitFor(() => logs.said.includes("forgotten was taken off this node 30 days ago or more: its logs are removed"))
  expect(existsSync(logs.path("forgotten"))).toBe(false)
  expect(existsSync(logs.path("gone", "0.out.log"))).toBe(true)
})

test("a file is put aside for its age although nothing comes any more", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logMaxAgeMs: 1_500 }))
  const { child, ended } = await logs.start("talker", "echo old; exec sleep 60")
  const folder = logs.path("talker")
  await waitFor(() => existsSync(folder) && textOf(folder, "0.out") === "old\n")
  await waitFor(() => filesOf(folder, "0.out").length === 2)
  child.kill("SIGKILL")
  await ended
})

test("no logs are removed before it was said what the node runs: their service may only have been quiet", async () => {
  await using logs = new TestLogs()
  mkdirSync(logs.path("quiet"), { recursive: true })
  writeFileSync(logs.path("quiet", "0.out.log"), "hello\n")
  const time = (Date.now() - 31 * 86_400_000) / 1_000
  utimesSync(logs.path("quiet", "0.out.log"), time, time)
  expect(await logs.notices()).toEqual([])
  await Bun.sleep(1_500)
  expect(existsSync(logs.path("quiet", "0.out.log"))).toBe(true)
})

test("a reader that stands still costs no memory, and a process never waits for it", async () => {
  await using logs = new TestLogs()
  await logs.assign(set("talker", { logMaxBytes: 1024 * 1024, logKeep: 2 }))
  const first = await logs.start("talker", "echo begins")
  await first.ended
  const reading = await logs.run((all) => all.read({ name: "talker", follow: true }))
  await reading.next()
  const before = process.memoryUsage().rss
  const { ended } = await logs.start("talker", "yes a line of many megabytes that nobody reads | head -c 100000000")
  expect(await ended).toEqual([0, null])
  Bun.gc(true)
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  let step = await reading.next()
  while (step.value?.dropped === 0) step = await reading.next()
  expect(step.value?.dropped).toBeGreaterThan(0)
  await reading.return()
})
