import type { StatsSnapshot } from "../protocol/Stats.ts"
import {
  agentService,
  type KeyBegun,
  type KeyResult,
  type KeyToBegin,
  type TaskOutcome,
  type TaskQueued,
  taskTakeMs,
  type TaskToQueue,
  type TaskToRun,
  type WorkerFailed,
  type WorkerKey,
  type WorkerOrders,
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

/** What a message says beside whose it is. */
type Of<Message extends WorkerKey> = Omit<Message, keyof WorkerKey>

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
  async ready(what: Of<WorkerReady>): Promise<void> {
    await this.#ask(workerMethods.ready, what)
  }

  /** Best effort: the process ends right after it. */
  async failed(reason: string): Promise<void> {
    const what: Of<WorkerFailed> = { reason }
    await this.#ask(workerMethods.failed, what).catch(() => undefined)
  }

  async report(figures: Of<WorkerReport>): Promise<WorkerOrders> {
    return ((await this.#ask(workerMethods.report, figures)) ?? { poison: [] }) as WorkerOrders
  }

  /** The figures of the whole process set on this node. */
  async stats(): Promise<StatsSnapshot> {
    return (await this.#ask(workerMethods.stats, {})) as StatsSnapshot
  }

  async queueTask(task: Of<TaskToQueue>): Promise<TaskQueued> {
    return (await this.#ask(workerMethods.queueTask, task)) as TaskQueued
  }

  /** Waits for a task; null: there was none. */
  async takeTask(): Promise<TaskToRun | null> {
    const options = { timeoutMs: taskTakeMs + answerMs }
    return (await this.#connection.call(workerMethods.takeTask, [this.#key], options)) as TaskToRun | null
  }

  /** The take that waits is answered now, with null. */
  async leaveTasks(): Promise<void> {
    await this.#ask(workerMethods.leaveTasks, {})
  }

  async endTask(outcome: Of<TaskOutcome>): Promise<void> {
    await this.#ask(workerMethods.endTask, outcome)
  }

  async beginKey(key: Of<KeyToBegin>): Promise<KeyBegun> {
    return (await this.#ask(workerMethods.beginKey, key)) as KeyBegun
  }

  async endKey(result: Of<KeyResult>): Promise<void> {
    await this.#ask(workerMethods.endKey, result)
  }

  close(): void {
    this.#closing = true
    this.#connection.close()
  }

  #ask(method: string, what: object): Promise<unknown> {
    return this.#connection.call(method, [{ ...this.#key, ...what }], { timeoutMs: answerMs })
  }
}
