import { expect, setDefaultTimeout, test } from "bun:test"
import { dlopen } from "bun:ffi"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { adoptProcess } from "../../src/platform/AdoptedProcess.ts"
import { lockFile } from "../../src/platform/FileLock.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import type { Exit } from "../../src/platform/StartProcess.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

/** A process whose parent has ended; it waits for its end, or for a signal. */
const orphan = async (line: string) => {
  const starter = Bun.spawn(["sh", "-c", `setsid sh -c '${line}' >/dev/null 2>&1 & echo $!`], { stdout: "pipe" })
  const pid = Number((await new Response(starter.stdout).text()).trim())
  await starter.exited
  const identity = identityOf(pid)
  if (identity === undefined) throw new Error("it has ended already")
  return identity
}

const exitOf = (child: Awaited<ReturnType<typeof adoptProcess>>) =>
  new Promise<Exit>((resolve) => child.onExit((exit) => resolve(exit)))

test("the end of a process that is nobody's child here does not go unnoticed, and nothing is made up about it", async () => {
  const identity = await orphan("sleep 300; exit 3")
  const child = await adoptProcess(identity, "test/0/run-1")
  expect(child).toMatchObject({ identity, wasOver: false })
  const exit = exitOf(child)
  expect(child.signal("SIGTERM")).toBe(true)
  expect(await exit).toEqual({ code: null, signal: null })
  expect(child.signal("SIGTERM")).toBe(false)
})

test("the end of many is noticed, each once", async () => {
  const identities = await Promise.all(Array.from({ length: 30 }, () => orphan("sleep 300")))
  const children = await Promise.all(identities.map((identity) => adoptProcess(identity, "test/0/run-2")))
  const ended: Array<number> = []
  for (const child of children) child.onExit(() => ended.push(child.identity.pid))
  for (const child of children) child.tree.signal("SIGKILL")
  await waitFor(() => ended.length === 30)
  expect(ended.toSorted()).toEqual(identities.map(({ pid }) => pid).toSorted())
})

test("a process that has the number of another since is not taken for that one", async () => {
  const identity = await orphan("sleep 300")
  for (const other of [{ startTime: "1" }, { bootId: "before" }]) {
    const child = await adoptProcess({ ...identity, ...other }, "test/0/run-3")
    expect(child.wasOver).toBe(true)
    expect(await exitOf(child)).toEqual({ code: null, signal: null })
    expect([child.signal("SIGTERM"), child.tree.signal("SIGKILL")]).toEqual([false, false])
  }
  const child = await adoptProcess(identity, "test/0/run-3")
  expect(child.wasOver).toBe(false)
  const exit = exitOf(child)
  child.tree.signal("SIGKILL")
  await exit
  expect(await adoptProcess(identity, "test/0/run-3")).toMatchObject({ identity, wasOver: true })
})

test("of a child that the runtime knows nothing of it is known how it ended", async () => {
  const { symbols } = dlopen("libc.so.6", {
    posix_spawn: { args: ["ptr", "cstring", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  })
  const { ptr } = await import("bun:ffi")
  const text = (value: string) => Buffer.from(`${value}\0`)
  const started = (line: string) => {
    const words = ["sh", "-c", line].map(text)
    const argv = new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n])
    const pid = new Int32Array(1)
    expect(symbols.posix_spawn(ptr(pid), text("/bin/sh"), null, null, ptr(argv), ptr(new BigUint64Array(1)))).toBe(0)
    const identity = identityOf(pid[0] ?? 0)
    if (identity === undefined) throw new Error("it has ended already")
    return identity
  }
  const hasEnded = ({ pid }: { pid: number }) => / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  const later = started("sleep 0.3; exit 7")
  const child = await adoptProcess(later, "test/0/run-4")
  expect(child.wasOver).toBe(false)
  expect(await exitOf(child)).toEqual({ code: 7, signal: null })
  const before = started("exit 8")
  await waitFor(() => hasEnded(before))
  const over = await adoptProcess(before, "test/0/run-5")
  expect(over.wasOver).toBe(true)
  expect(await exitOf(over)).toEqual({ code: 8, signal: null })
  for (const { pid } of [later, before]) expect(() => readFileSync(`/proc/${pid}/stat`)).toThrow("ENOENT")
})

test("a lock is had by one only, and ends with who had it", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "lock")
  const first = await lockFile(path)
  expect(await lockFile(path)).toBeUndefined()
  // What is started meanwhile does not hold on to it.
  const other = Bun.spawn(["sleep", "300"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
  first?.release()
  const second = await waitFor(() => lockFile(path))
  second.release()
  other.kill("SIGKILL")
})
