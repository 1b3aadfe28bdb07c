import { Effect, Layer, Logger, ManagedRuntime } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ModuleSpec, type ProcessAssignment, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { writeMembership } from "../../src/node/joining/Identity.ts"
import { type NodeConfig, NodeHandle, nodeLayer } from "../../src/node/Node.ts"
import { issue, makeAuthority, makeRequest } from "../../src/platform/Certificates.ts"
import type { TlsMaterial } from "../../src/platform/Transport.ts"
import { nodeMethods, type NodeStatus, type ProcessStatus, type ReloadVerdict } from "../../src/protocol/NodeManager.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { root } from "../support/executable.ts"
import { processesOf, sweep, temporaryFolder } from "../support/muster.ts"
import { saidIn } from "../support/said.ts"
import { waitFor } from "../support/waitFor.ts"

export const entry = join(root, "src/main.ts")

const authority = makeAuthority({ nowMs: Date.now() })

/** A certificate of the test's own cluster. */
export const certificate = async (cn: string): Promise<TlsMaterial & { readonly serial: string }> => {
  const ca = await authority
  const { csr, key } = await makeRequest(cn)
  const { pem, serial } = await issue(ca, csr, {
    cn,
    addresses: ["127.0.0.1", "localhost"],
    days: 30,
    nowMs: Date.now(),
  })
  return { key, cert: pem, ca: ca.pem, serial }
}

const manager = certificate("manager")

/** An assignment with a short drain; `over` replaces fields of the spec. */
export const assignment = (
  listen: { ip: string; port: number },
  module: string,
  over: Partial<ModuleSpec> & { specRevision?: number } = {},
): ProcessAssignment => {
  const { specRevision = 1, ...spec } = over
  return {
    name: `greeter@${listen.port}`,
    specRevision,
    listen,
    spec: {
      ...specDefaults,
      service: "greeter" as ModuleSpec["service"],
      kind: "module",
      module,
      workers: 2,
      tls: "auto",
      drainTimeoutMs: 2_000,
      rpc: defaultRpcSettings,
      ...spec,
    },
  }
}

/** An agent in this process on a data folder of its own, whose workers are real processes. */
export class TestNode {
  readonly #folder = temporaryFolder("muster-node-")
  readonly #logs: Array<string> = []
  #runtime: ManagedRuntime.ManagedRuntime<NodeHandle, unknown> | undefined
  #manager: RpcConnection | undefined
  #port = 0
  #gatewayUrl: string | undefined

  get dataDir() {
    return this.#folder.path
  }

  get port() {
    return this.#port
  }

  get gatewayUrl() {
    return this.#gatewayUrl ?? ""
  }

  get logs() {
    return this.#logs.join("\n")
  }

