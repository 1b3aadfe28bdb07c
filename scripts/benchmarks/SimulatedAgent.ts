import { mkdirSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { makeRequest } from "../../src/platform/Certificates.ts"
import { writeDurably } from "../../src/platform/DurableFile.ts"
import { listen } from "../../src/platform/Transport.ts"
import { type NodeStatus, nodeMethods, statusBatchMs } from "../../src/protocol/NodeManager.ts"
import { methodsOf, RpcServer } from "../../src/rpc/RpcServer.ts"

type List = { readonly service: string; readonly revision: number }
/** Its lists are of services with any names. */
type Told = Omit<NodeStatus, "lists"> & { readonly lists: ReadonlyArray<List> }
type JoinAnswer = { readonly nodeId: string; readonly certificate: string; readonly ca: string }

/** From the agent's own address: the manager limits how many may join from one. */
const post = (url: string, body: string, localAddress: string) =>
  new Promise<JoinAnswer>((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    const sent = request(url, { method: "POST", headers, localAddress }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => (text += chunk))
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(JSON.parse(text) as JoinAnswer)
          : reject(new Error(`${localAddress} was refused with ${response.statusCode}: ${text}`)),
      )
    })
    sent.on("error", reject)
    sent.end(body)
  })

/**
 * A node as the manager sees it: a certificate and a mutual TLS listener of its own, lists written durably before the
 * ack. It runs no processes.
 */
export class SimulatedAgent {
  readonly ip: string
  /** Added to the time that writing takes. */
  ackDelayMs = 0
  /** How long the last list took to be durable. */
  durableMs = 0
  readonly #name: string
  readonly #folder: string
  readonly #revisions = new Map<string, number>()
  #nodeId = ""
  #seq = 1
  #processesRevision = 0
  #trustRevision = 0
  #wake: Array<() => void> = []

  constructor(ip: string, folder: string, name = `agent-${ip.replaceAll(".", "-")}`) {
    this.ip = ip
    this.#name = name
    this.#folder = join(folder, ip, "discovery")
    mkdirSync(this.#folder, { recursive: true })
  }

  async join(url: string, token: string) {
    const { key, csr } = await makeRequest(this.#name)
    const body = { token, name: this.#name, ip: this.ip, port: 8821, csr, version: "0.1.0" }
    const answer = await post(`${url}/join`, JSON.stringify(body), this.ip)
    this.#nodeId = answer.nodeId
    const server = new RpcServer({
      service: "node_manager",
      worker: { id: 0, count: 1 },
      methods: methodsOf(this.#methods),
    })
    await listen({
      on: { host: this.ip, port: 8821 },
      tls: { key, cert: answer.certificate, ca: answer.ca },
      onConnection: (duplex) => server.accept(duplex),
    })
  }

  readonly #methods: Record<string, (args: ReadonlyArray<unknown>) => unknown> = {
    [nodeMethods.status]: ([asked]) => this.#status(asked as { after: number; waitMs: number }),
    [nodeMethods.applyList]: ([asked]) => this.#apply((asked as { list: List }).list),
    [nodeMethods.removeList]: () => ({ revision: 0 }),
    [nodeMethods.applyProcesses]: ([asked]) => {
      const { revision } = asked as { revision: number }
      this.#processesRevision = revision
      return { revision }
    },
    [nodeMethods.applyTrust]: ([asked]) => {
      const { revision } = asked as { revision: number }
      this.#trustRevision = revision
      return { revision }
    },
  }

  async #status({ after, waitMs }: { after: number; waitMs: number }) {
    if (after >= this.#seq) {
      const changed = new Promise<void>((resolve) => this.#wake.push(resolve))
      await Promise.race([changed.then(() => Bun.sleep(statusBatchMs)), Bun.sleep(waitMs)])
    }
    return {
      seq: this.#seq,
      nodeId: this.#nodeId,
      version: "0.1.0",
      pid: process.pid,
      startedAt: 0,
      cpus: 1,
      lists: [...this.#revisions].map(([service, revision]) => ({ service, revision })),
      processesRevision: this.#processesRevision,
      trustRevision: this.#trustRevision,
      processes: [],
      cronRevision: 0,
      cron: [],
      notices: [],
    } satisfies Told
  }

  async #apply(list: List) {
    const startedAt = performance.now()
    await writeDurably(join(this.#folder, `${list.service}.json`), JSON.stringify(list))
    this.durableMs = performance.now() - startedAt
    if (this.ackDelayMs > 0) await Bun.sleep(this.ackDelayMs)
    this.#revisions.set(list.service, list.revision)
    this.#seq++
    for (const wake of this.#wake.splice(0)) wake()
    return {
      service: list.service,
      revision: list.revision,
      applied: true,
      durableMs: this.durableMs,
    }
  }
}
