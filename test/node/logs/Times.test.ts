import { appendFileSync, rmSync, truncateSync, utimesSync } from "node:fs"
import { expect, setDefaultTimeout, test } from "bun:test"
import { LineReader } from "../../../src/node/logs/LineReader.ts"
import { LogSource } from "../../../src/node/logs/LogSource.ts"
import type { LogsRequest } from "../../../src/protocol/LogMessages.ts"
import { Speaker, start } from "./Speaker.ts"

setDefaultTimeout(60_000)

/** Texts with the milliseconds after `start` at which they came. */
const times = async (speaker: Speaker, request: Omit<LogsRequest, "name"> = {}) =>
  (await Array.fromAsync(speaker.read(request))).flatMap(({ lines }) =>
    lines.map(({ at, text }) => [text, at - start] as const),
  )

test("a line has the time of its end, one without a newline that of its last byte", async () => {
  using speaker = await Speaker.make()
  speaker.say("0", "out", "first\nsecond", 0)
  speaker.say("0", "out", "\n", 5_000)
  speaker.say("0", "out", "thi", 6_000)
  speaker.say("0", "out", "rd", 7_000)
  const all = [
    ["first", 0],
    ["second", 5_000],
    ["third", 7_000],
  ] as const
  expect(await times(speaker)).toEqual([...all])
  for (const tail of [1, 2, 3]) expect(await times(speaker, { tail })).toEqual(all.slice(-tail))
})

test("a line has the time of the clock when that was put back", async () => {
  using speaker = await Speaker.make()
  speaker.say("0", "out", "before\n", 50_000)
  speaker.say("0", "out", "after\n", 10_000)
  expect(await times(speaker)).toEqual([
    ["before", 50_000],
    ["after", 10_000],
  ])
})

/** What the next agent finds of the index, which the one before it was writing when it was killed. */
const harm: ReadonlyArray<readonly [what: string, act: (path: string) => void]> = [
  ["ends amid an entry", (path) => appendFileSync(path, "entry")],
  ["lacks its last entry", (path) => truncateSync(path, 32 + 16)],
  ["has no more than a part of its head", (path) => truncateSync(path, 10)],
  ["is not there", (path) => rmSync(path)],
]
test.each(harm)("lines can be read, and new ones have their times, when the index %s", async (_, act) => {
  using speaker = await Speaker.make()
  speaker.say("0", "out", "one\n", 0)
  speaker.say("0", "out", "two\n", 1_000)
  act(speaker.pump.path("0.out.idx"))
  expect((await times(speaker)).map(([text]) => text)).toEqual(["one", "two"])
  speaker.restart(2_000)
  speaker.say("0", "out", "three\n", 3_000)
  speaker.say("0", "out", "four\n", 4_000)
  const [, , ...added] = await times(speaker)
  expect(added).toEqual([
    ["three", 3_000],
    ["four", 4_000],
  ])
})

test("a log that was removed while no agent was there begins anew, with times of its own", async () => {
  using speaker = await Speaker.make()
  for (let second = 0; second < 5; second++) speaker.say("0", "out", "a line of the former file\n", second * 1_000)
  speaker.restart(10_000, () => rmSync(speaker.pump.path("0.out.log")))
  speaker.say("0", "out", "one\n", 20_000)
  const long = "a line that is longer than all of the former file".padEnd(200, ".")
  speaker.say("0", "out", `${long}\n`, 30_000)
  expect(await times(speaker)).toEqual([
    ["one", 20_000],
    [long, 30_000],
  ])
})

test("the age of a file counts from its first line, also for the next agent", async () => {
  using speaker = await Speaker.make()
  speaker.pump.limits = { maxBytes: 1024 ** 2, maxAgeMs: 60_000 }
  speaker.say("0", "out", "old\n", 0)
  speaker.restart(1_000)
  speaker.pump.pump.settle(start + 59_000)
  expect(speaker.pump.files()).toHaveLength(1)
  speaker.pump.pump.settle(start + 60_000)
  expect(speaker.pump.files()).toHaveLength(2)
})

test("lines whose index was lost came when their file was last written to, and grow old from then on", async () => {
  using speaker = await Speaker.make()
  speaker.pump.limits = { maxBytes: 1024 ** 2, maxAgeMs: 60_000 }
  speaker.say("0", "out", "one\n", 0)
  speaker.restart(2_000, () => {
    rmSync(speaker.pump.path("0.out.idx"))
    utimesSync(speaker.pump.path("0.out.log"), new Date(), new Date(start + 1_000))
  })
  speaker.say("0", "out", "two\n", 3_000)
  expect(await times(speaker)).toEqual([
    ["one", 1_000],
    ["two", 3_000],
  ])
  speaker.pump.pump.settle(start + 60_999)
  expect(speaker.pump.files()).toHaveLength(1)
  speaker.pump.pump.settle(start + 61_000)
  expect(speaker.pump.files()).toHaveLength(2)
})

test("a line that was taken is not kept", async () => {
  using speaker = await Speaker.make()
  speaker.say("0", "out", "one\ntwo\n", 0)
  const source = new LogSource(speaker.pump.folder, { place: "0", stream: "out" })
  await source.look()
  const filter = { from: -Infinity, to: Infinity, level: undefined, search: undefined }
  const reader = new LineReader(source, 0, filter)
  while (await reader.fill(source.end));
  expect(reader.lines).toHaveLength(2)
  while (reader.next !== undefined) reader.take()
  expect(reader.lines).toEqual([])
  await source.close()
})
