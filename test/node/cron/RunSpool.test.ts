import { expect, test } from "bun:test"
import { closeSync, mkdirSync, readdirSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { RunSpool } from "../../../src/node/cron/RunSpool.ts"
import { Fifos } from "../../../src/platform/Fifo.ts"
import { temporaryFolder } from "../../support/muster.ts"

const fifos = await Fifos.load()
const chunk = 64 * 1024

/** A pipe with both its ends. */
const pipeIn = (folder: string) => {
  const path = join(folder, "p.pipe")
  fifos.make(path)
  const [reader, writer] = [fifos.openReader(path), fifos.openWriter(path)]
  return {
    reader,
    say: (text: string) => writeSync(writer, text),
    [Symbol.dispose]: () => [reader, writer].forEach((fd) => closeSync(fd)),
  }
}

const textOf = ({ output }: RunSpool) => ({
  head: Buffer.from(output.head).toString(),
  tail: Buffer.from(output.tail).toString(),
  bytes: output.bytes,
})

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `line ${from + at}\n`).join("")

test("what was moved, and what was written, is gone with the agent, or twice there for the next one", () => {
  using folder = temporaryFolder()
  using pipe = pipeIn(folder.path)
  const first = new RunSpool(fifos, folder.path, "r1")
  expect(first.move(pipe.reader)).toBe(false)
  pipe.say("one\n")
  expect(first.move(pipe.reader)).toBe(true)
  first.push(Buffer.from("two\n"))
  const other = new RunSpool(fifos, folder.path, "r2")
  expect(textOf(other)).toEqual({ head: "", tail: "", bytes: 0 })
  const next = new RunSpool(fifos, folder.path, "r1")
  expect(textOf(next)).toEqual({ head: "one\ntwo\n", tail: "", bytes: 8 })
  pipe.say("three\n")
  expect(next.move(pipe.reader)).toBe(true)
  expect(textOf(new RunSpool(fifos, folder.path, "r1")).head).toBe("one\ntwo\nthree\n")
  next.remove()
  expect(readdirSync(folder.path)).toEqual(["p.pipe"])
  for (const spool of [first, other]) spool.close()
})

test("a run that says much fills the disk, or the next agent has another beginning or end of it", () => {
  using folder = temporaryFolder()
  using pipe = pipeIn(folder.path)
  const text = lines(0, 60_000)
  let spool = new RunSpool(fifos, folder.path, "r1")
  for (let from = 0; from < text.length; from += 50_000) {
    pipe.say(text.slice(from, from + 50_000))
    while (spool.move(pipe.reader));
    // Now and then an agent is killed.
    if (from % 200_000 === 0) spool = new RunSpool(fifos, folder.path, "r1")
    expect(readdirSync(folder.path).length).toBeLessThanOrEqual(4)
  }
  const told = textOf(new RunSpool(fifos, folder.path, "r1"))
  expect(told).toEqual({ head: text.slice(0, chunk), tail: text.slice(-chunk), bytes: text.length })
  expect(textOf(spool)).toEqual(told)
  const written = new RunSpool(fifos, folder.path, "r2")
  written.push(Buffer.from(text))
  expect(textOf(written)).toEqual(told)
  expect(textOf(new RunSpool(fifos, folder.path, "r2"))).toEqual(told)
})

test("a disk that takes nothing takes the output too", () => {
  using folder = temporaryFolder()
  using pipe = pipeIn(folder.path)
  const spool = new RunSpool(fifos, folder.path, "r1")
  mkdirSync(join(folder.path, "r1.0.cron.out"))
  writeFileSync(join(folder.path, "r1.0.cron.out", "in the way"), "")
  pipe.say("one\n")
  expect(spool.move(pipe.reader)).toBe(false)
  spool.push(Buffer.from("one\n"))
  expect(textOf(spool)).toEqual({ head: "one\n", tail: "", bytes: 4 })
})
