import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, truncateSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, setDefaultTimeout, test } from "bun:test"
import { compress, uncompressed } from "../../../src/node/logs/Housekeeping.ts"
import { gzipFile } from "../../../src/platform/GzipLog.ts"
import { logFiles } from "../../../src/node/logs/LogFilesView.ts"
import type { LogReading } from "../../../src/node/logs/LogReading.ts"
import type { LogsRequest } from "../../../src/protocol/LogMessages.ts"
import { linesOf, Speaker, start } from "./Speaker.ts"
import { setName } from "./TestPump.ts"

setDefaultTimeout(60_000)

/** The next lines of a stream that goes on, `count` of them. */
const take = async (reading: LogReading, count: number) => {
  const lines: Array<string> = []
  while (lines.length < count) {
    const step = await reading.next()
    if (step.done === true) break
    lines.push(...linesOf([step.value]))
  }
  return lines
}

const talk = (speaker: Speaker) => {
  speaker.say("0", "out", "zero begins\n", 0)
  speaker.say("1", "out", "one begins\n", 1_000)
  speaker.say("0", "err", "zero complains\n", 2_000)
  speaker.say("tasks/0", "out", "a task runs\n", 3_000)
  speaker.say("1", "out", "one goes on\n", 4_000)
  speaker.say("0", "out", "zero ends\n", 5_000)
}
const talked = ["zero begins", "one begins", "zero complains", "a task runs", "one goes on", "zero ends"]

describe("lines of several instances", () => {
  test("are merged in the order of time, with the place and the time of each", async () => {
    using speaker = await Speaker.make()
    talk(speaker)
    const batches = await Array.fromAsync(speaker.read())
    expect(linesOf(batches)).toEqual(talked)
    expect(batches.at(-1)?.caughtUp).toBe(true)
    expect(batches[0]?.lines[3]).toEqual({ at: start + 3_000, place: "tasks/0", stream: "out", text: "a task runs" })
  })

  test("are chosen by place, stream, time, text and number", async () => {
    using speaker = await Speaker.make()
    talk(speaker)
    expect(await speaker.lines({ places: ["1"] })).toEqual(["one begins", "one goes on"])
    expect(await speaker.lines({ stream: "err" })).toEqual(["zero complains"])
    expect(await speaker.lines({ from: start + 1_000, to: start + 3_000 })).toEqual(talked.slice(1, 4))
    expect(await speaker.lines({ search: "ZERO" })).toEqual(["zero begins", "zero complains", "zero ends"])
    expect(await speaker.lines({ tail: 2 })).toEqual(talked.slice(-2))
    expect(await speaker.lines({ tail: 2, search: "one" })).toEqual(["one begins", "one goes on"])
    expect(await speaker.lines({ tail: 0 })).toEqual([])
    expect(await speaker.lines({ limit: 3 })).toEqual(talked.slice(0, 3))
    expect(await speaker.lines({ tail: 3, to: start + 4_500 })).toEqual(talked.slice(2, 5))
    expect(await speaker.lines({ from: start + 60_000 })).toEqual([])
  })

  test("that say their own time are in its order, and a stack stays with its error", async () => {
    using speaker = await Speaker.make()
    const at = (ms: number) => new Date(start + ms).toISOString()
    const sink = (place: string, text: string) => speaker.say(place, "out", text, 2_000)
    sink("0", `${at(1_990)} INFO  [0 1] second\n${at(1_998)} ERROR [0 1] fourth\n    at somewhere\n`)
    sink("1", `${at(1_980)} INFO  [1 2] first\n${at(1_995)} INFO  [1 2] third\n`)
    expect((await speaker.lines()).map((line) => line.replace(/^.*\] /, ""))).toEqual([
      "first",
      "second",
      "third",
      "fourth",
      "    at somewhere",
    ])
  })
})

