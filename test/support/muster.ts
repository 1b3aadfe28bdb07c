import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { command, type Runtime } from "./executable.ts"
import { waitFor } from "./waitFor.ts"

/** A new folder that goes away with `await using`. */
export const temporaryFolder = (prefix = "muster-", within = tmpdir()) => {
  const path = mkdtempSync(join(within, prefix))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port on `host` that nobody listened on a moment ago. */
export const freePort = (host = "127.0.0.1") =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen({ host, port: 0 }, () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject()))
    })
  })

const readProc = (pid: string, file: string) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

/** The processes that were started with this folder in their arguments or environment, zombies left out. */
export const processesOf = (folder: string): ReadonlyArray<{ pid: number; role: string; command: string }> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => `${readProc(pid, "cmdline")}${readProc(pid, "environ")}`.includes(folder))
    .filter((pid) => !/\) Z /.test(readProc(pid, "stat")))
    .map((pid) => {
      const line = readProc(pid, "cmdline").split("\0").join(" ").trim()
      const isHolder = readProc(pid, "environ").includes("MUSTER_PIPES=")
      return { pid: Number(pid), role: isHolder ? "pipes" : (/--role[= ](\w+)/.exec(line)?.[1] ?? ""), command: line }
    })

type MusterOptions = {
  readonly runtime?: Runtime
  /** Another executable than dist/muster. */
  readonly executable?: string | undefined
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** The command that runs it somewhere else, such as `ip netns exec NAME`. */
  readonly within?: ReadonlyArray<string>
}

/** Starts Muster with exactly these arguments. Nothing of this process's MUSTER_… environment reaches it. */
export class Muster {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">
  #output = ""
  #stdout = ""
  readonly #read: Promise<unknown>
  readonly args: ReadonlyArray<string>

  constructor(args: ReadonlyArray<string>, options: MusterOptions = {}) {
    this.args = args
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:MUSTER_|NODE_ENV$|BUN_)/.test(name))
    const program = options.executable === undefined ? command(options.runtime ?? "executable") : [options.executable]
    this.#child = Bun.spawn([...(options.within ?? []), ...program, ...args], {
      cwd: options.cwd ?? tmpdir(),
      env: { ...Object.fromEntries(inherited), ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    })
    this.#read = Promise.all([
      this.#collect(this.#child.stdout, (text) => (this.#stdout += text)),
      this.#collect(this.#child.stderr, () => undefined),
    ])
  }

  async #collect(stream: ReadableStream<Uint8Array>, also: (text: string) => void) {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true })
      this.#output += text
      also(text)
    }
  }

  get pid() {
    return this.#child.pid
  }

  /** What it has printed so far, both streams. */
  get output() {
    return this.#output
  }

  get stdout() {
    return this.#stdout
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Waits for `condition`, and fails at once with the process's output when the process ends first. */
  async until<A>(what: string, condition: () => A | Promise<A>, timeoutMs = 15_000) {
    try {
      return await waitFor(
        async () => {
          const value = await condition()
          if ((value === false || value === undefined || value === null) && !this.running) return ended
          return value
        },
        { timeoutMs, what },
      ).then((value) => {
        if (value === ended) throw new Error(`muster ended before: ${what}`)
        return value as Exclude<A, false | undefined | null>
      })
    } catch (cause) {
      throw new Error(`${String(cause)}\n── output of muster ${this.args.join(" ")} ──\n${this.#output}`, { cause })
    }
  }

  signal(signal: NodeJS.Signals) {
    this.#child.kill(signal)
  }

  /** The exit code; 128 + the signal's number when a signal ended it. */
  async exit(timeoutMs = 15_000) {
    await waitFor(() => !this.running, { timeoutMs, what: `the end of muster ${this.args.join(" ")}\n${this.#output}` })
    await Promise.race([this.#read, Bun.sleep(500)])
    return this.#child.exitCode ?? 128
  }

  async stop(signal: NodeJS.Signals = "SIGTERM") {
    if (this.running) this.signal(signal)
    return await this.exit().catch(async (error: unknown) => {
      this.signal("SIGKILL")
      await this.#child.exited
      throw error
    })
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
  }
}

const ended = Symbol("ended")

/** Runs a command of Muster to its end. */
export const run = async (args: ReadonlyArray<string>, options: MusterOptions = {}) => {
  const muster = new Muster(args, options)
  const code = await muster.exit(30_000)
  return { code, stdout: muster.stdout, output: muster.output }
}

/** Kills what is left of processes on this folder, one by one by pid, and says what it was. */
export const sweep = (folder: string) => {
  const left = processesOf(folder)
  for (const { pid } of left) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It ended by itself in the meantime.
    }
  }
  return left
}
