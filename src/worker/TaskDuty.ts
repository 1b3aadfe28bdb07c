import { ModuleFailed } from "../platform/UserModule.ts"
import { textOf } from "../protocol/ErrorText.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { StatsSnapshot } from "../protocol/Stats.ts"
import type { TaskOutcome, TaskToRun, WorkerKey, WorkerSettings } from "../protocol/WorkerLink.ts"
import { RunningTask } from "../service/Task.ts"
import type { AgentLink } from "./AgentLink.ts"
import type { DrainOptions, Duty } from "./Duty.ts"
import { Figures } from "./Figures.ts"
import { describe, firstLine, log } from "./Log.ts"
import { LogPace } from "./LogPace.ts"
import type { UserFunction } from "./MethodTable.ts"
import type { UserService } from "./UserService.ts"

/** After an answer that says that the agent can't give tasks now. */
const pauseMs = 1_000

type Running = {
  readonly task: TaskToRun
  readonly since: number
  readonly stop: AbortController
  /** The worker can wait no longer for its end. */
  isCut: boolean
}

type Outcome = Omit<TaskOutcome, keyof WorkerKey>

const errors = new LogPace(
  (line) => log("ERROR", line),
  () => performance.now(),
)

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** The figures of a task stand among those of the methods, under a name that no method can have. */
const meterName = (task: string) => `tasks.${task}`

/** Takes queued tasks from the agent, one at a time, and runs them. */
export class TaskDuty implements Duty {
  readonly offers
  readonly #link: AgentLink
  readonly #tasks: ReadonlyMap<string, UserFunction>
  readonly #figures = new Figures()
  /** No more tasks are to be taken. */
  #isLeaving = false
  #running: Running | undefined
  /** The task of which the agent has yet to hear what became of it. */
  #held: TaskToRun | undefined
  #ended: Promise<void> | undefined
  /** When it is leaving: the agent that is away is not waited for any longer then. */
  #leavesBy = Infinity
  #taken = 0
  #done = 0

  constructor(settings: WorkerSettings, service: UserService, link: AgentLink) {
    if (service.tasks.size === 0)
      throw new ModuleFailed(
        `${settings.module}: it exports no tasks for its task workers (export const tasks = { name: async (payload, ctx) => … })`,
      )
    this.#link = link
    this.#tasks = service.tasks
    this.offers = { methods: service.described, tasks: [...service.tasks.keys()] }
  }

  begin(): Promise<void> {
    return Promise.resolve()
  }

  greeting() {
    if (this.#held === undefined) return this.offers
    const { attempt, id } = this.#held
    return { ...this.offers, running: { id, attempt } }
  }

  /** After the agent knows that this worker is ready: it gives tasks to no other. */
  start(): void {
    this.#ended = this.#takeForEver()
  }

  report() {
    errors.settle()
    const running = this.#running
    const open =
      running === undefined
        ? []
        : [{ method: meterName(running.task.task), ageMs: performance.now() - running.since, remote: "queue" }]
    return { stats: this.#stats(), openCalls: open, openCallCount: open.length }
  }

  obey(): void {}

  /** Lets the task that runs come to its end. What is cut off by the time runs again elsewhere. */
  async drain({ timeoutMs }: DrainOptions): Promise<void> {
    this.#isLeaving = true
    this.#leavesBy = performance.now() + timeoutMs
    if (this.#ended === undefined) return
    const cut = setTimeout(() => this.#cut(), timeoutMs)
    // Without an agent there is nobody to take leave of, and nothing waits.
    await this.#link.leaveTasks().catch(() => undefined)
    await this.#ended
    clearTimeout(cut)
  }

  #cut(): void {
    if (this.#running === undefined) return
    this.#running.isCut = true
    this.#running.stop.abort(new RpcError("unavailable", "the task worker was stopped while the task ran"))
  }

  async #takeForEver(): Promise<void> {
    while (!this.#isLeaving) {
      try {
        const task = await this.#link.takeTask()
        if (task !== null) await this.#run(task)
      } catch (error) {
        // Its take waits for the next agent when there is none: it goes on where it was.
        if (this.#isLeaving) return
        log("WARN", `no task to be had: ${firstLine(error)}`)
        await sleep(pauseMs)
      }
    }
  }

  async #run(task: TaskToRun): Promise<void> {
    this.#taken++
    this.#held = task
    const since = performance.now()
    const stop = new AbortController()
    const running: Running = { task, since, stop, isCut: false }
    this.#running = running
    const timer = setTimeout(
      () => stop.abort(new RpcError("deadline_exceeded", `the task ran longer than ${task.timeoutMs} ms`)),
      task.timeoutMs,
    )
    const error = await this.#outcome(task, stop.signal)
    clearTimeout(timer)
    this.#running = undefined
    this.#done++
    this.#figures.meter(meterName(task.task)).record((performance.now() - since) * 1_000, error?.code)
    const { attempt, id } = task
    await this.#tell(running.isCut && error !== undefined ? { id, attempt, isCut: true } : endOf(task, error))
  }

  /**
   * Until an agent has heard it, the task counts as one that runs: no other worker gets it. Told twice it counts once, as
   * the attempt is told too.
   */
  async #tell(outcome: Outcome): Promise<void> {
    for (;;) {
      try {
        await this.#link.endTask(outcome)
        break
      } catch (error) {
        log("WARN", `no agent has taken what became of task ${outcome.id}: ${firstLine(error)}`)
        if (performance.now() >= this.#leavesBy) break
        await sleep(pauseMs)
      }
    }
    this.#held = undefined
  }

  /** Undefined: done. A handler that does not stop when it is told to is left to itself. */
  async #outcome(task: TaskToRun, signal: AbortSignal): Promise<RpcError | undefined> {
    const run = this.#tasks.get(task.task)
    if (run === undefined)
      return new RpcError("unimplemented", `the module exports no task "${task.task}"`, { executed: "no" })
    const until = performance.now() + task.timeoutMs
    const context = new RunningTask(task, signal, () => Math.max(0, until - performance.now()))
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as RpcError))
    })
    try {
      await Promise.race([Promise.resolve().then(() => run(task.payload, context)), stopped])
      return undefined
    } catch (error) {
      errors.say(
        `task ${task.task} failed`,
        () => `task ${task.task} ${task.id} failed at attempt ${task.attempt}: ${describe(error)}`,
      )
      return error instanceof RpcError ? error : new RpcError("internal", textOf(error))
    }
  }

  #stats(): StatsSnapshot {
    const running = this.#running
    return this.#figures.snapshot((name) => (running !== undefined && name === meterName(running.task.task) ? 1 : 0), {
      task_worker_num: 1,
      tasking_num: running === undefined ? 0 : 1,
      request_count: this.#taken,
      response_count: this.#done,
      concurrency: running === undefined ? 0 : 1,
    })
  }
}

const messageMax = 4_096

const endOf = ({ attempt, id }: TaskToRun, error: RpcError | undefined): Outcome => {
  if (error === undefined) return { id, attempt }
  return { id, attempt, error: { code: error.code, message: error.message.slice(0, messageMax).toWellFormed() } }
}
