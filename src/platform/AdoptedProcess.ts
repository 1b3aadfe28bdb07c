import { constants } from "node:os"
import { type Child, isOwnChild, watch } from "./ChildProcess.ts"
import { type Libc, libc } from "./Libc.ts"
import { type ProcessIdentity, processRow } from "./ProcessTable.ts"
import { isAlive, ProcessTree } from "./ProcessTree.ts"
import type { Exit } from "./StartProcess.ts"

const SYS_pidfd_open = 434n
const POLLIN = 1
const WNOHANG = 1
const ESRCH = 3

/** How often it is asked which of them have ended: one call of the kernel for all. */
const everyMs = 50

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** `status`: of waitpid(2). */
const exitOf = (status: number): Exit => {
  const signal = status & 0x7f
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null }
  return { code: null, signal: names.get(signal) ?? `signal ${signal}` }
}

const unknown: Exit = { code: null, signal: null }

/** To be asked once: the number is free then. */
const reap = (c: Libc, pid: number): Exit => {
  const status = new Uint8Array(4)
  return c.waitpid(pid, status, WNOHANG) === pid ? exitOf(new DataView(status.buffer).getInt32(0, true)) : unknown
}

type Watched = { readonly pidfd: number; readonly ended: () => void }

/** All adopted processes of this one: asked together. */
class Watch {
  readonly #c: Libc
  #watched: ReadonlyArray<Watched> = []
  #table = new Uint8Array()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(c: Libc) {
    this.#c = c
  }

  add(one: Watched): void {
    this.#set([...this.#watched, one])
  }

  /** struct pollfd { int fd; short events, revents } for each. */
  #set(watched: ReadonlyArray<Watched>): void {
    this.#watched = watched
    this.#table = new Uint8Array(watched.length * 8)
    const view = new DataView(this.#table.buffer)
    for (const [at, { pidfd }] of watched.entries()) {
      view.setInt32(at * 8, pidfd, true)
      view.setInt16(at * 8 + 4, POLLIN, true)
    }
    if (watched.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    } else this.#timer ??= setInterval(() => this.#look(), everyMs)
  }

  #look(): void {
    if (this.#c.poll(this.#table, BigInt(this.#watched.length), 0) <= 0) return
    const view = new DataView(this.#table.buffer)
    const hasEnded = (_: Watched, at: number) => view.getInt16(at * 8 + 6, true) !== 0
    const ended = this.#watched.filter(hasEnded)
    this.#set(this.#watched.filter((one) => !ended.includes(one)))
    for (const one of ended) one.ended()
  }
}

let watched: Watch | undefined

/** `wasOver`: it had ended before it was adopted. */
export type AdoptedChild = Child & { readonly wasOver: boolean }

/**
 * A process that an agent before this one has started, with this mark; it may have ended since. How it ends, or has
 * ended, is known only where this process is its parent, as after an upgrade in place; else `code` and `signal` are null.
 */
export const adoptProcess = async (identity: ProcessIdentity, run: string): Promise<AdoptedChild> => {
  const c = await libc()
  const { pid } = identity
  const pidfd = c.syscall(SYS_pidfd_open, BigInt(pid), 0n, 0n, 0n)
  if (pidfd < 0) {
    const errno = c.errno()
    if (errno === ESRCH) return over(identity, run, unknown)
    throw new Error(`process ${pid} can't be watched (errno ${errno})`)
  }
  // Of a child of the runtime's own the runtime asks how it ended; to do that here too would take it away.
  const isRuntimes = isOwnChild(pid)
  // From here on the descriptor stands for the process that has this number now; is it the one that is meant?
  if (!isAlive(identity)) {
    c.close(pidfd)
    const isIt = processRow(pid)?.is(identity) === true
    return over(identity, run, isIt && !isRuntimes ? reap(c, pid) : unknown)
  }
  watched ??= new Watch(c)
  const all = watched
  const onExit = (listener: (exit: Exit) => void) =>
    all.add({
      pidfd,
      ended: () => {
        c.close(pidfd)
        listener(isRuntimes ? unknown : reap(c, pid))
      },
    })
  const child = watch({ pid, onExit }, { run })
  child.tree.runsAs(processRow(pid)?.uid)
  return { ...child, wasOver: false }
}

const over = (identity: ProcessIdentity, run: string, exit: Exit): AdoptedChild => ({
  identity,
  tree: new ProcessTree(identity, { run }),
  onExit: (listener) => listener(exit),
  signal: () => false,
  wasOver: true,
})
