import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { createInterface } from "node:readline"

/** Servers have the first core for themselves, load the second: neither can live at the other's cost. */
export const cores = { server: 0, load: 1 } as const

/** The command that keeps a program to one core, where there are two. */
export const pinnedTo = (core: number): ReadonlyArray<string> =>
  cpus().length > 1 ? ["taskset", "-c", String(core)] : []

/** A process on one core that answers each line with a line. */
export class Pinned {
  readonly #child
  readonly #lines: AsyncIterator<string>
  readonly #name: string

  constructor(core: number, command: ReadonlyArray<string>) {
    const [program = "", ...args] = [...pinnedTo(core), ...command]
    this.#name = command.slice(1).join(" ")
    this.#child = spawn(program, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, NODE_ENV: "production" },
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async line(): Promise<string> {
    const { done, value } = await this.#lines.next()
    if (done === true) throw new Error(`It has ended: ${this.#name}`)
    return value
  }

  ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`)
    return this.line()
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill("SIGTERM")
    await ended
  }
}

const readProc = (pid: number, file: string) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

/** The process and all that it has started. */
export const treeOf = (pid: number): ReadonlyArray<number> => {
  const children = readProc(pid, `task/${pid}/children`).trim().split(/\s+/).filter(Boolean).map(Number)
  return [pid, ...children.flatMap(treeOf)]
}

const ticksPerSecond = 100

/** CPU time of these processes since their start, in microseconds; exact to 10 ms. */
export const cpuMicros = (pids: ReadonlyArray<number>): number =>
  pids.reduce((sum, pid) => {
    const fields = readProc(pid, "stat")
      .replace(/^.*\) /s, "")
      .split(" ")
    return sum + ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1_000_000) / ticksPerSecond
  }, 0)

/** Resident memory in bytes. */
export const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, "status"))?.[1] ?? Number.NaN) * 1024
