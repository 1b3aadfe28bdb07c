import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { expect, setDefaultTimeout, test } from "bun:test"
import { rotatedLog, stampOf } from "../../../src/node/logs/LogNames.ts"
import { waitFor } from "../../support/waitFor.ts"
import { expectedLines, printLines, setName, TestPump, textOf } from "./TestPump.ts"

setDefaultTimeout(120_000)

const fixture = join(import.meta.dirname, "fixtures/pump.ts")

/** A process whose output goes through a sink; it has it alone. */
const run = (pump: TestPump, script: string, place = "0") => {
  const sink = pump.pump.sink(setName, place)
  try {
    return spawn("sh", ["-c", script], { stdio: ["ignore", sink.out, sink.err], detached: true })
  } finally {
    sink.close()
  }
}

/** Descriptors of this process that lead into a folder, whether or not what they lead to is still there. */
const openedIn = (folder: string) =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`)
    } catch {
      return false
    }
  })

test("no line is lost, split or doubled by rotations while a process writes", async () => {
  using pump = await TestPump.make()
  const lines = 100_000
  const child = run(pump, printLines(lines))
  while (child.exitCode === null) {
    pump.pump.turn(Date.now())
    await Bun.sleep(1)
  }
  pump.drain()
  const files = pump.files()
  expect(files.length).toBeGreaterThan(50)
  for (const name of files.slice(0, -1)) expect(readFileSync(pump.path(name)).at(-1)).toBe(10)
  for (const name of files) expect(statSync(pump.path(name)).size).toBeLessThanOrEqual(pump.limits.maxBytes + 4_096)
  expect(pump.text() === expectedLines(lines)).toBe(true)
})

test("no line is lost, split or doubled when the agent is killed again and again while a process writes", async () => {
  using pump = await TestPump.make()
  const lines = 200_000
  const [said, go] = [join(pump.logs, "said"), join(pump.logs, "go")]
  mkdirSync(pump.logs)
  // It has the pipes from an agent that is gone. What it says last, with no agent there, would end with it.
  const wait = `touch ${said}; while [ ! -e ${go} ]; do sleep 0.05; done`
  const ended = once(run(pump, `${printLines(lines)}; ${wait}`), "exit")
  pump.pump.close()
  let kills = 0
  const agent = async () => {
    const pumping = spawn(process.execPath, [fixture, pump.pipes, pump.logs, `${64 * 1024}`], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    await once(pumping.stdout, "data")
    return pumping
  }
  while (!existsSync(said) && kills < 100) {
    const pumping = await agent()
    const gone = once(pumping, "exit")
    await Bun.sleep(Math.random() * 30)
    pumping.kill("SIGKILL")
    await gone
    kills++
  }
  const last = await agent()
  writeFileSync(go, "")
  await ended
  // The pipe goes when it was read to its end and nobody can write to it any more.
  await waitFor(() => readdirSync(pump.pipes).length === 0, { timeoutMs: 60_000 })
  last.kill("SIGKILL")
  expect(kills).toBeGreaterThan(5)
  expect(pump.files().length).toBeGreaterThan(50)
  expect(pump.text() === expectedLines(lines)).toBe(true)
})

test("a process lives on without an agent, and what it says meanwhile is there when the next one comes", async () => {
  using first = await TestPump.make()
  const go = join(first.logs, "go")
  mkdirSync(first.logs)
  const wait = `while [ ! -e ${go} ]; do sleep 0.05; done`
  const ended = once(run(first, `${printLines(2_000)}; ${wait}; echo last words >&2`), "exit")
  first.pump.close()
  await Bun.sleep(200)
  const next = spawn(process.execPath, [fixture, first.pipes, first.logs, `${64 * 1024}`], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  await once(next.stdout, "data")
  writeFileSync(go, "")
  expect(await ended).toEqual([0, null])
  await waitFor(() => readdirSync(first.pipes).length === 0)
  next.kill("SIGKILL")
  expect(first.text()).toBe(expectedLines(2_000))
  expect(first.text("0.err")).toBe("last words\n")
})

test("a pipe that nobody can write to any more is taken away, and made again for the next process", async () => {
  using pump = await TestPump.make()
  for (const word of ["one", "two"]) {
    await once(run(pump, `echo ${word}`), "exit")
    pump.drain()
    pump.pump.turn(Date.now())
    expect(readdirSync(pump.pipes)).toEqual([])
    expect(openedIn(pump.pipes)).toEqual([])
  }
  expect(pump.text()).toBe("one\ntwo\n")
})

/** Each state in which a kill can leave a file that is being put aside, and that the next agent finds. */
const halves: ReadonlyArray<readonly [what: string, leave: (pump: TestPump) => void]> = [
  ["the rest was begun to be copied", (pump) => writeFileSync(pump.path("0.out.next"), "unfi")],
  ["the rest was copied", (pump) => writeFileSync(pump.path("0.out.next"), "unfinished ")],
  [
    "the file was cut",
    (pump) => {
      writeFileSync(pump.path("0.out.next"), "unfinished ")
      truncateSync(pump.path("0.out.log"), "a whole line\n".length)
    },
  ],
  [
    "the file was renamed",
    (pump) => {
      writeFileSync(pump.path("0.out.next"), "unfinished ")
      truncateSync(pump.path("0.out.log"), "a whole line\n".length)
      renameSync(pump.path("0.out.log"), pump.path("0.out.20260101T000000.000Z.log"))
    },
  ],
  [
    "its index was renamed",
    (pump) => {
      writeFileSync(pump.path("0.out.next"), "unfinished ")
      truncateSync(pump.path("0.out.log"), "a whole line\n".length)
      renameSync(pump.path("0.out.log"), pump.path("0.out.20260101T000000.000Z.log"))
      renameSync(pump.path("0.out.idx"), pump.path("0.out.20260101T000000.000Z.idx"))
    },
  ],
]

test.each(halves)("nothing is lost or doubled when the agent is killed after %s", async (_, leave) => {
  using pump = await TestPump.make()
  const sink = pump.pump.sink(setName, "0")
  writeSync(sink.out, "a whole line\nunfinished ")
  pump.drain()
  pump.pump.close()
  leave(pump)
  pump.pump.adopt(Date.now())
  expect(pump.text()).toBe("a whole line\nunfinished ")
  writeSync(sink.out, "business\nanother line\n")
  pump.drain()
  sink.close()
  expect(pump.text()).toBe("a whole line\nunfinished business\nanother line\n")
  expect(existsSync(pump.path("0.out.next"))).toBe(false)
  const names = readdirSync(pump.folder)
  for (const name of names.filter((name) => name.startsWith("0.out.") && name.endsWith(".log")))
    expect(names).toContain(name.replace(/log$/, "idx"))
})

test("a file is put aside for its age, at the end of a line", async () => {
  using pump = await TestPump.make()
  pump.limits = { maxBytes: 64 * 1024, maxAgeMs: 60_000 }
  const sink = pump.pump.sink(setName, "0")
  const start = Date.now()
  writeSync(sink.out, "old\nnot yet ")
  pump.drain(start)
  pump.pump.settle(start + 59_000)
  expect(pump.files()).toEqual(["0.out.log"])
  pump.pump.settle(start + 60_000)
  expect(pump.files()).toHaveLength(2)
  expect(readFileSync(pump.path(pump.files()[0]!), "utf8")).toBe("old\n")
  expect(pump.rotations).toBe(1)
  writeSync(sink.out, "whole\n")
  pump.drain(start + 60_001)
  sink.close()
  expect(readFileSync(pump.path("0.out.log"), "utf8")).toBe("not yet whole\n")
})

test("a line of more than 1 MiB does not make a file grow for ever", async () => {
  using pump = await TestPump.make()
  await once(
    run(
      pump,
      `head -c 3000000 /dev/zero | tr '\\0' x & while [ $(ls /proc/$$/task | wc -l) -gt 9 ]; do :; done; exit 0`,
    ),
    "exit",
  )
  await waitFor(() => {
    pump.drain()
    return pump.text().length === 3_000_000
  })
  expect(pump.files().length).toBeGreaterThanOrEqual(2)
})

test("a line of less than 1 MiB is not divided, and a file is put aside although its index was removed", async () => {
  using pump = await TestPump.make()
  const sink = pump.pump.sink(setName, "0")
  for (let part = 0; part < 4; part++) {
    writeSync(sink.out, "x".repeat(30_000))
    pump.drain()
  }
  expect(pump.files()).toHaveLength(1)
  rmSync(pump.path("0.out.idx"))
  writeSync(sink.out, "\nthe next line\n")
  pump.drain()
  sink.close()
  expect(pump.pump.failures().size).toBe(0)
  expect(pump.files()).toHaveLength(2)
  expect(pump.text()).toBe(`${"x".repeat(120_000)}\nthe next line\n`)
})

test("a log that somebody has emptied, or moved away, is written to on", async () => {
  using pump = await TestPump.make()
  const sink = pump.pump.sink(setName, "0")
  writeSync(sink.out, "before\n")
  pump.drain()
  truncateSync(pump.path("0.out.log"), 0)
  writeSync(sink.out, "after\n")
  pump.drain()
  expect(readFileSync(pump.path("0.out.log"), "utf8")).toBe("after\n")
  appendFileSync(pump.path("0.out.log"), "a note of mine\n")
  writeSync(sink.out, "more\n")
  pump.drain()
  expect(readFileSync(pump.path("0.out.log"), "utf8")).toBe("after\na note of mine\nmore\n")
  mkdirSync(join(pump.logs, "elsewhere"))
  renameSync(pump.path("0.out.log"), join(pump.logs, "elsewhere/old.log"))
  pump.pump.settle(Date.now())
  writeSync(sink.out, "new\n")
  pump.drain()
  sink.close()
  expect(readFileSync(pump.path("0.out.log"), "utf8")).toBe("new\n")
})

test("a file is there twice when the agent was killed just after it had compressed it", async () => {
  using pump = await TestPump.make()
  mkdirSync(pump.folder, { recursive: true })
  const plain = pump.path(rotatedLog("0.out", stampOf(1_000)))
  writeFileSync(plain, "before\n")
  writeFileSync(`${plain}.gz`, gzipSync("before\n"))
  const sink = pump.pump.sink(setName, "0")
  writeSync(sink.out, "after\n")
  pump.drain()
  sink.close()
  expect(pump.text()).toBe("before\nafter\n")
})

test("who waits for lines of a service hears when some have come, and only then", async () => {
  using pump = await TestPump.make()
  const [one, two] = [pump.pump.sink(setName, "0"), pump.pump.sink("other", "0")]
  pump.pump.turn(1)
  expect(pump.came).toEqual([])
  writeSync(one.out, "a line\n")
  writeSync(one.err, "another\n")
  pump.pump.turn(2)
  expect(pump.came).toEqual([setName])
  one.close()
  two.close()
})

test("what was dropped of a process that has ended meanwhile is said as soon as its log can be written", async () => {
  using pump = await TestPump.make()
  const now = Date.UTC(2026, 0, 1)
  const sink = pump.pump.sink(setName, "0")
  writeSync(sink.out, "half of a line")
  pump.drain(now)
  const aside = join(pump.logs, "aside")
  renameSync(pump.folder, aside)
  writeFileSync(pump.folder, "no folder")
  pump.pump.settle(now)
  writeSync(sink.out, "lost\n")
  sink.close()
  for (let turn = 0; turn < 3; turn++) pump.pump.turn(now)
  const failure = { dropped: "lost\n".length, since: now }
  expect(pump.pump.failures().get(setName)).toMatchObject(failure)
  pump.pump.settle(now + 5_000)
  expect(pump.pump.failures().get(setName)).toMatchObject(failure)
  rmSync(pump.folder)
  renameSync(aside, pump.folder)
  pump.pump.settle(now + 9_999)
  expect(pump.text()).toBe("half of a line")
  pump.pump.settle(now + 10_000)
  expect(pump.pump.failures().size).toBe(0)
  expect(pump.text()).toMatch(
    /^half of a line\n2026-01-01T00:00:10\.000Z WARN {2}\[agent\] 5 bytes were dropped here since 2026-01-01T00:00:00\.000Z: .*\n$/,
  )
  pump.drain(now + 11_000)
  expect(readdirSync(pump.pipes)).toEqual([])
})

test("a renamed service writes to its new files alone, unless another has that name", async () => {
  using pump = await TestPump.make()
  const [sink, other] = [pump.pump.sink(setName, "0"), pump.pump.sink("other", "0")]
  writeSync(sink.out, "before\n")
  writeSync(other.out, "theirs\n")
  pump.drain()
  expect(pump.pump.rename(setName, "other")).toBe(false)
  writeSync(sink.out, "still\n")
  pump.drain()
  expect(pump.text()).toBe("before\nstill\n")
  expect(textOf(join(pump.logs, "other"), "0.out")).toBe("theirs\n")
  expect(pump.pump.rename(setName, "renamed")).toBe(true)
  writeSync(sink.out, "after\n")
  pump.drain()
  expect(textOf(join(pump.logs, "renamed"), "0.out")).toBe("after\n")
  expect(openedIn(pump.folder)).toEqual([])
  expect(readdirSync(pump.pipes).filter((name) => name.startsWith(setName))).toEqual([])
  sink.close()
  other.close()
  pump.drain()
  expect(openedIn(pump.logs)).toEqual([])
})
