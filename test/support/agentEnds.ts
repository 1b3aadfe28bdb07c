import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { CallError, type Client, connect } from "../../src/client/index.ts"
import { Installed } from "./builds.ts"
import { type Agent, Cluster, online } from "./cluster.ts"
import { root } from "./executable.ts"
import { processesOf } from "./muster.ts"
import { waitFor } from "./waitFor.ts"

const service = "lines"
const port = 9100

export interface AgentEndsReport {
  readonly kills: number
  readonly upgrades: number
  readonly calls: number
  readonly failed: ReadonlyArray<string>
  /** Of calls that were answered: lines that are not in the log, or more than once. */
  readonly lostLines: ReadonlyArray<string>
  readonly doubledLines: ReadonlyArray<string>
  readonly workers: ReadonlyArray<number>
  /** Worker processes that were seen beside those. */
  readonly others: ReadonlyArray<number>
  /** Upgrades after which the agent was another process. */
  readonly movedAgents: number
  /** Processes of nobody's concern that were signalled. */
  readonly signalled: ReadonlyArray<string>
  /** After the stop of everything. */
  readonly left: ReadonlyArray<string>
  /** From an agent's end until the next one has taken over, in milliseconds. */
  readonly awayMs: { readonly kills: ReadonlyArray<number>; readonly upgrades: ReadonlyArray<number> }
}

/** Calls without pause, one client each, and keeps the ids of what was answered. */
class Lines {
  readonly answered = new Set<string>()
  readonly failed: Array<string> = []
  readonly pids = new Set<number>()
  readonly #clients: ReadonlyArray<Client>
  readonly #loops: ReadonlyArray<Promise<void>>
  #stopped = false

  constructor(dataDir: string, width: number) {
    this.#clients = Array.from({ length: width }, () => connect(service, { dataDir, timeoutMs: 10_000 }))
    this.#loops = this.#clients.map((client, index) => this.#loop(client, index))
  }

  async stop() {
    this.#stopped = true
    await Promise.all(this.#loops)
    for (const client of this.#clients) client.close()
  }

  async #loop(client: Client, index: number) {
    for (let nth = 0; !this.#stopped; nth++) {
      const id = `${index}.${nth}`
      try {
        this.pids.add(await client.call<number>("say", id))
        this.answered.add(id)
      } catch (error) {
        this.failed.push(`${id}: ${error instanceof CallError ? `${error.code} ${error.message}` : String(error)}`)
      }
      // Thousands of calls in a second would only measure the log.
      await Bun.sleep(5)
    }
  }
}

/** A process of the same user that says which signal it gets. */
class Bystander {
  readonly #child = Bun.spawn(
    [
      "sh",
      "-c",
      `for s in HUP INT QUIT USR1 USR2 TERM; do trap "echo $s" $s; done; echo up; while :; do sleep 0.1; done`,
    ],
    { stdout: "pipe", stdin: "ignore", stderr: "ignore" },
  )
  readonly #said = new Response(this.#child.stdout).text()

  /** What it got, beside its end by us. */
  async end() {
    const wasAlive = this.#child.exitCode === null && this.#child.signalCode === null
    this.#child.kill("SIGKILL")
    const signals = (await this.#said).trim().split("\n").slice(1)
    return wasAlive ? signals : [...signals, "ended"]
  }
}

const logTexts = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile() || !/\.(?:log|gz)\b/.test(entry.name)) return []
    const bytes = readFileSync(join(entry.parentPath, entry.name))
    return [(entry.name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8")]
  })

const linesIn = (folder: string) => {
  const counts = new Map<string, number>()
  for (const text of logTexts(folder))
    for (const [, id = ""] of text.matchAll(/line (\d+\.\d+) is \d+ of \d+;/g))
      counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

const workersOf = (agent: Agent) =>
  agent
    .workers()
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b)

/** Looks again and again which workers there are. */
const watchWorkers = (agent: Agent) => {
  const seen = new Set<number>()
  const timer = setInterval(() => {
    for (const pid of workersOf(agent)) seen.add(pid)
  }, 100)
  return {
    seen,
    stop: () => clearInterval(timer),
  }
}

