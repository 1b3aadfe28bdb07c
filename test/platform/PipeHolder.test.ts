import { expect, setDefaultTimeout, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { closeSync, readdirSync, readSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Fifos } from "../../src/platform/Fifo.ts"
import { PipeHolder } from "../../src/platform/PipeHolder.ts"
import { processesOf, sweep, temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

/** A folder of pipes, and those who make them there one after the other. */
class PipeWorld {
  readonly #temporary = temporaryFolder("muster-pipes-")
  readonly #fifos: Fifos
  worn = 0
  readonly failures: Array<string> = []

  private constructor(fifos: Fifos) {
    this.#fifos = fifos
  }

  static async make() {
    return new PipeWorld(await Fifos.load())
  }

  get folder() {
    return this.#temporary.path
  }

  path(name: string) {
    return join(this.folder, `${name}.pipe`)
  }

  holder() {
    return new PipeHolder({
      fifos: this.#fifos,
      folder: this.folder,
      mark: `${this.folder}/pipes/`,
      worn: () => void this.worn++,
      failed: (cause) => void this.failures.push(String(cause)),
    })
  }

  /** A process that has ended when it answers, and so has nobody open what it wrote to. */
  say(name: string, text: string) {
    const fd = this.#fifos.openWriter(this.path(name))
    spawnSync("printf", ["%s", text], { stdio: ["ignore", fd, "ignore"] })
    closeSync(fd)
  }

  heard(name: string) {
    const fd = this.#fifos.openReader(this.path(name))
    const bytes = Buffer.alloc(1_000)
    const text = bytes.toString("utf8", 0, readSync(fd, bytes))
    closeSync(fd)
    return text
  }

  pids() {
    return processesOf(this.folder).map(({ pid }) => pid)
  }

  files() {
    return readdirSync(this.folder)
  }

  [Symbol.dispose]() {
    sweep(this.folder)
    this.#temporary[Symbol.dispose]()
  }
}

test("what was written is lost when all who wrote and read are gone", async () => {
  using world = await PipeWorld.make()
  const first = world.holder()
  first.renew()
  first.make(world.path("a"))
  world.say("a", "last words")
  // The next one comes while the first one's process is there: its own takes that one's place.
  const next = world.holder()
  const [former] = world.pids()
  next.renew()
  await waitFor(() => world.pids().length === 1)
  expect(world.pids()).not.toContain(former ?? 0)
  expect(world.heard("a")).toBe("last words")
  next.close(true)
  await waitFor(() => world.pids().length === 0)
  expect(world.files()).toEqual(["a.pipe"])
  expect(world.failures).toEqual([])
})

test("pipes that were made in great number are held by nobody, or each by a process", async () => {
  using world = await PipeWorld.make()
  const holder = world.holder()
  holder.renew()
  const names = Array.from({ length: 100 }, (_, at) => `p${at}`)
  for (const name of names) {
    holder.make(world.path(name))
    world.say(name, name)
  }
  expect(names.map((name) => world.heard(name))).toEqual(names)
  expect(world.worn).toBeGreaterThanOrEqual(3)
  await waitFor(() => world.pids().length === 1)
  holder.close(true)
})

test("a pipe that is there is made anew, or something else is taken for one", async () => {
  using world = await PipeWorld.make()
  const holder = world.holder()
  holder.renew()
  holder.make(world.path("a"))
  world.say("a", "before")
  holder.make(world.path("a"))
  expect(world.heard("a")).toBe("before")
  writeFileSync(world.path("b"), "")
  expect(() => holder.make(world.path("b"))).toThrow("b.pipe is in the way: it is no named pipe")
  // It does not keep the others from being held.
  holder.renew()
  expect(world.failures).toEqual([])
  holder.close(true)
})

test("nobody hears that the process which holds the pipes was ended, or its own end is told", async () => {
  using world = await PipeWorld.make()
  const holder = world.holder()
  holder.renew()
  process.kill(world.pids()[0] ?? 0, "SIGKILL")
  await waitFor(() => world.worn === 1)
  holder.renew()
  holder.make(world.path("a"))
  world.say("a", "after")
  expect(world.heard("a")).toBe("after")
  holder.close(true)
  await waitFor(() => world.pids().length === 0)
  await Bun.sleep(50)
  expect(world.worn).toBe(1)
  holder.renew()
  expect(world.pids()).toEqual([])
})

test("who leaves its pipes to another ends what holds them", async () => {
  using world = await PipeWorld.make()
  const holder = world.holder()
  holder.renew()
  holder.make(world.path("a"))
  holder.close(false)
  world.say("a", "still there")
  expect(world.heard("a")).toBe("still there")
  expect(world.pids()).toHaveLength(1)
})

/** Looks at a host of its own, on which nobody finds `sleep` any more. */
const unheld = (...args: ReadonlyArray<string>) => {
  const fixture = join(import.meta.dirname, "fixtures/unheld.ts")
  const [file = "", ...words] = ["unshare", "-m", process.execPath, fixture, ...args]
  const { stdout } = spawnSync(file, words, { encoding: "utf8" })
  return JSON.parse(stdout) as unknown
}

test.skipIf(process.getuid?.() !== 0)("there are no pipes where no process can be started to hold them", async () => {
  using world = await PipeWorld.make()
  expect(unheld(world.folder)).toEqual({
    failures: [expect.stringContaining("sleep"), expect.stringContaining("sleep")],
    spares: 0,
    files: ["a.pipe"],
  })
  expect(world.pids()).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)(
  "pipes that are held are given up when no other process can be started",
  async () => {
    using world = await PipeWorld.make()
    expect(unheld(world.folder, "first")).toEqual({
      failures: [expect.stringContaining("sleep")],
      spares: 31,
      files: ["a.pipe"],
    })
  },
)
