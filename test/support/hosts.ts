import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import type { EndpointList } from "../../src/domain/EndpointList.ts"
import type { NodeView, ServiceDetail } from "../../src/manager/fleet/Views.ts"
import { Muster, processesOf, run, sweep, temporaryFolder } from "./muster.ts"
import { waitFor } from "./waitFor.ts"

const tools = join(import.meta.dirname, "../flows/modules/onHost.ts")
const namePattern = /^muster-(\d+)-/
let networks = 0

const ip = (...args: ReadonlyArray<string>) => {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...args], { stderr: "pipe" })
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString().trim()}`)
}

const remove = (name: string) => {
  Bun.spawnSync(["ip", "netns", "delete", name], { stderr: "ignore" })
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true })
}

const namespaces = () => {
  try {
    return readdirSync("/run/netns")
  } catch {
    return []
  }
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Why this user can't make network namespaces here; undefined when that is possible. */
export const whyNoHosts = (): string | undefined => {
  if (Bun.which("ip") === null) return "there is no program ip (Debian package iproute2)"
  const name = `muster-${process.pid}-try`
  try {
    ip("netns", "add", name)
    ip("netns", "exec", name, "true")
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    remove(name)
  }
}

/** A network namespace with an address of each family and a cable to the switch. */
export class Host {
  /** `host1` and so on: what the other hosts know it as. */
  readonly name: string
  readonly ip: string
  readonly ip6: string
  readonly namespace: string
  readonly #switch: string

  constructor(network: { readonly prefix: string; readonly switch: string; readonly net: number }, index: number) {
    this.name = `host${index}`
    this.ip = `10.77.${network.net}.${index}`
    this.ip6 = `fd00::${index}`
    this.namespace = `${network.prefix}-${this.name}`
    this.#switch = network.switch
  }

  /** Runs Muster on this host. */
  start(args: ReadonlyArray<string>) {
    return new Muster(args, { within: this.within })
  }

  /** Runs a command of Muster on this host to its end. */
  run(...args: ReadonlyArray<string>) {
    return run(args, { within: this.within })
  }

  /** Starts one of the tools of `onHost.ts` here. */
  spawn(tool: string, ...args: ReadonlyArray<string>) {
    return Bun.spawn([...this.within, process.execPath, tools, tool, ...args], { stdout: "pipe", stderr: "inherit" })
  }

  /** What a tool of `onHost.ts` prints, decoded. */
  async ask<A>(tool: string, ...args: ReadonlyArray<string>): Promise<A> {
    return JSON.parse(await new Response(this.spawn(tool, ...args).stdout).text()) as A
  }

  /** Pulls the cable, on the side of the switch: as with a real one, the host keeps its addresses. */
  cut() {
    ip("-n", this.#switch, "link", "set", this.name, "down")
  }

  plug() {
    ip("-n", this.#switch, "link", "set", this.name, "up")
  }

  get within(): ReadonlyArray<string> {
    return ["ip", "netns", "exec", this.namespace]
  }
}

/** Hosts on one switch, none of which this machine's own network sees. Removed with `using`. */
export class Network {
  readonly hosts: ReadonlyArray<Host>
  readonly #switch: string

  constructor(count: number) {
    // Of test runs that were killed.
    for (const name of namespaces()) {
      const pid = Number(namePattern.exec(name)?.[1])
      if (pid > 0 && !isAlive(pid)) remove(name)
    }
    const prefix = `muster-${process.pid}-${++networks}`
    this.#switch = `${prefix}switch`
    const network = { prefix, switch: this.#switch, net: process.pid % 250 }
    this.hosts = Array.from({ length: count }, (_, index) => new Host(network, index + 1))
    try {
      this.#make()
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  [Symbol.dispose]() {
    for (const { namespace } of this.hosts) remove(namespace)
    remove(this.#switch)
  }

  #make() {
    ip("netns", "add", this.#switch)
    ip("-n", this.#switch, "link", "add", "bridge", "type", "bridge")
    ip("-n", this.#switch, "link", "set", "bridge", "up")
    const names = this.hosts.map((host) => `${host.ip} ${host.name}\n${host.ip6} ${host.name}-six\n`).join("")
    for (const host of this.hosts) {
      mkdirSync(`/etc/netns/${host.namespace}`, { recursive: true })
      writeFileSync(`/etc/netns/${host.namespace}/hosts`, `127.0.0.1 localhost\n${names}`)
      ip("netns", "add", host.namespace)
      const cable = ["type", "veth", "peer", "name", "eth0", "netns", host.namespace]
      ip("-n", this.#switch, "link", "add", host.name, ...cable)
      ip("-n", this.#switch, "link", "set", host.name, "master", "bridge", "up")
      ip("-n", host.namespace, "link", "set", "lo", "up")
      ip("-n", host.namespace, "address", "add", `${host.ip}/24`, "dev", "eth0")
      ip("-n", host.namespace, "address", "add", `${host.ip6}/64`, "dev", "eth0", "nodad")
      ip("-n", host.namespace, "link", "set", "eth0", "up")
    }
  }
}

/** An agent on a host, with a data folder of its own. */
export class HostAgent {
  readonly host: Host
  /** What the manager knows it by. */
  readonly address: string
  readonly data: string
  process: Muster

  constructor(host: Host, options: { address: string; data: string; extra: ReadonlyArray<string> }) {
    this.host = host
    this.address = options.address
    this.data = options.data
    this.process = this.start(options.extra)
  }

  start(extra: ReadonlyArray<string> = []) {
    const listen = this.address.includes(":") ? `[${this.address}]` : this.address
    this.process = this.host.start(["--role=node", `--data=${this.data}`, `--listen=${listen}:8821`, ...extra])
    return this.process
  }

  list(service: string): EndpointList | undefined {
    try {
      return JSON.parse(readFileSync(join(this.data, "discovery", `${service}.json`), "utf8")) as EndpointList
    } catch {
      return undefined
    }
  }

  /** Process ids of its workers. */
  get workers() {
    return processesOf(this.data)
      .filter(({ role }) => role === "worker")
      .map(({ pid }) => pid)
  }
}

type Answer<A> = { readonly status: number; readonly body: A }

/** A manager on a host and its agents on others, with HTTPS between them. */
export class HostCluster {
  readonly #folder = temporaryFolder("muster-hosts-")
  readonly #host: Host
  readonly url: string
  readonly data: string
  readonly manager: Muster
  readonly agents: Array<HostAgent> = []

  /** `address`: of the manager's page, as it stands in a URL. */
  constructor(host: Host, address: string) {
    this.#host = host
    this.url = `https://${address}:8800`
    this.data = join(this.#folder.path, "manager")
    this.manager = host.start(["--role=manager", `--data=${this.data}`, `--listen=${address}:8800`])
  }

  get folder() {
    return this.#folder.path
  }

  ready() {
    return this.manager.until("the manager's page is up", () => this.manager.output.includes(this.url), 30_000)
  }

  async api<A = unknown>(method: string, path: string, body?: unknown): Promise<A> {
    const more = body === undefined ? [] : [JSON.stringify(body)]
    const answer = await this.#host.ask<Answer<A>>("api", this.url, this.data, method, path, ...more)
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** As a person makes it: with the command on the manager's host. */
  async token() {
    const made = await this.#host.run("token", "create", "--data", this.data, "--json")
    if (made.code !== 0) throw new Error(made.output)
    return (JSON.parse(made.stdout) as { token: string }).token
  }

  async join(host: Host, address = host.ip, extra: ReadonlyArray<string> = []) {
    const data = join(this.#folder.path, `${host.name}-${address.replaceAll(":", ".")}`)
    const how = ["--join", this.url, "--token", await this.token(), "--name", host.name, ...extra]
    const agent = new HostAgent(host, { address, data, extra: how })
    this.agents.push(agent)
    await agent.process.until(
      `${host.name} is connected`,
      async () => (await this.node(address))?.connection === "connected",
      30_000,
    )
    return agent
  }

  async node(address: string) {
    return (await this.api<ReadonlyArray<NodeView>>("GET", "/nodes")).find(({ ip }) => ip === address)
  }

  service(name: string) {
    return this.api<ServiceDetail>("GET", `/services/${name}`)
  }

  /** A service of two workers on each of these endpoints, pushed to these clients. */
  async serve(name: string, module: string, endpoints: ReadonlyArray<Endpoint>, clients: ReadonlyArray<string>) {
    await this.api("POST", "/services", { name, description: "", tls: "auto", endpoints })
    await this.api("PUT", `/services/${name}/process`, { module, workers: 2 })
    await this.api("POST", `/services/${name}/clients`, { ips: clients })
    const pushed = await this.#host.run("push", name, "--data", this.data)
    if (pushed.code !== 0) throw new Error(pushed.output)
    await waitFor(async () => (await this.service(name)).endpointsList.every(({ workers }) => workers?.ready === 2), {
      timeoutMs: 30_000,
      what: `the workers of ${name} are ready`,
    })
  }

  async [Symbol.asyncDispose]() {
    const running = [...this.agents.map(({ process }) => process), this.manager].filter((process) => process.running)
    await Promise.allSettled(running.map((process) => process.stop()))
    const left = await waitFor(() => processesOf(this.folder).length === 0, { timeoutMs: 5_000 }).then(
      () => [],
      () => sweep(this.folder),
    )
    this.#folder[Symbol.dispose]()
    if (left.length > 0) throw new Error(`Left behind: ${left.map(({ command }) => command).join("; ")}`)
  }
}

type CallLine = { readonly at: number; readonly ms: number; readonly pid?: number; readonly error?: string }

/** Calls `who` of a service from a host without a pause. `at` is in ms since 1970. */
export class HostLoad {
  readonly outcomes: Array<CallLine> = []
  readonly #child
  readonly #read: Promise<void>

  constructor(agent: HostAgent, service: string, width: number) {
    this.#child = agent.host.spawn("call", agent.data, service, `${width}`)
    this.#read = this.#collect(this.#child.stdout)
  }

  async #collect(stream: ReadableStream<Uint8Array>) {
    const decoder = new TextDecoder()
    let rest = ""
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) this.outcomes.push(JSON.parse(line) as CallLine)
    }
  }

  /** What began since then. */
  since(at: number) {
    return this.outcomes.filter((outcome) => outcome.at >= at)
  }

  async [Symbol.asyncDispose]() {
    this.#child.kill("SIGTERM")
    await this.#child.exited
    await this.#read
  }
}
