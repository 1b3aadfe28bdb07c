import { join } from "node:path"
import { Cluster, online } from "../../test/support/cluster.ts"
import type { Agent } from "../../test/support/cluster.ts"
import { waitFor } from "../../test/support/waitFor.ts"
import { cores, pinnedTo } from "./Pinned.ts"
import type { Target } from "./rpc/peers/Peer.ts"

const modules = join(import.meta.dirname, "modules")
const port = 9100

export interface ServiceOptions {
  /** What runs the agent and its workers. `executable`: dist/muster; `bun`: its sources. */
  readonly runtime?: "executable" | "bun"
  /** A file of scripts/benchmarks/modules. */
  readonly module?: string
  readonly tls?: "on" | "off"
  /** Further fields of the process spec, such as `workers` (default 1) and `rpc`. */
  readonly spec?: Readonly<Record<string, unknown>>
  /** Default true: agent, manager and workers keep to the server's core. */
  readonly pinned?: boolean
}

let started = 0

/** A service as users have it: a manager, an agent and its workers, each a real process with all features on. */
export class Service {
  readonly cluster: Cluster
  readonly agent: Agent

  readonly #isSecure: boolean

  private constructor(cluster: Cluster, agent: Agent, isSecure: boolean) {
    this.cluster = cluster
    this.agent = agent
    this.#isSecure = isSecure
  }

  static async start(options: ServiceOptions = {}): Promise<Service> {
    const { module = "greeter.ts", pinned = true, runtime = "executable", spec = {}, tls = "off" } = options
    const net = ++started
    const cluster = new Cluster(`127.4.${net}.1`, "executable", [], pinned ? pinnedTo(cores.server) : [])
    try {
      await cluster.ready()
      const agent = await cluster.join(`127.4.${net}.100`, runtime)
      const whole = { module: join(modules, module), workers: 1, tls, ...spec }
      await cluster.greeter("greeter", [online(agent.ip, port)], whole)
      const service = new Service(cluster, agent, tls === "on")
      const { workers } = whole
      await waitFor(() => service.workers.length === workers, { what: `${workers} workers` })
      return service
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  get target(): Target {
    const certificates = join(this.agent.data, "tls")
    return { host: this.agent.ip, port, ...(this.#isSecure ? { certificates } : {}) }
  }

  /** The pids of its worker processes. */
  get workers(): ReadonlyArray<number> {
    return this.agent.workers().map(({ pid }) => pid)
  }

  /** The pid of its only worker. */
  get worker(): number {
    const [pid] = this.workers
    if (pid === undefined) throw new Error("The service has no worker")
    return pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
  }
}
