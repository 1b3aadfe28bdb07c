import { readFileSync } from "node:fs"
import { constants } from "node:os"
import process from "node:process"
import { isAwaited, isOwnChild, tellEnd } from "./ChildProcess.ts"
import { type Libc, libc } from "./Libc.ts"
import type { Exit } from "./StartProcess.ts"

const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x01000000
const P_ALL = 0
const PR_SET_CHILD_SUBREAPER = 36

/**
 * Makes processes whose parents have ended children of this one, if it has started those: they stay in its sight. As the
 * first in a container it gets all anyway. false: the kernel or the runtime does not let it.
 */
export const adoptOrphans = async (): Promise<boolean> => {
  if (process.pid === 1) return true
  try {
    return (await libc()).prctl(PR_SET_CHILD_SUBREAPER, 1n, 0, 0, 0) === 0
  } catch {
    return false
  }
}

const readOr = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** The kernel gives orphans to the main thread. */
const children = () =>
  readOr(`/proc/self/task/${process.pid}/children`)
    .split(" ")
    .filter((word) => word !== "")
    .map(Number)

const hasEnded = (pid: number) => /\) Z [^)]*$/.test(readOr(`/proc/${pid}/stat`))

/** A runtime that has not told the end of its child in so many looks has missed it. */
const missedAfter = 5

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** `status`: of waitpid(2). */
const exitOf = (status: number): Exit => {
  const signal = status & 0x7f
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null }
  return { code: null, signal: signalNames.get(signal) ?? `signal ${signal}` }
}

/**
 * Ends the waiting of orphans that have ended for somebody to ask how: nobody will, and each holds a process number
 * until then. The same for children of our own whose end the runtime has missed. To be called now and then.
 */
export class Orphans {
  /** Those that had ended at the last look. A child of the runtime's own is asked by it before the next. */
  #ended: ReadonlySet<number> = new Set()
  /** In how many looks ended children of our own were seen. */
  #missed: ReadonlyMap<number, number> = new Map()

  /** How many were let go. */
  async reap(): Promise<number> {
    const c = await libc()
    const all = isAnyEnded(c) ? children().filter(hasEnded) : []
    const orphans = all.filter((pid) => !isOwnChild(pid))
    const looks = new Map(all.filter(isAwaited).map((pid) => [pid, (this.#missed.get(pid) ?? 0) + 1]))
    const waiting = [
      ...orphans.filter((pid) => this.#ended.has(pid)),
      ...[...looks].filter(([, count]) => count >= missedAfter).map(([pid]) => pid),
    ]
    this.#ended = new Set(orphans)
    this.#missed = looks
    // One by one: to wait for any child would take the end of a worker from the runtime.
    return waiting.filter((pid) => letGo(c, pid)).length
  }
}

/** One question about all children, which takes nothing from who waits for one. */
const isAnyEnded = (c: Libc): boolean => {
  const info = new Uint8Array(128)
  return c.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) === 0 && info.some((byte) => byte !== 0)
}

const letGo = (c: Libc, pid: number): boolean => {
  const status = new Uint8Array(4)
  if (c.waitpid(pid, status, WNOHANG) !== pid) return false
  tellEnd(pid, exitOf(new DataView(status.buffer).getInt32(0, true)))
  return true
}
