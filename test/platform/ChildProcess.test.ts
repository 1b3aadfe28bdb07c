import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test"
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { type Child, spawnSelf } from "../../src/platform/ChildProcess.ts"
import { boundPort, closeFd, openSlot } from "../../src/platform/ListenSocket.ts"
import { identityOf, isAlive, ProcessTree, signalProcess } from "../../src/platform/ProcessTree.ts"
import type { Exit } from "../../src/platform/StartProcess.ts"
import { root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const entry = join(root, "test/platform/fixtures/child.ts")

let folder: ReturnType<typeof temporaryFolder>
const children: Array<Child> = []
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  for (const child of children.splice(0)) child.tree.signal("SIGKILL")
  folder[Symbol.dispose]()
})

const out = () => join(folder.path, "out")
const log = () => join(folder.path, "log")
const told = () => (existsSync(out()) ? readFileSync(out(), "utf8").trim() : "")
const start = (task: string, o: { fds?: ReadonlyArray<number>; env?: Record<string, string>; cwd?: string } = {}) => {
  const file = openSync(log(), "a")
  const child = spawnSelf([task, out()], {
    env: o.env ?? {},
    cwd: o.cwd ?? folder.path,
    out: file,
    err: file,
    fds: o.fds ?? [],
    run: `test/${process.pid}/0/child`,
    entry,
  })
  closeSync(file)
  children.push(child)
  return child
}
const exitOf = (child: Child) => new Promise<Exit>((resolve) => child.onExit(resolve))

const ofSystemd = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]

test("the child gets the variables it was given and none that are meant for us", async () => {
  process.env["MUSTER_TOKEN"] = "secret"
  process.env["BUN_OPTIONS"] = "--smol"
  for (const name of ofSystemd) process.env[name] = "1"
  try {
    await exitOf(start("env", { env: { NODE_ENV: "production", GREETING: "hello 世界" } }))
  } finally {
    delete process.env["MUSTER_TOKEN"]
    delete process.env["BUN_OPTIONS"]
    for (const name of ofSystemd) delete process.env[name]
  }
  const { cwd, env } = JSON.parse(told()) as { env: Record<string, string>; cwd: string }
  expect(env["GREETING"]).toBe("hello 世界")
  expect(env["NODE_ENV"]).toBe("production")
  expect(env["PATH"]).toBe(process.env["PATH"] ?? "")
  expect(Object.keys(env).filter((name) => /^(?:MUSTER_(?!RUN$)|BUN_)/.test(name) || ofSystemd.includes(name))).toEqual(
    [],
  )
  expect(cwd).toBe(folder.path)
})

test("a bunfig.toml or .env in the child's folder is not obeyed", async () => {
  const cwd = join(folder.path, "foreign")
  mkdirSync(cwd)
  await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n')
  await Bun.write(join(cwd, "evil.ts"), "process.exit(66)\n")
  await Bun.write(join(cwd, ".env"), "FROM_FILE=1\n")
  expect(await exitOf(start("env", { cwd }))).toEqual({ code: 0, signal: null })
  expect((JSON.parse(told()) as { env: Record<string, string> }).env["FROM_FILE"]).toBeUndefined()
})

test("exit code, signal and an end before anybody listens are all told", async () => {
  expect(await exitOf(start("exit"))).toEqual({ code: 7, signal: null })
  const deaf = start("deaf")
  await waitFor(() => told() === "ready")
  deaf.tree.signal("SIGKILL")
  expect(await exitOf(deaf)).toEqual({ code: null, signal: "SIGKILL" })
  expect(await exitOf(deaf)).toEqual({ code: null, signal: "SIGKILL" })
})

test("both output streams are appended to the log file", async () => {
  await exitOf(start("print"))
  await exitOf(start("print"))
  expect(readFileSync(log(), "utf8")).toBe("to stdout\nto stderr\n".repeat(2))
})

test("a slot's socket is inherited, and what waits in its queue is served by the next child", async () => {
  const fd = await openSlot({ ip: "127.0.0.1", port: 0, backlog: 16 })
  const port = await boundPort(fd)
  const answer = () =>
    new Promise<string>((resolve, reject) => {
      let text = ""
      const socket = connect({ host: "127.0.0.1", port })
      socket.on("data", (data) => (text += data.toString()))
      socket.on("close", () => resolve(text))
      socket.on("error", reject)
    })
  const first = start("listen", { fds: [fd] })
  await waitFor(() => told() === "ready")
  expect(await answer()).toBe(String(first.identity.pid))
  first.tree.signal("SIGKILL")
  await exitOf(first)
  const waiting = answer()
  const second = start("listen", { fds: [fd] })
  expect(await waiting).toBe(String(second.identity.pid))
  await closeFd(fd)
})

test("a child is a session of its own, and its group ends with all it has started", async () => {
  const child = start("parent")
  const grandchild = Number(await waitFor(() => told() !== "" && told()))
  const stat = readFileSync(`/proc/${child.identity.pid}/stat`, "utf8").split(") ")[1]?.split(" ")
  expect([Number(stat?.[2]), Number(stat?.[3])]).toEqual([child.identity.pid, child.identity.pid])
  child.signal("SIGKILL")
  await exitOf(child)
  expect(identityOf(grandchild)).toBeDefined()
  expect(child.tree.signal("SIGKILL")).toBe(true)
  await waitFor(
    () => identityOf(grandchild) === undefined || /\) Z /.test(readFileSync(`/proc/${grandchild}/stat`, "utf8")),
  )
  expect(child.tree.signal("SIGKILL")).toBe(false)
})

test("a process with the same pid but another start is never signalled", async () => {
  const child = start("deaf")
  await waitFor(() => told() === "ready")
  const before = { ...child.identity, startTime: String(Number(child.identity.startTime) - 1) }
  const otherBoot = { ...child.identity, bootId: "00000000-0000-0000-0000-000000000000" }
  for (const stranger of [before, otherBoot]) {
    expect(isAlive(stranger)).toBe(false)
    expect(signalProcess(stranger, "SIGKILL")).toBe(false)
    expect(new ProcessTree(stranger).signal("SIGKILL")).toBe(false)
    expect(new ProcessTree(stranger).signalGroup("SIGKILL")).toBe(false)
  }
  expect(isAlive(child.identity)).toBe(true)
  expect(child.signal("SIGTERM")).toBe(true)
  await waitFor(() => told().endsWith("heard TERM"))
})

test("a folder that is missing is named, not the command", () => {
  expect(() => start("env", { cwd: join(folder.path, "nowhere") })).toThrow(
    `the folder ${join(folder.path, "nowhere")} does not exist`,
  )
})
