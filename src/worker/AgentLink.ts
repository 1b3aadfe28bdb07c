import { isIdleReportDue } from "../domain/Heartbeat.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { StatsSnapshot } from "../protocol/Stats.ts"
import {
  agentService,
  type KeyBegun,
  type KeyResult,
  type KeyToBegin,
  type OrdersWanted,
  type TaskOutcome,
  type TaskQueued,
  taskTakeMs,
  type TaskToQueue,
  type TaskToRun,
  type WorkerBeat,
  type WorkerFailed,
  type WorkerKey,
  type WorkerOrders,
  type WorkerReady,
  type WorkerReport,
  workerMethods,
} from "../protocol/WorkerLink.ts"
import { RpcConnection } from "../rpc/RpcConnection.ts"

const answerMs = 5_000
/** Between two attempts to reach the agent. */
const firstRetryMs = 10
const lastRetryMs = 1_000

export type LinkOptions = {
  readonly agentSocket: string
  readonly key: WorkerKey
  /** The agent that it was connected with is gone. */
  onLost(): void
  /** An agent is there again, and knows of this worker. */
  onBack(awayMs: number): void
  /** From the time on when it is ready: at first, and whenever they have changed. */
  onOrders(orders: WorkerOrders): void
}

/** What a message says beside whose it is. */
type Of<Message extends WorkerKey> = Omit<Message, keyof WorkerKey>

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Undefined when the next report is to be told whole, whatever is in it. */
const steadyText = ({ harmless = [], openCallCount, stats }: Of<WorkerReport>): string | undefined =>
  openCallCount > 0 || harmless.length > 0 ? undefined : JSON.stringify({ ...stats, rss_bytes: 0, loop_lag_ms: 0 })

const away = () => new RpcError("unavailable", "the agent of this node is away", { executed: "no" })

/**
 * The worker's connection to its agent. The agent may end at any time, and another takes its place: what is asked
 * meanwhile waits for that one, and what was under way is asked again, as all of it may be asked twice.
 */
export class AgentLink {
  readonly #options: LinkOptions
  readonly #waiting = new Set<() => void>()
  #connection: RpcConnection | undefined
  /** What to say to each agent anew; undefined: it has not served yet. */
  #greeting: (() => Of<WorkerReady>) | undefined
  /** What the agent has heard in the last report, but for what changes all the time. */
  #told: string | undefined
  #wasConnected = false
  /** The one whose orders are waited for. */
  #heard: RpcConnection | undefined
  #idleReportMs = 0
  /** When the last beat was sent, on this process's clock. */
  #beatAt = 0
  #closed = false

  private constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Reaches out for the agent, however long that takes; the worker goes on with its start meanwhile. */
  static open(options: LinkOptions): AgentLink {
    const link = new AgentLink(options)
    void link.#connect()
    return link
  }

