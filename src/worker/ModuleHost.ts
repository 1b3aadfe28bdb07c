import { newId } from "../platform/Ids.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { TaskOptions } from "../protocol/TaskOptions.ts"
import type { WorkerSettings } from "../protocol/WorkerLink.ts"
import type { Queueing, ServiceHost } from "../service/Host.ts"
import type { AgentLink } from "./AgentLink.ts"
import { logForService } from "./Log.ts"

/** While its agent is away a task waits to be queued, but not for longer than this. */
const patienceMs = 30_000

const notQueued = (message: string) => new RpcError("failed_precondition", message, { executed: "no" })

/** What the worker does for the module it runs. */
export class ModuleHost implements ServiceHost {
  readonly service: string
  readonly log = logForService
  readonly #link: AgentLink
  /** Undefined while the module is being loaded. */
  #tasks: ReadonlyArray<string> | undefined

  constructor(settings: WorkerSettings, link: AgentLink) {
    this.service = settings.service
    this.#link = link
  }

  /** The module is loaded, and exports these tasks. */
  knows(tasks: ReadonlyArray<string>): void {
    this.#tasks = tasks
  }

  async queueTask(
    task: string,
    payload: unknown,
    options: TaskOptions,
    { traceparent, withinMs = patienceMs }: Queueing,
  ): Promise<string> {
    if (this.#tasks?.includes(task) === false) throw notQueued(`Cannot queue "${task}": ${this.#instead(this.#tasks)}`)
    const trace = traceparent === undefined ? {} : { traceparent }
    const within = Math.min(withinMs, patienceMs)
    const { id } = await this.#link.queueTask({ id: newId(), task, payload, options, ...trace }, within)
    return id
  }

  #instead(tasks: ReadonlyArray<string>): string {
    return tasks.length === 0 ? "the module exports no tasks" : `the module exports only the tasks ${tasks.join(", ")}`
  }
}
