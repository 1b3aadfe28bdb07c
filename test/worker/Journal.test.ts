import { expect, setDefaultTimeout, test } from "bun:test"
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hashBytes, callHash, hashText } from "../../src/protocol/CallHash.ts"
import { journalBytes, journalCallers, journalPlaces, readJournal } from "../../src/protocol/Journal.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { Journal } from "../../src/worker/Journal.ts"
import { runtimes } from "../client/fixtures/runtimes.ts"
import { temporaryFolder } from "../support/muster.ts"

setDefaultTimeout(60_000)

const makeFile = (folder: string) => {
  const path = join(folder, "greeter.journal")
  writeFileSync(path, "")
  truncateSync(path, journalBytes)
  return path
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const hashOf = (text: string) => {
  const bytes = bytesOf(text)
  hashBytes(bytes, 0, bytes.length)
  return hashText(callHash.low, callHash.high)
}

const open = (folder: string, methods = ["hello"], now = () => 5) => {
  const path = makeFile(folder)
  return { path, journal: Journal.open("greeter", path, { methods, now }) }
}

test.each(["bun", "deno"] as const)(
  "what a process on %s was executing when it was killed is in the file",
  async (runtime) => {
    using folder = temporaryFolder()
    const path = makeFile(folder.path)
    const child = Bun.spawn([...runtimes[runtime], join(import.meta.dirname, "fixtures/journal.ts"), path], {
      stdin: "pipe",
      stdout: "pipe",
    })
    const reader = child.stdout.getReader()
    const pid = Number(new TextDecoder().decode((await reader.read()).value))
    expect(pid).toBeGreaterThan(1)
    process.kill(pid, "SIGKILL")
    await child.exited
    expect(readJournal(readFileSync(path))).toEqual([
      { hash: hashOf("first"), method: "hello", startedAt: 1_700_000_000_000, remote: "10.0.0.1:4711" },
      { hash: hashOf("third"), method: "Orders.find", startedAt: 1_700_000_000_000, remote: undefined },
    ])
  },
)

test("the same bytes have the same hash wherever they stand, and any difference has another", () => {
  const bytes = bytesOf("xxhello world, whoever you are")
  hashBytes(bytes, 2, bytes.length)
  expect(hashText(callHash.low, callHash.high)).toBe(hashOf("hello world, whoever you are"))
  const seen = new Set<string>()
  const base = new Uint8Array(37)
  // Each single bit, each pair of the highest bits of two words, and each length.
  for (let bit = 0; bit < base.length * 8; bit++) {
    const changed = base.slice()
    changed[bit >> 3] = 1 << (bit & 7)
    hashBytes(changed, 0, changed.length)
    seen.add(hashText(callHash.low, callHash.high))
  }
  for (let one = 3; one < 36; one += 4)
    for (let other = one + 4; other < 36; other += 4) {
      const changed = base.slice()
      changed[one] = changed[other] = 0x80
      hashBytes(changed, 0, changed.length)
      seen.add(hashText(callHash.low, callHash.high))
    }
  for (let length = 0; length <= base.length; length++) {
    hashBytes(base, 0, length)
    seen.add(hashText(callHash.low, callHash.high))
  }
  expect(seen.size).toBe(37 * 8 + 36 + 38)
  for (let number = 0; number < 200_000; number++) seen.add(hashOf(`order-${number}`))
  expect(seen.size).toBe(37 * 8 + 36 + 38 + 200_000)
})

test("a call on the poison list is refused, not executed, with what lifts it, until it is off the list", () => {
  using folder = temporaryFolder()
  const { journal, path } = open(folder.path)
  const bytes = bytesOf("poison")
  journal.obey({ poison: [hashOf("poison")], suspects: [] })
  const refusal = journal.begin({ method: "hello", start: 0, end: bytes.length }, bytes, 0)
  if (!(refusal instanceof RpcError)) throw new Error("it was not refused")
  expect(refusal).toMatchObject({ code: "failed_precondition", executed: "no" })
  expect(refusal.message).toMatch(/"hello" with these arguments .* crashed.* reload it/)
  expect(readJournal(readFileSync(path))).toEqual([])
  expect(journal.begin({ method: "hello", start: 0, end: 5 }, bytesOf("other"), 0)).toBeNumber()
  journal.obey({ poison: [], suspects: [] })
  expect(journal.begin({ method: "hello", start: 0, end: bytes.length }, bytes, 0)).toBeNumber()
  expect(readJournal(readFileSync(path)).map(({ hash }) => hash)).toEqual([hashOf("other"), hashOf("poison")])
})

test("a call is known by who makes it, for as long as he is there; of more callers than there is room for nobody knows", () => {
  using folder = temporaryFolder()
  const { journal, path } = open(folder.path)
  const bytes = bytesOf("x")
  const remotes = () => readJournal(readFileSync(path)).map(({ remote }) => remote)
  const [one, other] = [journal.enter("10.0.0.1:4711"), journal.enter(`[fe80::1%${"e".repeat(80)}]:1`)]
  journal.begin({ method: "hello", start: 0, end: 1 }, bytes, other)
  const place = journal.begin({ method: "hello", start: 0, end: 1 }, bytes, one)
  expect(remotes().toSorted()).toEqual(["10.0.0.1:4711", `[fe80::1%${"e".repeat(54)}`])
  journal.end(Number(place))
  journal.leave(one)
  journal.leave(0)
  const callers = Array.from({ length: journalCallers }, (_, nth) => journal.enter(`unix:${nth}`))
  expect(callers.slice(0, -1)).not.toContain(0)
  expect(callers.at(-1)).toBe(0)
  journal.begin({ method: "hello", start: 0, end: 1 }, bytes, 0)
  journal.begin({ method: "hello", start: 0, end: 1 }, bytes, callers[0] ?? 0)
  expect(remotes().toSorted()).toEqual([`[fe80::1%${"e".repeat(54)}`, "unix:0", undefined].toSorted())
})

test("the journal of a worker that an older agent has started is read as well", () => {
  using folder = temporaryFolder()
  const { journal, path } = open(folder.path)
  journal.begin({ method: "hello", start: 0, end: 1 }, bytesOf("x"), journal.enter("10.0.0.1:4711"))
  const bytes = readFileSync(path)
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, 1, true)
  // It was shorter, and what is the caller's number now was nobody's.
  const old = bytes.subarray(0, bytes.length - journalCallers * 64)
  expect(readJournal(old)).toEqual([{ hash: hashOf("x"), method: "hello", startedAt: 5, remote: undefined }])
  expect(readJournal(bytes)).toEqual([])
})