/** The next agent answers for its workers: it counts them as ready, and the manager hears it. */
const takenOver = async (cluster: Cluster, agent: Agent, times: number, workers: number) => {
  await agent.process?.until(
    `the agent takes over the ${times}th time`,
    () => (agent.process?.output.match(/takes over \d+ processes[\s\S]*?listening on/g)?.length ?? 0) >= times,
    30_000,
  )
  await waitFor(
    async () => {
      const node = await cluster.node(agent.ip)
      const detail = await cluster.api.service(service)
      const ready = detail.endpointsList.reduce((sum, one) => sum + (one.workers?.ready ?? 0), 0)
      return node?.connection === "connected" && ready === workers
    },
    { timeoutMs: 30_000, what: `${workers} workers are ready for the manager` },
  )
}

/**
 * Ends the agent of a service again and again, by SIGKILL and by an upgrade of its executable, under load; compares what
 * the callers were told with what stands in the log. `net`: the first three parts of the addresses it uses.
 */
export const endAgents = async (options: {
  readonly net: string
  readonly kills: number
  readonly upgrades: number
  readonly workers: number
  readonly width: number
}): Promise<AgentEndsReport> => {
  const { kills, net, upgrades, width, workers } = options
  using installed = new Installed()
  await using cluster = new Cluster(`${net}.1`)
  await cluster.ready()
  const agent = await cluster.join(`${net}.100`, "executable", [], installed.path)
  await cluster.greeter(service, [online(agent.ip, port)], {
    module: join(root, "test/flows/modules/lines.ts"),
    workers,
  })
  const pids = workersOf(agent)
  const watched = watchWorkers(agent)
  const bystanders = Array.from({ length: 3 }, () => new Bystander())
  const lines = new Lines(agent.data, width)
  const awayMs = { kills: [] as Array<number>, upgrades: [] as Array<number> }
  let movedAgents = 0

  const kill = async () => {
    const at = performance.now()
    await agent.stop("SIGKILL")
    await Bun.sleep(Math.random() * 300)
    agent.start()
    await takenOver(cluster, agent, 1, workers)
    awayMs.kills.push(performance.now() - at)
  }
  const upgrade = async (times: number) => {
    const version = installed.exchange()
    const before = agent.process?.pid
    const at = performance.now()
    agent.process?.signal("SIGHUP")
    await agent.process?.until(
      `version ${version}`,
      () => agent.process?.stdout.trimEnd().split("\nMuster ").at(-1)?.startsWith(`${version},`) === true,
      30_000,
    )
    await takenOver(cluster, agent, times, workers)
    awayMs.upgrades.push(performance.now() - at)
    if (agent.process?.pid !== before || agent.process?.running !== true) movedAgents++
  }

  await waitFor(() => lines.answered.size > width, { what: "the load has begun" })
  for (let nth = 1; nth <= kills; nth++) await kill()
  const taken = kills > 0 ? 1 : 0
  for (let nth = 1; nth <= upgrades; nth++) await upgrade(taken + nth)
  await lines.stop()
  const counts = () => linesIn(join(agent.data, "logs"))
  const missing = () => {
    const found = counts()
    return [...lines.answered].filter((id) => !found.has(id))
  }
  await waitFor(() => missing().length === 0, { timeoutMs: 10_000 }).catch(() => undefined)
  watched.stop()
  for (const pid of workersOf(agent)) watched.seen.add(pid)
  const doubledLines = [...counts()].filter(([, times]) => times > 1).map(([id]) => id)
  const lostLines = missing()
  const after = workersOf(agent)
  await agent.stop()
  const left = processesOf(agent.data).map(({ command, pid }) => `${pid} ${command}`)
  return {
    kills: awayMs.kills.length,
    upgrades: awayMs.upgrades.length,
    calls: lines.answered.size + lines.failed.length,
    failed: lines.failed,
    lostLines,
    doubledLines,
    workers: after,
    others: [...watched.seen].filter((pid) => !pids.includes(pid)),
    movedAgents,
    signalled: (await Promise.all(bystanders.map((one) => one.end()))).flat(),
    left,
    awayMs,
  }
}
