import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { denoPath, root } from "../support/executable.ts"
import { waitFor } from "../support/waitFor.ts"
import { entry, type TestNode } from "./TestNode.ts"

const agent = join(root, "test/node/fixtures/agent.ts")
const runtimes = {
  bun: [process.execPath, agent],
  deno: [denoPath(), "run", "-A", "-q", "--unstable-net", agent],
}

let started = 0

/** An agent as a process of its own on the folder of a test node, which then talks to it. */
export class AgentProcess {
  readonly #child: Bun.Subprocess
  readonly #log: string

  private constructor(child: Bun.Subprocess, log: string) {
    this.#child = child
    this.#log = log
  }

  static async start(node: TestNode, runtime: keyof typeof runtimes = "bun") {
    const log = node.path(`agent-${++started}.log`)
    // By one descriptor: with two each would write over what the other has written.
    const out = openSync(log, "a")
    const command = [...runtimes[runtime], node.dataDir, entry]
    const child = Bun.spawn(command, { cwd: root, stdin: "ignore", stdout: out, stderr: out })
    closeSync(out)
    const own = new AgentProcess(child, log)
    try {
      await node.attach(await own.#listens())
    } catch (error) {
      await own[Symbol.asyncDispose]()
      throw error
    }
    return own
  }

  async #listens() {
    const port = await waitFor(() => /^PORT (\d+)$/m.exec(this.output)?.[1] ?? (this.hasEnded && "ended"), {
      // It is known when it has ended: what it takes to start is the host's matter.
      timeoutMs: 100_000,
      what: "the port of the agent",
    })
    if (port === "ended") throw new Error(`the agent ended: ${this.output}`)
    return Number(port)
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get pid() {
    return this.#child.pid
  }

  get output() {
    return readFileSync(this.#log, "utf8")
  }

  /** SIGKILL: as if it had crashed. SIGQUIT: it leaves its services. */
  async end(signal: "SIGKILL" | "SIGQUIT" | "SIGTERM") {
    this.#child.kill(signal)
    await this.#child.exited
  }

  async [Symbol.asyncDispose]() {
    if (!this.hasEnded) await this.end("SIGKILL")
  }
}