  path(...parts: ReadonlyArray<string>) {
    return join(this.#folder.path, ...parts)
  }

  /** What the processes of a set have said and the agent has taken, one output after the other. */
  said(name: string) {
    return saidIn(this.path("logs", name))
  }

  /** A module of the user's, in a folder of its own. */
  module(name: string, text: string) {
    const folder = this.path("code")
    mkdirSync(folder, { recursive: true })
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  async join() {
    const { ca, cert, key } = await certificate("node:n1")
    const identity = { nodeId: "n1", name: "one", ip: "127.0.0.1", port: 8821, managerUrl: "https://127.0.0.1:8800" }
    const membership = { identity: { ...identity, tokenId: "t1", joinedAt: Date.now() }, tls: { ca, cert, key } }
    await Effect.runPromise(writeMembership(this.dataDir, membership))
    return this
  }

  async start(over: Partial<NodeConfig> = {}) {
    const logger = Logger.make(({ logLevel, message }) => {
      this.#logs.push(`${logLevel} ${Array.isArray(message) ? message.map(String).join(" ") : String(message)}`)
    })
    const config = { dataDir: this.dataDir, listen: { host: "127.0.0.1", port: 0 }, name: "one", entry, ...over }
    this.#runtime = ManagedRuntime.make(Layer.provide(nodeLayer(config), Logger.layer([logger])))
    const handle = await this.#runtime.runPromise(NodeHandle)
    this.#port = handle.port
    this.#gatewayUrl = handle.gatewayUrl
    return this
  }

  /** Talks to an agent that runs elsewhere on this node's folder. */
  async attach(port: number) {
    this.#manager?.close()
    this.#manager = undefined
    this.#port = port
    return await this.connect().then((connection) => connection.close())
  }

  managerTls() {
    return manager
  }

  async connect(tls?: TlsMaterial) {
    return await RpcConnection.open({
      to: { host: "127.0.0.1", port: this.#port },
      tls: { ...(tls ?? (await manager)), expectedName: "node:n1" },
      client: "test",
      service: "node_manager",
    })
  }

  /** Calls a method of node_manager as the manager. */
  async call(method: string, argument: unknown) {
    if (this.#manager?.state !== "open") this.#manager = await this.connect()
    return await this.#manager.call(method, [argument], { timeoutMs: 20_000 })
  }

  /** Waits until it is over. `name`: of the process set. */
  async reload(name: string): Promise<typeof ReloadVerdict.Type> {
    if (this.#manager?.state !== "open") this.#manager = await this.connect()
    const verdict = await this.#manager.call(nodeMethods.reloadProcess, [{ name }], { timeoutMs: 120_000 })
    return verdict as typeof ReloadVerdict.Type
  }

  /** Pushes a list with this one endpoint to the node, for clients with its data folder. */
  async list(listen: { ip: string; port: number }) {
    const endpoints = [{ ...listen, weight: 100, status: "online" }]
    const list = { service: "greeter", revision: 1, tls: "auto", endpoints, releasedAt: 0, releasedBy: "test" }
    await this.call(nodeMethods.applyList, { list })
  }

  async apply(revision: number, ...processes: ReadonlyArray<ProcessAssignment>) {
    return await this.call(nodeMethods.applyProcesses, { revision, processes })
  }

  async status() {
    return (await this.call(nodeMethods.status, { after: 0, waitMs: 0 })) as NodeStatus
  }

  async process(): Promise<ProcessStatus> {
    const [process] = (await this.status()).processes
    if (process === undefined) throw new Error("the node runs nothing")
    return process
  }

  /** Waits until exactly `workers` workers run and no other is there; gives their pids by slot. */
  async running(workers: number) {
    return await waitFor(
      async () => {
        const { workers: all } = await this.process()
        return all.length === workers && all.every(({ state }) => state === "RUNNING") && all.map(({ pid }) => pid ?? 0)
      },
      { timeoutMs: 20_000, what: `${workers} running workers\n${this.logs}` },
    )
  }

  async stop() {
    this.#manager?.close()
    await this.#runtime?.dispose()
    this.#runtime = undefined
  }

  /** Processes of this node that still run, but for the one that holds its pipes. */
  left() {
    return processesOf(this.dataDir).filter(({ role }) => role !== "pipes")
  }

  /** Those that hold its pipes. */
  holders() {
    return processesOf(this.dataDir).filter(({ role }) => role === "pipes")
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
    sweep(this.dataDir)
    this.#folder[Symbol.dispose]()
  }
}

/** A call on a connection of its own. */
export const callOnce = async (
  port: number,
  method: string,
  args: ReadonlyArray<unknown> = [],
  tls?: TlsMaterial,
  host = "127.0.0.1",
) => {
  const connection = await RpcConnection.open({
    to: { host, port },
    tls: tls === undefined ? undefined : { ...tls, expectedName: "node:n1" },
    client: "test",
    handshakeTimeoutMs: 5_000,
  })
  try {
    return await connection.call(method, args, { timeoutMs: 5_000 })
  } finally {
    connection.close()
  }
}
