import { RpcError } from "../protocol/RpcError.ts"
import type { TaskOptions } from "../protocol/TaskOptions.ts"
import type { WorkerSettings } from "../protocol/WorkerLink.ts"
import type { ServiceHost } from "../service/Host.ts"
import type { AgentLink } from "./AgentLink.ts"
import { logForService } from "./Log.ts"

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
    traceparent: string | undefined,
  ): Promise<string> {
    if (this.#tasks?.includes(task) === false) throw notQueued(`Cannot queue "${task}": ${this.#instead(this.#tasks)}`)
    const trace = traceparent === undefined ? {} : { traceparent }
    const { id } = await this.#link.queueTask({ task, payload, options, ...trace })
    return id
  }

  #instead(tasks: ReadonlyArray<string>): string {
    return tasks.length === 0 ? "the module exports no tasks" : `the module exports only the tasks ${tasks.join(", ")}`
  }
}