test("places are used again, and calls beyond the last place run unrecorded", () => {
  using folder = temporaryFolder()
  const { journal, path } = open(folder.path)
  const bytes = bytesOf("x")
  const begin = () => journal.begin({ method: "hello", start: 0, end: 1 }, bytes, 0)
  const places = Array.from({ length: journalPlaces }, begin)
  expect(new Set(places).size).toBe(journalPlaces)
  expect(begin()).toBe(-1)
  journal.end(-1)
  for (const place of places) journal.end(Number(place))
  expect(readJournal(readFileSync(path))).toEqual([])
  expect(begin()).not.toBe(-1)
})

test("a method that there was no room to name, and a file that is no journal", () => {
  using folder = temporaryFolder()
  const many = Array.from({ length: 300 }, (_, index) => `${index}`.padStart(255, "m"))
  const { journal, path } = open(folder.path, many)
  journal.begin({ method: many[0] ?? "", start: 0, end: 1 }, bytesOf("a"), 0)
  journal.begin({ method: many[299] ?? "", start: 0, end: 1 }, bytesOf("b"), 0)
  expect(
    readJournal(readFileSync(path))
      .map(({ method }) => method)
      .toSorted(),
  ).toEqual([many[0] ?? "", "?"].toSorted())
  expect(readJournal(new Uint8Array(journalBytes))).toEqual([])
  expect(readJournal(new Uint8Array(7))).toEqual([])
  writeFileSync(path, "short")
  expect(() => Journal.open("greeter", path, { methods: [], now: () => 0 })).toThrow("has 5 bytes, expected")
  expect(() => Journal.open("greeter", `${path}.none`, { methods: [], now: () => 0 })).toThrow()
})

test("a suspected call that ends well is told as harmless, until the agent suspects it no more", () => {
  using folder = temporaryFolder()
  const { journal } = open(folder.path)
  const run = (text: string) =>
    journal.end(Number(journal.begin({ method: "hello", start: 0, end: text.length }, bytesOf(text), 0)))
  run("suspect")
  expect(journal.harmless).toEqual([])
  journal.obey({ poison: [], suspects: [hashOf("suspect"), hashOf("other")] })
  run("suspect")
  run("innocent")
  journal.begin({ method: "hello", start: 0, end: 5 }, bytesOf("other"), 0)
  expect(journal.harmless).toEqual([hashOf("suspect")])
  journal.obey({ poison: [], suspects: [hashOf("suspect")] })
  expect(journal.harmless).toEqual([hashOf("suspect")])
  journal.obey({ poison: [], suspects: [] })
  expect(journal.harmless).toEqual([])
})

test("a suspected call that runs for half a minute is harmless too: a subscription has no end", () => {
  using folder = temporaryFolder()
  let time = 1_700_000_000_000
  const { journal } = open(folder.path, ["news"], () => time)
  journal.begin({ method: "news", start: 0, end: 12 }, bytesOf("subscription"), 0)
  time += 20_000
  journal.begin({ method: "news", start: 0, end: 5 }, bytesOf("later"), 0)
  journal.obey({ poison: [], suspects: ["subscription", "later", "elsewhere"].map(hashOf) })
  expect(journal.harmless).toEqual([])
  time += 10_000
  expect(journal.harmless).toEqual([hashOf("subscription")])
})