describe("the order of lines", () => {
  const at = (ms: number) => new Date(start + ms).toISOString()
  const bothWays = async (speaker: Speaker) => {
    const lines = await speaker.lines()
    expect(await speaker.lines({ tail: lines.length })).toEqual(lines)
    return lines.map((line) => line.replace(/^.*\] /, ""))
  }

  test("is that of their coming when their own time is of the future, or they are indented", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", `${at(3_600_000)} INFO  [0 1] begins\n`, 1_000)
    speaker.say("1", "out", "  indented\n", 2_000)
    speaker.say("0", "out", "goes on\n", 3_000)
    speaker.say("1", "out", "ends\n", 4_000)
    expect(await bothWays(speaker)).toEqual(["begins", "  indented", "goes on", "ends"])
  })

  test("of one output is the same from both ends, though a line says an earlier time or the clock is put back", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", `${at(1_998)} INFO  [0 1] late\n${at(1_990)} INFO  [0 1] early\n`, 2_000)
    speaker.say("1", "out", `${at(1_994)} INFO  [1 2] between\n`, 2_000)
    expect(await bothWays(speaker)).toEqual(["between", "late", "early"])
    speaker.say("0", "out", "before\n", 50_000)
    speaker.say("1", "out", "meanwhile\n", 30_000)
    speaker.say("0", "out", "after the clock was put back\n", 10_000)
    expect((await bothWays(speaker)).slice(3)).toEqual(["meanwhile", "before", "after the clock was put back"])
  })

  test("leaves a stack with its error, indented by blanks or tabs, whatever else comes", async () => {
    using speaker = await Speaker.make()
    const error = `${at(1_990)} ERROR [0 1] fails\n    at work\n\tat once\n`
    speaker.say("0", "out", error, 2_000)
    speaker.say("1", "out", `${at(1_995)} INFO  [1 2] meanwhile\n`, 2_000)
    expect(await bothWays(speaker)).toEqual(["fails", "    at work", "\tat once", "meanwhile"])
  })
})

describe("lines of a least level", () => {
  /** Long ago: the lines are in the order in which they come. */
  const said = (level: string, text: string) => `2026-10-24T00:30:00.000Z ${level.padEnd(5)} [0 1] ${text}\n`
  /** More of them than is read at once, of an error and then of a note. */
  const frames = Array.from({ length: 5_000 }, (_, index) => `    at frame ${index} of a stack that has no end`)
  const stack = `${frames.join("\n")}\n`
  const textsOf = (lines: ReadonlyArray<string>) => lines.map((line) => line.replace(/^.*\] /, ""))

  test("are those that say it, with what goes on with them, and those that say none by their output", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", said("DEBUG", "looked"), 0)
    speaker.say("0", "out", `${said("INFO", "began")}  and went on\nprinted\n`, 1_000)
    speaker.say("0", "err", `${said("WARN", "slow")}complained\n`, 2_000)
    speaker.say("0", "err", `${said("ERROR", "failed")}    at work\ncaused by a fault\n`, 3_000)
    const all = async (request: Omit<LogsRequest, "name">) => textsOf(await speaker.lines(request))
    const errors = ["failed", "    at work", "caused by a fault"]
    expect(await all({ level: "error" })).toEqual(errors)
    expect(await all({ level: "warn" })).toEqual(["slow", "complained", ...errors])
    expect(await all({ level: "info" })).toEqual(["began", "  and went on", "printed", "slow", "complained", ...errors])
    expect(await all({ level: "debug" })).toEqual(await all({}))
    expect(await all({ level: "warn", tail: 4 })).toEqual(["complained", ...errors])
    expect(await all({ level: "error", search: "work" })).toEqual(["    at work"])
    expect(await all({ level: "warn", from: start + 3_000 })).toEqual(errors)
  })

  test("are known amid a stack, wherever reading begins", async () => {
    using speaker = await Speaker.make()
    speaker.pump.limits = { maxBytes: 1024 ** 3, maxAgeMs: 0 }
    const errors = speaker.read({ level: "error", follow: true })
    speaker.say("0", "err", `${said("ERROR", "failed")}${stack}`, 0)
    speaker.say("0", "err", `${said("INFO", "noted")}${stack}`, 1_000)
    const lines = await speaker.lines({ level: "error" })
    expect(textsOf(lines)).toEqual(["failed", ...frames])
    expect(await speaker.lines({ level: "error", tail: 4_000 })).toEqual(frames.slice(-4_000))
    expect(await speaker.lines({ level: "error", tail: 10 })).toEqual(frames.slice(-10))
    const first = await errors.next()
    const rest = await speaker.lines({ level: "error", after: first.value?.positions ?? {} })
    expect([...linesOf([first.value!]), ...rest]).toEqual(lines)
    expect(rest.length).toBeGreaterThan(4_000)
    await errors.return()
  })

  test("are followed", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "err", said("ERROR", "failed"), 0)
    const reading = speaker.read({ level: "error", tail: 0, follow: true })
    expect((await reading.next()).value?.caughtUp).toBe(true)
    speaker.say("0", "err", `    at work\n${said("INFO", "noted")}    at rest\n${said("ERROR", "again")}`, 10)
    expect(textsOf(await take(reading, 2))).toEqual(["    at work", "again"])
    await reading.return()
  })
})

