import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { CallError, type Client, connect } from "../../src/client/index.ts"
import type { ReloadVerdict } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { type Agent, Cluster, online } from "./cluster.ts"
import { waitFor } from "./waitFor.ts"

const service = "busy"
const port = 9100
/** CPU time of each call: without it a worker has always emptied its queues, and nothing can be lost. */
const computeMs = 6
const callsAtOnce = 2
const timeoutMs = 20_000

const working = `
const cpuMicros = () => {
  const { system, user } = process.cpuUsage()
  return user + system
}
export const compute = (ms: number) => {
  const until = cpuMicros() + ms * 1_000
  while (cpuMicros() < until);
  return process.pid
}
`
const broken = "export const compute = (ms: number => ms\n"

/** Calls of two kinds of clients, and what became of them. */
export interface LoadReport {
  /** Answers over connections that stay, with several calls in flight on each client. */
  readonly pipelined: number
  /** Answers over connections that were made for the one call. */
  readonly connecting: number
  /** Calls that a draining worker had not taken, which were sent again at once. */
  readonly moved: number
  readonly failed: ReadonlyArray<string>
  /** Connections that were refused, reset or lost. */
  readonly resets: ReadonlyArray<string>
}

const textOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined
  return cause === undefined || cause === null ? String(error) : `${String(error)}: ${textOf(cause)}`
}

/** The worker said that it goes, and that it has not begun: every client may, and ours does, go elsewhere. */
const hasMoved = (error: unknown) =>
  error instanceof RpcError &&
  error.executed === "no" &&
  /^Not taken|shutting down|takes no more calls|^The connection is (?:draining|closed)/.test(error.message)

class BusyLoad {
  #pipelined = 0
  #connecting = 0
  #moved = 0
  #stopped = false
  readonly #failed: Array<string> = []
  readonly #resets: Array<string> = []
  readonly #clients: ReadonlyArray<Client>
  readonly #to: { readonly host: string; readonly port: number }
  readonly #loops: ReadonlyArray<Promise<void>>

