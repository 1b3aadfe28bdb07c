import { closeSync, lstatSync, openSync, readdirSync, renameSync, rmSync } from "node:fs"
import { type Child, watch } from "./ChildProcess.ts"
import type { Fifos } from "./Fifo.ts"
import { defaultPath, findProgram } from "./FindProgram.ts"
import { randomHex } from "./Ids.ts"
import { markedProcesses } from "./MarkedProcesses.ts"
import { join } from "./Paths.ts"
import { runVariable } from "./ProcessTable.ts"
import { signalProcess } from "./ProcessTree.ts"
import { startProcess } from "./StartProcess.ts"

/** There are so many pipes to spare, and new ones when so few of them are left. */
const spares = { most: 32, few: 8 }
const spareStart = "spare-"
const pipeEnd = ".pipe"

export type PipeHolderOptions = {
  readonly fifos: Fifos
  /** Where all the pipes are; their names end with `.pipe`. */
  readonly folder: string
  /** What the marks of its processes begin with: what another has left is known by it. */
  readonly mark: string
  /** `renew` should be called soon: spare pipes run short, or somebody has ended the process. */
  readonly worn: () => void
  /** It can't be; what is made from now on nobody holds. */
  readonly failed: (cause: unknown) => void
}

/**
 * Makes named pipes that a small process has open too, from before anybody writes to them: what was written is still
 * there when the writers and the readers are gone, us among them. A process gets descriptors only at its start, so it has
 * some to spare, which get the names that are asked for; another takes its place when they run short.
 */
export class PipeHolder {
  readonly #options: PipeHolderOptions
  #spares: Array<string> = []
  #holder: Child | undefined
  #isClosed = false

  constructor(options: PipeHolderOptions) {
    this.#options = options
  }

  /** Makes a pipe where none is. Throws when it can't. */
  make(path: string): void {
    const { fifos, worn } = this.#options
    if (fifos.isThere(path)) return
    if (this.#spares.length === 0) this.renew()
    const spare = this.#spares.pop()
    if (spare === undefined) fifos.make(path)
    else renameSync(spare, path)
    if (this.#spares.length === spares.few) worn()
  }

  /** All that are there, and new spare ones, are held by a new process; the ones before it end. */
  renew(): void {
    if (this.#isClosed) return
    try {
      const former = this.#holder
      this.#holder = this.#start()
      if (former === undefined) this.#endOthers()
      else former.signal("SIGKILL")
    } catch (cause) {
      this.#options.failed(cause)
    }
  }

  /** `ends`: nobody is to hold them any more. */
  close(ends: boolean): void {
    this.#isClosed = true
    if (!ends) return
    for (const path of this.#spares) rmSync(path, { force: true })
    this.#holder?.signal("SIGKILL")
  }

  #start(): Child {
    const { fifos, folder, mark, worn } = this.#options
    const file = findProgram("sleep", { cwd: "/", path: defaultPath })
    const found = pipesIn(folder)
    const added = Array.from({ length: spares.most }, () => join(folder, `${spareStart}${randomHex(8)}${pipeEnd}`))
    const fresh = added.slice(found.filter(isSpare).length)
    for (const path of fresh) fifos.make(path)
    const all = [...found, ...fresh]
    const held: Array<number> = []
    try {
      const nothing = openSync("/dev/null", "r+")
      held.push(nothing)
      for (const path of all) held.push(fifos.openHolder(path))
      const run = `${mark}${randomHex(8)}`
      const started = startProcess({
        file,
        argv: ["sleep", "infinity"],
        cwd: "/",
        // What it is for, for a person who wonders.
        env: { [runVariable]: run, MUSTER_PIPES: folder },
        fds: [nothing, nothing],
        held,
      })
      const child = watch(started, { run })
      child.onExit(() => {
        if (this.#holder === child && !this.#isClosed) worn()
      })
      this.#spares = all.filter(isSpare)
      return child
    } finally {
      for (const fd of held) closeSync(fd)
    }
  }

  /** Another agent may have left several. */
  #endOthers(): void {
    const own = this.#holder?.identity.pid
    for (const { row } of markedProcesses(this.#options.mark))
      if (row.pid !== own) signalProcess(row.identity, "SIGKILL")
  }
}

const isSpare = (path: string) => path.slice(path.lastIndexOf("/") + 1).startsWith(spareStart)

const pipesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(pipeEnd))
    .map((name) => join(folder, name))
    // Not by the kind of the entry: Deno knows no pipes there.
    .filter((path) => lstatSync(path).isFIFO())
