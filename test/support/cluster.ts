import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import type { EndpointList } from "../../src/domain/EndpointList.ts"
import type { NodeView, PushJob, ServiceDetail } from "../../src/manager/fleet/Views.ts"
import { greeterModule, type Runtime } from "./executable.ts"
import { Muster, processesOf, run, sweep, temporaryFolder } from "./muster.ts"
import { waitFor } from "./waitFor.ts"

export class ApiError extends Error {
  readonly status: number
  readonly body: unknown

  constructor(status: number, body: unknown) {
    super(`${status} ${JSON.stringify(body)}`)
    this.status = status
    this.body = body
  }
}

/** The manager's JSON API with the token that its data folder holds. */
export class Api {
  readonly url: string
  readonly data: string

  constructor(url: string, data: string) {
    this.url = url
    this.data = data
  }

  async call<A = unknown>(method: string, path: string, body?: unknown): Promise<A> {
    const token = readFileSync(join(this.data, "manager/cli-token"), "utf8").trim()
    const response = await fetch(`${this.url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const answer: unknown = text === "" ? undefined : JSON.parse(text)
    if (!response.ok) throw new ApiError(response.status, answer)
    return answer as A
  }

  nodes() {
    return this.call<ReadonlyArray<NodeView>>("GET", "/nodes")
  }

  service(name: string) {
    return this.call<ServiceDetail>("GET", `/services/${name}`)
  }

  create(name: string, endpoints: ReadonlyArray<Endpoint>) {
    return this.call("POST", "/services", { name, description: `the service ${name}`, tls: "auto", endpoints })
  }

  /** Sets how the greeter's processes run; `module` and everything else can be changed. */
  process(name: string, spec: Record<string, unknown>) {
    return this.call("PUT", `/services/${name}/process`, { module: greeterModule, workers: 2, ...spec })
  }

  clients(name: string, ips: ReadonlyArray<string>) {
    return this.call("POST", `/services/${name}/clients`, { ips })
  }

  push(name: string, waitMs = 10_000) {
    return this.call<{ job: PushJob; clients: ReadonlyArray<{ ip: string; state: string }> }>(
      "POST",
      `/services/${name}/pushes?wait=${waitMs}`,
      {},
    )
  }
}

export const online = (ip: string, port: number, weight = 100): Endpoint => ({ ip, port, weight, status: "online" })

/** One agent with a data folder of its own; it can be stopped and started again. */
export class Agent {
  process: Muster | undefined
  readonly ip: string
  readonly data: string
  readonly runtime: Runtime
  readonly #within: ReadonlyArray<string>
  readonly #executable: string | undefined

  /** `executable`: another one than dist/muster. */
  constructor(
    ip: string,
    data: string,
    runtime: Runtime,
    { executable, within = [] }: { within?: ReadonlyArray<string>; executable?: string | undefined } = {},
  ) {
    this.ip = ip
    this.data = data
    this.runtime = runtime
    this.#within = within
    this.#executable = executable
  }

  start(extra: ReadonlyArray<string> = []) {
    const args = ["--role=node", `--data=${this.data}`, `--listen=${this.ip}:8821`, ...extra]
    this.process = new Muster(args, { runtime: this.runtime, within: this.#within, executable: this.#executable })
    return this.process
  }

  list(service: string): EndpointList | undefined {
    try {
      return JSON.parse(readFileSync(join(this.data, "discovery", `${service}.json`), "utf8")) as EndpointList
    } catch {
      return undefined
    }
  }

  /** Worker processes alive on this node. */
  workers() {
    return processesOf(this.data).filter(({ role }) => role === "worker")
  }

  /** `muster call` with this node's lists. */
  call(service: string, method: string, ...args: ReadonlyArray<string>) {
    return run(["call", "--data", this.data, service, method, ...args])
  }

  async stop(signal: NodeJS.Signals = "SIGTERM") {
    return await this.process?.stop(signal)
  }

  /** What a power cut does: agent and workers end at once. */
  async cutPower() {
    sweep(this.data)
    await this.process?.exit()
    await waitFor(() => processesOf(this.data).length === 0, { what: `the end of all processes of ${this.data}` })
  }
}

/** A manager and its agents as real processes, in one temporary folder. Each test file has addresses of its own. */
export class Cluster {
  readonly #folder = temporaryFolder()
  readonly agents: Array<Agent> = []
  readonly url: string
  readonly data: string
  readonly api: Api
  manager: Muster
  readonly #address: string
  readonly #runtime: Runtime
  readonly #flags: ReadonlyArray<string>
  readonly #within: ReadonlyArray<string>

  /**
   * `address`: of the manager's page, on port 8800; `flags`: what its manager is started with besides; `within`: the
   * command that runs manager and agents, such as `taskset -c 0`.
   */
  constructor(
    address: string,
    runtime: Runtime = "executable",
    flags: ReadonlyArray<string> = [],
    within: ReadonlyArray<string> = [],
  ) {
    this.#address = address
    this.#flags = flags
    this.#runtime = runtime
    this.#within = within
    this.url = `http://${address}:8800`
    this.data = join(this.#folder.path, "manager")
    this.api = new Api(this.url, this.data)
    this.manager = this.startManager()
  }

  get folder() {
    return this.#folder.path
  }

  startManager() {
    const args = ["--role=manager", `--data=${this.data}`, `--listen=${this.#address}:8800`, ...this.#flags]
    this.manager = new Muster(args, { runtime: this.#runtime, within: this.#within })
    return this.manager
  }

  ready() {
    const { manager, url } = this
    return manager.until(
      "the manager's page answers",
      async () => manager.output.includes(url) && (await fetch(`${url}/api/health`)).ok,
    )
  }

  token(kind: "once" | "many" = "once", ttlMs = 600_000) {
    return this.api.call<{ token: string }>("POST", "/tokens", { kind, ttlMs }).then(({ token }) => token)
  }

  async join(
    ip: string,
    runtime: Runtime = "executable",
    extra: ReadonlyArray<string> = [],
    executable: string | undefined = undefined,
  ) {
    const agent = new Agent(ip, join(this.#folder.path, ip), runtime, { within: this.#within, executable })
    this.agents.push(agent)
    const started = agent.start(["--join", this.url, "--token", await this.token(), ...extra])
    await started.until(`${ip} is connected`, async () => (await this.node(ip))?.connection === "connected")
    return agent
  }

  async node(ip: string) {
    return (await this.api.nodes()).find((node) => node.ip === ip && node.connection !== "revoked")
  }

  /** The service `name` on these addresses with the greeter's processes, pushed to all agents. */
  async greeter(name: string, endpoints: ReadonlyArray<Endpoint>, spec: Record<string, unknown> = {}) {
    await this.api.create(name, endpoints)
    await this.api.process(name, spec)
    await this.api.clients(
      name,
      this.agents.map(({ ip }) => ip),
    )
    await this.api.push(name)
    await waitFor(
      async () => {
        const detail = await this.api.service(name)
        const own = detail.endpointsList.filter(({ nodeId }) => nodeId !== null)
        const isReady = ({ workers }: (typeof own)[number]) =>
          (workers?.ready ?? 0) > 0 && workers?.ready === workers?.want
        return own.length > 0 && own.every(isReady)
      },
      { timeoutMs: 20_000, what: `all workers of ${name} are ready` },
    )
  }

  /** Stops everything, and fails when a process is left. */
  async [Symbol.asyncDispose]() {
    const running = [...this.agents.map(({ process }) => process), this.manager].filter((process) => process?.running)
    await Promise.allSettled(running.map((process) => process?.stop()))
    const left = await waitFor(() => processesOf(this.folder).length === 0, { timeoutMs: 5_000 }).then(
      () => [],
      () => sweep(this.folder),
    )
    this.#folder[Symbol.dispose]()
    if (left.length > 0)
      throw new Error(`Left behind: ${left.map(({ pid, command }) => `${pid} ${command}`).join("; ")}`)
  }
}
