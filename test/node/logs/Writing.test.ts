import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { LogWriter } from "../../../src/node/logs/LogWriter.ts"
import { Fifos, MoveFailed } from "../../../src/platform/Fifo.ts"
import { temporaryFolder } from "../../support/muster.ts"
import { filesOf, textOf } from "./TestPump.ts"

const EINVAL = 22
const start = Date.UTC(2026, 0, 1)

/** The writer of one output, its pipe, and its folder. `isRefused`: the kernel does not move bytes into its file. */
const begin = async ({ isRefused = false, maxBytes = 64 * 1024, maxAgeMs = 0 } = {}) => {
  const temporary = temporaryFolder("muster-writer-")
  const folder = join(temporary.path, "logs")
  mkdirSync(folder)
  const pipe = join(temporary.path, "pipe")
  const real = await Fifos.load()
  real.make(pipe)
  const from = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  let refusals = 0
  const fifos = {
    discard: (fd: number, bytes: number) => real.discard(fd, bytes),
    move: (...args: Parameters<Fifos["move"]>) => {
      if (!isRefused) return real.move(...args)
      refusals++
      throw new MoveFailed(EINVAL)
    },
  } as Fifos
  const limits = { maxBytes, maxAgeMs }
  const output = { place: "0", stream: "out" } as const
  const writer = new LogWriter({ folder, output, fifos, limits: () => limits, rotated: () => undefined })
  return {
    writer,
    limits,
    refusals: () => refusals,
    path: (end: string) => join(folder, `0.out.${end}`),
    /** The process says something, and the agent takes all of it; gives how much that was. */
    say: (text: string, now = start) => {
      writeSync(from, text)
      let taken = 0
      for (let bytes = writer.take(from, now); bytes > 0; bytes = writer.take(from, now)) taken += bytes
      return taken
    },
    files: () => filesOf(folder, "0.out"),
    text: () => textOf(folder, "0.out"),
    [Symbol.dispose]: () => {
      writer.close()
      closeSync(from)
      real.close()
      temporary[Symbol.dispose]()
    },
  }
}

const linesOf = (count: number, first: number) =>
  Array.from({ length: count }, (_, index) => `line ${first + index} of what is copied\n`).join("")

test("where the kernel does not move bytes they are copied, each once and each line whole, and it is not asked again", async () => {
  using log = await begin({ isRefused: true })
  let all = ""
  for (let turn = 0; turn < 40; turn++) {
    const text = linesOf(1_000, turn * 1_000)
    all += text
    expect(log.say(text, start + turn)).toBe(text.length)
  }
  expect(log.refusals()).toBe(1)
  expect(log.writer.failure).toBeUndefined()
  expect(log.files().length).toBeGreaterThan(10)
  for (const name of log.files()) {
    const text = readFileSync(log.path(name.slice("0.out.".length)), "utf8")
    expect(text).toEndWith("\n")
    expect(text.length).toBeLessThanOrEqual(log.limits.maxBytes + 4_096)
  }
  expect(log.text() === all).toBe(true)
})

test("what was copied off the pipe and found the disk full is counted, and nothing is taken for the log's", async () => {
  using log = await begin({ isRefused: true })
  symlinkSync("/dev/full", log.path("log"))
  log.say("lost with the first write\n")
  expect(log.writer.failure).toMatchObject({ since: start, dropped: "lost with the first write\n".length })
  log.say("lost too\n", start + 1_000)
  const dropped = "lost with the first write\nlost too\n".length
  expect(log.writer.failure).toMatchObject({ since: start, dropped })
  log.writer.settle(start + 5_000)
  expect(log.writer.failure).toMatchObject({ dropped })
  rmSync(log.path("log"))
  // From the last try on, not from the first.
  log.writer.settle(start + 9_999)
  expect(log.writer.failure).toMatchObject({ dropped })
  log.writer.settle(start + 10_000)
  expect(log.writer.failure).toBeUndefined()
  log.say("there again\n", start + 10_001)
  expect(log.text()).toMatch(
    new RegExp(`^\\S+ WARN {2}\\[agent\\] ${dropped} bytes were dropped here since \\S+: .*ENOSPC.*\\nthere again\\n$`),
  )
})

/** A line and the beginning of the next: as much as a file may have. */
const rest = "y".repeat(95)
const full = `${"x".repeat(4_000)}\n${rest}`
const maxBytes = full.length - 1

test("a file that can't be put aside grows on, and is put aside 5 seconds later", async () => {
  using log = await begin({ maxBytes })
  symlinkSync("/dev/full", log.path("next"))
  log.say(full)
  expect(log.writer.failure).toBeUndefined()
  expect(log.files()).toEqual(["0.out.log"])
  // The next agent would take it for a rest.
  expect(existsSync(log.path("next"))).toBe(false)
  log.say(" goes on", start + 4_999)
  expect(log.files()).toEqual(["0.out.log"])
  log.say(" and on", start + 5_000)
  expect(log.files()).toHaveLength(2)
  expect(readFileSync(log.path("log"), "utf8")).toBe(`${rest} goes on and on`)
  expect(log.text()).toBe(`${full} goes on and on`)
})

test("a clock that is put back does not put off what is tried again, nor what is to be put aside for its age", async () => {
  const day = 86_400_000
  using lost = await begin({ isRefused: true })
  symlinkSync("/dev/full", lost.path("log"))
  lost.say("lost\n")
  rmSync(lost.path("log"))
  lost.writer.settle(start - day)
  expect(lost.writer.failure).toBeUndefined()

  using large = await begin({ maxBytes })
  symlinkSync("/dev/full", large.path("next"))
  large.say(full)
  large.say(" goes on", start - day)
  expect(large.files()).toHaveLength(2)

  using old = await begin({ maxAgeMs: 60_000 })
  old.say("from a day ahead\n")
  old.writer.settle(start - 59_999)
  expect(old.files()).toHaveLength(1)
  old.writer.settle(start - day)
  expect(old.files()).toHaveLength(2)
})

test("what an earlier rotation has left in the way of the next one is not said again", async () => {
  using log = await begin({ maxBytes })
  log.writer.prepare(start)
  writeFileSync(log.path("next"), "left over, and longer than the rest is\n".repeat(9))
  log.say(full)
  expect(readFileSync(log.path("log"), "utf8")).toBe(rest)
  expect(log.text()).toBe(full)
})

test("a file whose index is gone is as old as its last line, and one without a line is never put aside", async () => {
  using log = await begin({ maxAgeMs: 60_000 })
  writeFileSync(log.path("log"), "old\n")
  utimesSync(log.path("log"), (start - 60_000) / 1_000, (start - 60_000) / 1_000)
  log.writer.prepare(start)
  log.writer.settle(start - 1)
  expect(log.files()).toHaveLength(1)
  log.writer.settle(start)
  expect(log.files()).toHaveLength(2)
  log.writer.settle(start + 120_000)
  expect(log.files()).toHaveLength(2)
})