  /** From here on the agent sends callers to this worker. `greeting`: how it is then; the next agent hears it too. */
  async ready(greeting: () => Of<WorkerReady>): Promise<void> {
    this.#greeting = greeting
    await this.#ask(workerMethods.ready, greeting, Infinity)
    if (this.#connection !== undefined) void this.#hear(this.#connection)
  }

  /** Best effort: the process ends right after it. */
  async failed(reason: string): Promise<void> {
    const what: Of<WorkerFailed> = { reason }
    await this.#ask(workerMethods.failed, () => what).catch(() => undefined)
  }

  /** Says nothing while no agent is there to hear it. */
  async report(figures: () => Of<WorkerReport>): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    const report = figures()
    const text = steadyText(report)
    if (text === undefined || text !== this.#told) {
      await this.#ask(workerMethods.report, () => report)
      this.#told = text
      return
    }
    const { loop_lag_ms: loopLagMs, rss_bytes: rssBytes } = report.stats
    const clock = performance.now()
    if (!isIdleReportDue(clock - this.#beatAt, this.#idleReportMs, loopLagMs)) return
    this.#beatAt = clock
    const beat: WorkerBeat = { ...this.#options.key, rssBytes, loopLagMs }
    connection.send(workerMethods.beat, [beat])
  }

  /** Waits for orders for as long as this connection is the one. */
  async #hear(connection: RpcConnection): Promise<void> {
    if (this.#heard === connection) return
    this.#heard = connection
    let known = 0
    while (this.#connection === connection) {
      try {
        const what: Of<OrdersWanted> = { known }
        // Without a deadline, which would wake an idle process to look at it: the link itself notices its own end.
        const orders = await this.#send(connection, workerMethods.orders, what, Infinity)
        const { idleReportMs, revision } = orders as WorkerOrders
        if (revision !== known) this.#options.onOrders(orders as WorkerOrders)
        known = revision
        this.#idleReportMs = idleReportMs
      } catch {
        await sleep(lastRetryMs)
      }
    }
  }

  /** The figures of the whole process set on this node. */
  async stats(): Promise<StatsSnapshot> {
    if (this.#connection === undefined) throw away()
    return (await this.#ask(workerMethods.stats, () => ({}))) as StatsSnapshot
  }

  async queueTask(task: Of<TaskToQueue>, withinMs: number): Promise<TaskQueued> {
    return (await this.#ask(workerMethods.queueTask, () => task, withinMs)) as TaskQueued
  }

  /** Waits for a task; null: there was none. */
  async takeTask(): Promise<TaskToRun | null> {
    return (await this.#ask(workerMethods.takeTask, () => ({}), taskTakeMs + answerMs)) as TaskToRun | null
  }

  /** The take that waits is answered now, with null. */
  async leaveTasks(): Promise<void> {
    await this.#ask(workerMethods.leaveTasks, () => ({}), lastRetryMs)
  }

  async endTask(outcome: Of<TaskOutcome>): Promise<void> {
    await this.#ask(workerMethods.endTask, () => outcome)
  }

  async beginKey(key: Of<KeyToBegin>, withinMs: number): Promise<KeyBegun> {
    return (await this.#ask(workerMethods.beginKey, () => key, withinMs)) as KeyBegun
  }

  async endKey(result: Of<KeyResult>, withinMs: number): Promise<void> {
    await this.#ask(workerMethods.endKey, () => result, withinMs)
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
    this.#connection = undefined
    for (const wake of this.#waiting) wake()
  }

  /** Waits for an agent if there is none, and asks the next one when it ends before it has answered. */
  async #ask(method: string, what: () => object, withinMs = answerMs): Promise<unknown> {
    const until = performance.now() + withinMs
    for (;;) {
      const connection = this.#connection ?? (await this.#whenConnected(until))
      try {
        return await this.#send(connection, method, what(), until - performance.now())
      } catch (error) {
        const isLost = this.#connection !== connection
        if (!isLost || this.#closed || performance.now() >= until) throw error
      }
    }
  }

  #send(connection: RpcConnection, method: string, what: object, timeoutMs: number): Promise<unknown> {
    return connection.call(method, [{ ...this.#options.key, ...what }], { timeoutMs: Math.max(1, timeoutMs) })
  }

  #whenConnected(until: number): Promise<RpcConnection> {
    return new Promise((resolve, reject) => {
      const leftMs = Math.max(0, until - performance.now())
      const timer = Number.isFinite(leftMs) ? setTimeout(() => wake(), leftMs) : undefined
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        if (this.#connection === undefined) reject(away())
        else resolve(this.#connection)
      }
      if (this.#closed) wake()
      else this.#waiting.add(wake)
    })
  }

  async #connect(): Promise<void> {
    const lostAt = performance.now()
    for (let waitMs = firstRetryMs; !this.#closed; waitMs = Math.min(waitMs * 2, lastRetryMs)) {
      const connection = await this.#dial().catch(() => undefined)
      if (connection !== undefined) return this.#connected(connection, performance.now() - lostAt)
      await sleep(waitMs)
    }
  }

  /** A connection to an agent that knows this worker. */
  async #dial(): Promise<RpcConnection> {
    const { agentSocket, key } = this.#options
    const client = `${key.name}/${key.slot}`
    const connection = await RpcConnection.open({ to: { path: agentSocket }, client, service: agentService })
    try {
      if (this.#greeting !== undefined) await this.#send(connection, workerMethods.ready, this.#greeting(), answerMs)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  #connected(connection: RpcConnection, awayMs: number): void {
    if (this.#closed || connection.state !== "open") {
      connection.close()
      if (!this.#closed) void this.#connect()
      return
    }
    this.#connection = connection
    this.#told = undefined
    this.#idleReportMs = 0
    connection.onState(() => this.#lost(connection))
    for (const wake of this.#waiting) wake()
    const isFirst = !this.#wasConnected
    this.#wasConnected = true
    if (this.#greeting === undefined) return
    if (!isFirst) this.#options.onBack(awayMs)
    void this.#hear(connection)
  }

  #lost(connection: RpcConnection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    // One that drains answers nothing more that would be worth to wait for.
    connection.close()
    if (this.#closed) return
    this.#options.onLost()
    void this.#connect()
  }
}
