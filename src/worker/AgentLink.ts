import {
  agentService,
  type WorkerFailed,
  type WorkerKey,
  type WorkerReady,
  type WorkerReport,
  workerMethods,
} from "../protocol/WorkerLink.ts"
import { RpcConnection } from "../rpc/RpcConnection.ts"

const answerMs = 5_000

export type LinkOptions = {
  readonly agentSocket: string
  readonly key: WorkerKey
  /** The agent is gone, or has stopped answering. Called at most once. */
  onLost(): void
}

/** The worker's connection to its agent. */
export class AgentLink {
  readonly #connection: RpcConnection
  readonly #key: WorkerKey
  #closing = false

  private constructor(connection: RpcConnection, options: LinkOptions) {
    this.#connection = connection
    this.#key = options.key
    connection.onState((state) => {
      if (state !== "open" && !this.#closing) {
        this.#closing = true
        options.onLost()
      }
    })
  }

  static async open(options: LinkOptions): Promise<AgentLink> {
    const client = `${options.key.name}/${options.key.slot}`
    const connection = await RpcConnection.open({ to: { path: options.agentSocket }, client, service: agentService })
    return new AgentLink(connection, options)
  }

  /** From here on the agent sends callers to this worker. */
  async ready(what: Omit<WorkerReady, keyof WorkerKey>): Promise<void> {
    const message: WorkerReady = { ...this.#key, ...what }
    await this.#tell(workerMethods.ready, message)
  }

  /** Best effort: the process ends right after it. */
  async failed(reason: string): Promise<void> {
    const message: WorkerFailed = { ...this.#key, reason }
    await this.#tell(workerMethods.failed, message).catch(() => undefined)
  }

  async report(figures: Omit<WorkerReport, keyof WorkerKey>): Promise<void> {
    const message: WorkerReport = { ...this.#key, ...figures }
    await this.#tell(workerMethods.report, message)
  }

  close(): void {
    this.#closing = true
    this.#connection.close()
  }

  #tell(method: string, message: object): Promise<unknown> {
    return this.#connection.call(method, [message], { timeoutMs: answerMs })
  }
}