/** 30,000 lines over many files that were put aside, a second between each hundred. */
const writeMuch = (speaker: Speaker) => {
  for (let hundred = 0; hundred < 300; hundred++) {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${hundred * 100 + index} of many that are said`)
    speaker.say("0", "out", `${lines.join("\n")}\n`, hundred * 1_000)
  }
}

/** By this process, of whatever files, so far. */
const bytesRead = () => Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1])
const bytesIn = (folder: string) =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

const compressAll = async (speaker: Speaker) => {
  for (const file of await uncompressed(speaker.pump.folder)) await compress(speaker.pump.folder, file)
}

describe.each([{ gzip: false }, { gzip: true }])("over files that were put aside, compressed: $gzip", ({ gzip }) => {
  test("all lines are there, once and in order", async () => {
    using speaker = await Speaker.make()
    writeMuch(speaker)
    if (gzip) await compressAll(speaker)
    expect(readdirSync(speaker.pump.folder).filter((name) => name.endsWith(".gz")).length > 5).toBe(gzip)
    const lines = await speaker.lines()
    expect(lines).toHaveLength(30_000)
    expect(lines.every((line, index) => line === `line ${index} of many that are said`)).toBe(true)
    expect((await speaker.lines({ tail: 15_000 })).at(0)).toBe("line 15000 of many that are said")
  })

  test("a time is found without reading what stands before", async () => {
    using speaker = await Speaker.make()
    writeMuch(speaker)
    if (gzip) await compressAll(speaker)
    const lines = await speaker.lines({ from: start + 120_000, to: start + 121_000 })
    expect(lines).toHaveLength(200)
    expect(lines[0]).toBe("line 12000 of many that are said")
    const reading = speaker.read({ from: start + 120_000, limit: 1 })
    const before = bytesRead()
    expect(await take(reading, 1)).toEqual(["line 12000 of many that are said"])
    await reading.return()
    expect(bytesRead() - before).toBeLessThan(bytesIn(speaker.pump.folder) / 4)
    expect(await speaker.lines({ search: "line 7777 ", tail: 5 })).toEqual(["line 7777 of many that are said"])
  })

  test("reading goes on exactly where it was left, by the positions", async () => {
    using speaker = await Speaker.make()
    writeMuch(speaker)
    const seen: Array<string> = []
    const after: Record<string, number> = {}
    for (let part = 0; seen.length < 30_000 && part < 100; part++) {
      const reading = speaker.read(part === 0 ? {} : { after })
      const { value } = await reading.next()
      seen.push(...linesOf([value!]))
      Object.assign(after, value!.positions)
      await reading.return()
      if (gzip && part === 20) await compressAll(speaker)
    }
    expect(seen).toHaveLength(30_000)
    expect(seen.every((line, index) => line === `line ${index} of many that are said`)).toBe(true)
  })
})

describe("a follower", () => {
  test("gets what comes, over rotations and of new instances, and ends with its call", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", "before\n", 0)
    const reading = speaker.read({ tail: 1, follow: true })
    expect(await take(reading, 1)).toEqual(["before"])
    expect((await reading.next()).value?.caughtUp).toBe(true)
    const long = "x".repeat(1_000)
    for (let index = 0; index < 200; index++) {
      speaker.say("0", "out", `${index} ${long}\n`, index)
      expect(await take(reading, 1)).toEqual([`${index} ${long}`])
    }
    expect(speaker.pump.files().length).toBeGreaterThan(2)
    speaker.say("7", "err", "I am new\n", 1_000)
    expect(await take(reading, 1)).toEqual(["I am new"])
    const waiting = reading.next()
    await reading.return()
    expect((await waiting).done).toBe(true)
  })

  test("gets a line when it is whole, and with its beginning", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", "first\nhalf of ", 0)
    const reading = speaker.read({ tail: 10, follow: true })
    expect(await take(reading, 1)).toEqual(["first"])
    speaker.say("0", "out", "a line\n", 10)
    expect(await take(reading, 1)).toEqual(["half of a line"])
    await reading.return()
  })

  test("that is slow is told how many lines it has missed, and costs no memory", async () => {
    using speaker = await Speaker.make()
    speaker.pump.limits = { maxBytes: 1024 ** 3, maxAgeMs: 0 }
    speaker.say("0", "out", "begin\n", 0)
    const reading = speaker.read({ follow: true })
    expect(await take(reading, 1)).toEqual(["begin"])
    await reading.next()
    speaker.say("0", "out", "go on\nhalf of ", 1)
    expect(await take(reading, 1)).toEqual(["go on"])
    const hundred = `${"y".repeat(499)}\n`.repeat(100)
    for (let index = 0; index < 1_000; index++) speaker.say("0", "out", hundred, index)
    const { value } = await reading.next()
    expect(value?.dropped).toBeGreaterThan(90_000)
    expect(new Set(linesOf([value!]))).toEqual(new Set(["y".repeat(499)]))
    let lines = value!.lines.length
    while (lines + value!.dropped < 100_000) lines += (await reading.next()).value?.lines.length ?? 0
    expect(lines + value!.dropped).toBe(100_000)
    await reading.return()
  })

  test("of errors that is slow gets no line of a stack that is none's", async () => {
    using speaker = await Speaker.make()
    speaker.pump.limits = { maxBytes: 1024 ** 3, maxAgeMs: 0 }
    const said = (level: string, text: string) => `2026-10-24T00:30:00.000Z ${level} [0 1] ${text}\n`
    speaker.say("0", "err", said("ERROR", "fails"), 0)
    const reading = speaker.read({ level: "error", follow: true })
    expect(await take(reading, 1)).toEqual([said("ERROR", "fails").trimEnd()])
    await reading.next()
    speaker.say("0", "err", said("INFO ", "looks"), 10)
    const frames = "    at a place in a long stack\n".repeat(1_500)
    for (let index = 0; index < 500; index++) speaker.say("0", "err", frames, 10)
    speaker.say("0", "err", said("ERROR", "fails again"), 20)
    const { value } = await reading.next()
    expect(value?.dropped).toBeGreaterThan(0)
    expect([...linesOf([value!]), ...(value!.lines.length > 0 ? [] : await take(reading, 1))]).toEqual([
      said("ERROR", "fails again").trimEnd(),
    ])
    await reading.return()
  })

  test("gets whole lines after somebody has emptied the file", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", "before\n", 0)
    const reading = speaker.read({ follow: true })
    expect(await take(reading, 1)).toEqual(["before"])
    await reading.next()
    for (const line of ["a longer line than the one before", "one of exactly as many characters"]) {
      truncateSync(speaker.pump.path("0.out.log"), 0)
      speaker.say("0", "out", `${line}\n`, 10)
      expect(await take(reading, 1)).toEqual([line])
    }
    await reading.return()
  })

  test("goes on after somebody has removed all files", async () => {
    using speaker = await Speaker.make()
    speaker.say("0", "out", "old\n".repeat(1_000), 0)
    const reading = speaker.read({ follow: true })
    await take(reading, 1_000)
    for (const name of readdirSync(speaker.pump.folder)) rmSync(join(speaker.pump.folder, name))
    speaker.pump.pump.settle(start)
    speaker.say("0", "out", "new\n", 10)
    expect(await take(reading, 1)).toEqual(["new"])
    await reading.return()
  })
})

test("a long line is cut, and what is no UTF-8 is replaced", async () => {
  using speaker = await Speaker.make()
  speaker.pump.limits = { maxBytes: 1024 ** 2 * 4, maxAgeMs: 0 }
  speaker.say("0", "out", "w".repeat(50_000), 0)
  speaker.say("0", "out", `${"w".repeat(50_000)}\n`, 1)
  for (let part = 0; part < 5; part++) speaker.say("0", "out", "z".repeat(50_000), 2 + part)
  speaker.say("0", "out", "\nshort\r\n", 10)
  const sink = speaker.pump.pump.sink(setName, "0")
  writeSync(sink.out, Uint8Array.of(0x61, 0xff, 0x62, 0x0a))
  sink.close()
  speaker.pump.drain(start + 20)
  const [one, long, short, odd] = await speaker.lines()
  expect(long).toBe("z".repeat(65_536))
  expect(one).toBe("w".repeat(65_536))
  expect(short).toBe("short")
  expect(odd).toBe("a\ufffdb")
})

/** Descriptors of this process that read a file of the folder. */
const openedIn = (folder: string) =>
  readdirSync("/proc/self/fdinfo").filter((fd) => {
    try {
      const isRead =
        (Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "1", 8) &
          3) ===
        0
      return isRead && readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
    } catch {
      return false
    }
  })

test("whoever has looked at logs leaves none of them open", async () => {
  using speaker = await Speaker.make()
  speaker.say("0", "out", "one\ntwo\n", 0)
  speaker.say("1", "err", "three\n", 10)
  expect((await logFiles(speaker.pump.folder)).files).toHaveLength(2)
  expect(await speaker.lines({ tail: 2 })).toHaveLength(2)
  const reading = speaker.read({ follow: true })
  await reading.next()
  expect(openedIn(speaker.pump.folder)).not.toEqual([])
  await reading.return()
  expect(openedIn(speaker.pump.folder)).toEqual([])
  const log = join(speaker.pump.folder, "0.out.log")
  await expect(gzipFile(log, join(speaker.pump.folder, "none", "0.out.gz"), 1_000)).rejects.toThrow("ENOENT")
  expect(openedIn(speaker.pump.folder)).toEqual([])
})
