import { expect, setDefaultTimeout, test } from "bun:test"
import { watch } from "../../src/platform/ChildProcess.ts"
import { cString, libcWith } from "../../src/platform/Libc.ts"
import { Orphans } from "../../src/platform/Orphans.ts"
import { processRow } from "../../src/platform/ProcessTable.ts"
import type { Exit } from "../../src/platform/StartProcess.ts"
import { waitFor } from "../support/waitFor.ts"

setDefaultTimeout(60_000)

/** A child of this process of which the runtime knows nothing. */
const startBehindTheRuntime = async (line: string) => {
  const c = await libcWith({ posix_spawn: ["buffer", "buffer", "usize", "usize", "buffer", "buffer"] } as const)
  const words = ["/bin/sh", "-c", line].map(cString)
  const argv = new BigUint64Array([...words.map((word) => c.addressOf(word)), 0n])
  const pid = new Int32Array(1)
  const bytes = (array: BigUint64Array | Int32Array) => new Uint8Array(array.buffer)
  expect(c.posix_spawn(bytes(pid), cString("/bin/sh"), 0, 0, bytes(argv), new Uint8Array(8))).toBe(0)
  return pid[0] ?? 0
}
const hasEnded = (pid: number) => waitFor(() => processRow(pid)?.hasEnded)

test("a child whose end the runtime has missed is told all the same, with its code", async () => {
  const pid = await startBehindTheRuntime("exit 7")
  const child = watch({ pid, onExit: () => undefined }, {})
  const exit = new Promise<Exit>((resolve) => child.onExit(resolve))
  await hasEnded(pid)
  const orphans = new Orphans()
  for (let look = 1; look < 5; look++) expect(await orphans.reap()).toBe(0)
  expect(await orphans.reap()).toBe(1)
  expect(await exit).toEqual({ code: 7, signal: null })
  expect(processRow(pid)).toBeUndefined()
})

test("an orphan that has ended is let go at the second look, and nobody else's end is taken", async () => {
  const pid = await startBehindTheRuntime("kill -9 $$")
  await hasEnded(pid)
  const own = Bun.spawn(["/bin/sh", "-c", "exit 3"])
  const orphans = new Orphans()
  expect(await orphans.reap()).toBe(0)
  expect(await own.exited).toBe(3)
  expect(await orphans.reap()).toBe(1)
  expect(processRow(pid)).toBeUndefined()
})