  constructor(agent: Agent, widths: { readonly pipelined: number; readonly connecting: number }) {
    this.#to = { host: agent.ip, port }
    this.#clients = Array.from({ length: widths.pipelined }, () => connect(service, { dataDir: agent.data, timeoutMs }))
    const pipelined = this.#clients.flatMap((client) =>
      Array.from({ length: callsAtOnce }, () => this.#loop(() => this.#pipeline(client))),
    )
    const connecting = Array.from({ length: widths.connecting }, () => this.#loop(() => this.#connect()))
    this.#loops = [...pipelined, ...connecting]
  }

  get answered() {
    return this.#pipelined + this.#connecting
  }

  async stop(): Promise<LoadReport> {
    this.#stopped = true
    await Promise.all(this.#loops)
    for (const client of this.#clients) client.close()
    return {
      pipelined: this.#pipelined,
      connecting: this.#connecting,
      moved: this.#moved,
      failed: this.#failed,
      resets: this.#resets,
    }
  }

  async #loop(call: () => Promise<void>) {
    while (!this.#stopped) await call()
  }

  async #pipeline(client: Client) {
    try {
      await client.call("compute", computeMs)
      this.#pipelined++
    } catch (error) {
      this.#failed.push(error instanceof CallError ? `${error.executed} ${textOf(error)}` : textOf(error))
    }
  }

  /** Without the client library, which would hide what can be repeated. */
  async #connect() {
    try {
      const connection = await RpcConnection.open({ to: this.#to, client: "test", handshakeTimeoutMs: timeoutMs })
      try {
        await connection.call("compute", [computeMs], { timeoutMs })
        this.#connecting++
      } finally {
        connection.close()
      }
    } catch (error) {
      if (hasMoved(error)) this.#moved++
      else if (/ECONN|EPIPE|lost|refused|reset/i.test(textOf(error))) this.#resets.push(textOf(error))
      else this.#failed.push(textOf(error))
    }
  }
}

export interface ReloadOptions {
  /** The first three parts of the addresses that are used. */
  readonly net: string
  readonly workers: number
  readonly reloads: number
  readonly recyclings: number
  /** Calls of a worker before it is recycled, and half as many more at random. */
  readonly callsEach: number
  readonly widths: { readonly pipelined: number; readonly connecting: number }
  /** Hears of each step. */
  readonly say?: (line: string) => void
}

export interface ReloadReport {
  readonly reloads: ReadonlyArray<ReloadVerdict>
  readonly recyclings: number
  readonly broken: ReloadVerdict
  /** The workers that were there before the broken version was to be loaded are there after it. */
  readonly brokenReplacedNobody: boolean
  readonly load: LoadReport
}

class Replacing {
  readonly #cluster: Cluster
  readonly #agent: Agent
  readonly #options: ReloadOptions

  constructor(cluster: Cluster, agent: Agent, options: ReloadOptions) {
    this.#cluster = cluster
    this.#agent = agent
    this.#options = options
  }

  get module() {
    return join(this.#cluster.folder, "service.ts")
  }

  pids() {
    return this.#agent.workers().map(({ pid }) => pid)
  }

  say(line: string) {
    this.#options.say?.(line)
  }

  async reload() {
    const { verdicts } = await this.#cluster.api.call<{ verdicts: ReadonlyArray<ReloadVerdict> }>(
      "POST",
      `/services/${service}/reload`,
      {},
    )
    const [verdict] = verdicts
    if (verdict === undefined || verdicts.length > 1)
      throw new Error(`Expected one verdict: ${JSON.stringify(verdicts)}`)
    const { outcome, replaced, tookMs, total } = verdict
    this.say(`reload ${outcome}: ${replaced} of ${total} workers replaced in ${(tookMs / 1_000).toFixed(1)} s`)
    return verdict
  }

  /** Workers go by themselves after some calls, until so many have gone; the agent says why it replaces one. */
  async recycle(load: BusyLoad) {
    const { callsEach, recyclings, workers } = this.#options
    const rpc = { maxRequests: callsEach, maxRequestsJitter: Math.floor(callsEach / 2) }
    const recycled = () => this.#agent.process?.output.match(/to be replaced: it has answered/g)?.length ?? 0
    await this.#cluster.api.process(service, { module: this.module, workers, rpc })
    await waitFor(() => recycled() >= recyclings, {
      // Workers that are used up within seconds are replaced at growing distances.
      timeoutMs: 20_000 + recyclings * 40_000,
      what: `${recyclings} recycled workers`,
    })
    this.say(`${recycled()} workers recycled, ${load.answered} calls answered so far`)
    return recycled()
  }

  async breakIt() {
    await this.#cluster.api.process(service, { module: this.module, workers: this.#options.workers })
    await this.reload()
    writeFileSync(this.module, broken)
    const before = this.pids().toSorted()
    const verdict = await this.reload()
    const replacedNobody = this.pids().toSorted().join() === before.join()
    writeFileSync(this.module, working)
    return { verdict, replacedNobody }
  }
}

/**
 * Replaces the workers of a real agent over and over while clients call them: reloads, recyclings by `max_requests`, and
 * a version that can't be loaded.
 */
export const reloadUnderLoad = async (options: ReloadOptions): Promise<ReloadReport> => {
  const { net, reloads: count, widths, workers } = options
  await using cluster = new Cluster(`${net}.1`)
  await cluster.ready()
  const agent = await cluster.join(`${net}.100`)
  const replacing = new Replacing(cluster, agent, options)
  writeFileSync(replacing.module, working)
  await cluster.greeter(service, [online(agent.ip, port)], { module: replacing.module, workers })
  const load = new BusyLoad(agent, widths)
  await waitFor(() => load.answered > 200, { what: "200 calls" })
  const reloads: Array<ReloadVerdict> = []
  while (reloads.length < count) reloads.push(await replacing.reload())
  const recyclings = await replacing.recycle(load)
  const { replacedNobody, verdict } = await replacing.breakIt()
  const soFar = load.answered
  await waitFor(() => load.answered > soFar + 200, { what: "200 calls after the last reload" })
  return {
    reloads,
    recyclings,
    broken: verdict,
    brokenReplacedNobody: replacedNobody,
    load: await load.stop(),
  }
}
