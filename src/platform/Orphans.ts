import { readFileSync } from "node:fs"
import process from "node:process"
import { isOwnChild } from "./ChildProcess.ts"
import { libc } from "./Libc.ts"

const WNOHANG = 1

/** Whether processes whose parents have ended become children of this one, as of the first in a container. */
export const adoptsOrphans = (): boolean => process.pid === 1

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

/**
 * Ends the waiting of orphans that have ended for somebody to ask how: nobody will, and each holds a process number
 * until then. To be called now and then.
 */
export class Orphans {
  /** Those that had ended at the last look. A child of the runtime's own is asked by it before the next. */
  #ended: ReadonlySet<number> = new Set()

  /** How many were let go. */
  async reap(): Promise<number> {
    const ended = new Set(children().filter((pid) => !isOwnChild(pid) && hasEnded(pid)))
    const waiting = [...ended].filter((pid) => this.#ended.has(pid))
    this.#ended = ended
    if (waiting.length === 0) return 0
    const c = await libc()
    // One by one: to wait for any child would take the end of a worker from the runtime.
    return waiting.filter((pid) => c.waitpid(pid, new Uint8Array(4), WNOHANG) === pid).length
  }
}
