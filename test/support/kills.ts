import { readFileSync } from "node:fs"
import { join } from "node:path"
import { CallError, type Client, connect } from "../../src/client/index.ts"
import { type Agent, Cluster, online } from "./cluster.ts"
import { root } from "./executable.ts"
import { waitFor } from "./waitFor.ts"

const service = "marks"
const port = 9100
const width = 32
/** A slot that was killed so often waits for seconds before its next try: then all are started anew. */
const killsPerSlot = 3
const pauseMsMost = 60

type Verdict = "answered" | "no" | "maybe" | "yes"

export interface KillReport {
  readonly kills: number
  readonly calls: number
  readonly verdicts: Readonly<Record<Verdict, number>>
  /** Calls said not to have been executed whose handler ran. */
  readonly ranThough: ReadonlyArray<string>
  /** Calls said to have been executed, or answered, whose handler did not run. */
  readonly didNotRun: ReadonlyArray<string>
  readonly ranTwice: ReadonlyArray<string>
}

/** Calls without pause, each with an id of its own, and keeps what was said of it. */
class MarkCalls {
  readonly verdicts = new Map<string, Verdict>()
  /** Workers that have answered. */
  readonly seen = new Set<number>()
  readonly #client: Client
  readonly #loops: ReadonlyArray<Promise<void>>
  #stopped = false

  constructor(dataDir: string) {
    this.#client = connect(service, { dataDir, timeoutMs: 5_000 })
    this.#loops = Array.from({ length: width }, (_, index) => this.#loop(index))
  }

  async stop() {
    this.#stopped = true
    await Promise.all(this.#loops)
    this.#client.close()
  }

  async #loop(index: number) {
    for (let nth = 0; !this.#stopped; nth++) {
      const id = `${index}.${nth}`
      const verdict = await this.#call(id)
      this.verdicts.set(id, verdict)
      if (verdict !== "answered") await Bun.sleep(2)
    }
  }

  async #call(id: string): Promise<Verdict> {
    const chance = Math.random()
    // Some lose patience by themselves: with a deadline that is too short, or by a signal.
    const timeoutMs = chance < 0.05 ? Math.random() * 10 : 5_000
    const signal = chance > 0.95 ? AbortSignal.timeout(Math.random() * 10) : undefined
    const caller = this.#client.with({ timeoutMs, signal })
    const answer =
      Math.random() < 0.7 ? caller.call<number>("mark", id) : caller.call<number>("markLater", id, Math.random() * 10)
    return await answer.then(
      (pid) => {
        this.seen.add(pid)
        return "answered" as const
      },
      (error: unknown) => {
        if (error instanceof CallError) return error.executed
        throw error
      },
    )
  }
}

const kill = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended in the meantime.
  }
}

/** At once, or in the middle of its drain. */
const end = async (pid: number) => {
  if (Math.random() < 0.2) {
    kill(pid, "SIGTERM")
    await Bun.sleep(Math.random() * 300)
  }
  kill(pid, "SIGKILL")
}

class Killing {
  done = 0
  readonly #cluster: Cluster
  readonly #agent: Agent
  readonly #calls: MarkCalls
  readonly #spec: Readonly<Record<string, unknown>>
  readonly #workers: number
  #sinceStart = 0

  constructor(cluster: Cluster, agent: Agent, calls: MarkCalls, spec: Readonly<Record<string, unknown>>) {
    this.#cluster = cluster
    this.#agent = agent
    this.#calls = calls
    this.#spec = spec
    this.#workers = Number(spec["workers"])
  }

  async until(kills: number) {
    while (this.done < kills) {
      const answering = this.#agent.workers().filter(({ pid }) => this.#calls.seen.has(pid))
      const victim = answering[Math.floor(Math.random() * answering.length)]
      if (victim !== undefined) {
        this.#calls.seen.delete(victim.pid)
        await end(victim.pid)
        this.done++
        this.#sinceStart++
      }
      if (this.#sinceStart >= this.#workers * killsPerSlot) await this.#startAnew()
      await Bun.sleep(Math.random() * pauseMsMost)
    }
  }

  async #startAnew() {
    this.#sinceStart = 0
    await this.#cluster.api.process(service, { ...this.#spec, desired: "stopped" })
    await waitFor(() => this.#agent.workers().length === 0, { timeoutMs: 30_000, what: "all workers have stopped" })
    await this.#cluster.api.process(service, { ...this.#spec, desired: "running" })
    await waitFor(() => this.#agent.workers().length === this.#workers, {
      timeoutMs: 30_000,
      what: "all workers run again",
    })
  }
}

const compare = (kills: number, verdicts: ReadonlyMap<string, Verdict>, marks: string): KillReport => {
  const runs = new Map<string, number>()
  for (const id of marks.split("\n")) runs.set(id, (runs.get(id) ?? 0) + 1)
  const counts: Record<Verdict, number> = { answered: 0, no: 0, maybe: 0, yes: 0 }
  const report = { ranThough: [] as Array<string>, didNotRun: [] as Array<string>, ranTwice: [] as Array<string> }
  for (const [id, verdict] of verdicts) {
    counts[verdict]++
    const times = runs.get(id) ?? 0
    if (times > 0 && verdict === "no") report.ranThough.push(id)
    if (times === 0 && (verdict === "answered" || verdict === "yes")) report.didNotRun.push(id)
    if (times > 1) report.ranTwice.push(id)
  }
  return { kills, calls: verdicts.size, verdicts: counts, ...report }
}

/**
 * Kills workers of a real agent at random points under load, and compares what the client says of each call with what
 * the workers have noted. `net`: the first three parts of the addresses it uses.
 */
export const killWorkers = async (options: {
  readonly net: string
  readonly kills: number
  readonly workers: number
}) => {
  const { kills, net, workers } = options
  await using cluster = new Cluster(`${net}.1`)
  await cluster.ready()
  const agent = await cluster.join(`${net}.100`)
  const marks = join(cluster.folder, "marks")
  const module = join(root, "test/flows/modules/marks.ts")
  const spec = { module, workers, env: { MARKS: marks } }
  await cluster.greeter(service, [online(agent.ip, port)], spec)
  const calls = new MarkCalls(agent.data)
  const killing = new Killing(cluster, agent, calls, spec)
  await killing.until(kills)
  await calls.stop()
  return compare(killing.done, calls.verdicts, readFileSync(marks, "utf8"))
}
