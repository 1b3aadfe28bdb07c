import { useThreadEntry } from "../client/CallThread.ts"
import * as client from "../client/index.ts"
import { executableEntry } from "../platform/BlockingThread.ts"
import { compileSoon } from "../platform/Compiler.ts"
import { takeFds } from "../platform/HandedFds.ts"
import { untilWhole } from "../platform/Time.ts"
import { ModuleFailed, provideModule } from "../platform/UserModule.ts"
import {
  endWithParent,
  exit,
  lendDescriptors,
  onTermination,
  onUncaught,
  ownPid,
  setEnv,
  setTitle,
  takeSetting,
} from "../platform/WorkerHost.ts"
import { type WorkerOrders, type WorkerSettings, workerSettingsVariable } from "../protocol/WorkerLink.ts"
import { setHost } from "../service/Host.ts"
import * as service from "../service/index.ts"
import { AgentLink } from "./AgentLink.ts"
import { CallDuty } from "./CallDuty.ts"
import type { Duty } from "./Duty.ts"
import { describe, firstLine, log, setLogPlace } from "./Log.ts"
import { ModuleHost } from "./ModuleHost.ts"
import { answerPings } from "./PingPort.ts"
import { TaskDuty } from "./TaskDuty.ts"
import { loadService, type UserService } from "./UserService.ts"

const reportEveryMs = 1_000
/** A last word to the agent must not hold up the end. */
const lastWordMs = 500

const withoutWaiting = (said: Promise<unknown>): Promise<unknown> =>
  Promise.race([said.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, lastWordMs))])

const readSettings = (): WorkerSettings => {
  const text = takeSetting(workerSettingsVariable)
  if (text === undefined) throw new Error(`${workerSettingsVariable} is not set: workers are started by the node agent`)
  return JSON.parse(text) as WorkerSettings
}

/** Why it ends. */
type Reason = { readonly why: string; readonly isSucceeded: boolean }

/** One worker process: a user's module behind one slot of a service port. */
class Worker {
  readonly #settings: WorkerSettings
  readonly #link: AgentLink
  readonly #host: ModuleHost
  #duty: Duty | undefined
  #ending = false

  constructor(settings: WorkerSettings, link: AgentLink) {
    this.#settings = settings
    this.#link = link
    this.#host = new ModuleHost(settings, link)
    setHost(this.#host)
  }

  async serve(): Promise<void> {
    const { module } = this.#settings
    // Until it serves there is nothing to drain, and a module that never comes back could not hear that its agent is gone.
    await endWithParent(true)
    const loaded = await loadService(module)
    this.#host.knows([...loaded.tasks.keys()])
    const duty = this.#makeDuty(loaded)
    await loaded.ready?.()
    await endWithParent(false)
    await lendDescriptors()
    if (this.#ending) return
    this.#duty = duty
    await duty.begin()
    await answerPings(this.#settings)
    await this.#link.ready(() => ({ ...duty.greeting(), ...(this.#ending ? { isDraining: true } : {}) }))
    compileSoon()
    log("INFO", `ready with ${this.#described(duty)} of ${module}`)
    duty.start()
    this.#reportForEver(duty)
  }

  #makeDuty(service: UserService): Duty {
    const make = this.#settings.kind === "tasks" ? TaskDuty : CallDuty
    return new make(this.#settings, service, this.#link)
  }

  #described({ offers }: Duty): string {
    return this.#settings.kind === "tasks" ? `${offers.tasks.length} tasks` : `${offers.methods.length} methods`
  }

  obey(orders: WorkerOrders): void {
    this.#duty?.obey(orders)
  }

  #reportForEver(duty: Duty): void {
    setTimeout(() => {
      // A lost link is noticed by the link itself.
      void this.#link.report(() => duty.report()).catch(() => undefined)
      this.#reportForEver(duty)
    }, untilWhole(reportEveryMs))
  }

  /** Finishes the open calls, within the drain timeout, and ends the process. */
  async drain({ isSucceeded, why }: Reason): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    log("INFO", `draining: ${why}`)
    await this.#duty?.drain({ timeoutMs: this.#settings.drainTimeoutMs, isSucceeded })
    await this.#lastReport()
    this.#link.close()
    log("INFO", "stopped")
    exit(0)
  }

  /** What was counted since the last one would be lost otherwise. */
  async #lastReport(): Promise<void> {
    const duty = this.#duty
    if (duty !== undefined) await withoutWaiting(this.#link.report(() => duty.report()))
  }

  async fail(reason: string, detail: string): Promise<void> {
    log("ERROR", detail)
    if (!this.#ending) {
      this.#ending = true
      await withoutWaiting(this.#link.failed(reason))
    }
    exit(1)
  }
}

/** The main of the internal role `worker`. Its settings come from MUSTER_WORKER; it ends by a signal or a fault. */
export const runWorker = async (): Promise<void> => {
  await takeFds()
  const settings = readSettings()
  setLogPlace(settings.kind === "tasks" ? `tasks/${settings.slot}` : `${settings.slot}`)
  await setTitle(
    `muster --role=worker --worker=${settings.name}/${settings.slot}`,
    `${settings.slot}:${settings.service}`,
  )
  setEnv("MUSTER_DATA", settings.dataDir)
  provideModule("muster/client", client)
  provideModule("muster/service", service)
  useThreadEntry(executableEntry(["--role=calls"]))
  let worker: Worker | undefined
  let asked: Reason | undefined
  const stop = (why: string, isSucceeded = false) => {
    asked = { why, isSucceeded }
    if (worker !== undefined) void worker.drain(asked)
  }
  onTermination(
    (isSucceeded) => stop(isSucceeded ? "its successor is ready" : "asked to stop", isSucceeded),
    () => {
      log("WARN", "asked to stop a second time: not waiting for open calls")
      exit(1)
    },
  )
  onUncaught((kind, error) => {
    if (worker === undefined) {
      log("ERROR", `cannot start: ${describe(error)}`)
      exit(1)
    } else void worker.fail(firstLine(error), `${kind}: ${describe(error)}`)
  })
  const key = { name: settings.name, kind: settings.kind, slot: settings.slot, pid: ownPid() }
  const link = AgentLink.open({
    agentSocket: settings.agentSocket,
    key,
    // Whoever calls does not call the agent: this goes on without it.
    onLost: () => log("WARN", "the agent is gone: serving on without it"),
    onOrders: (orders) => worker?.obey(orders),
    onBack: (awayMs) => log("INFO", `an agent is there again after ${Math.round(awayMs)} ms`),
  })
  worker = new Worker(settings, link)
  if (asked !== undefined) return worker.drain(asked)
  try {
    await worker.serve()
  } catch (error) {
    await worker.fail(firstLineOfLoad(error), describeLoad(error))
  }
}

const firstLineOfLoad = (error: unknown) => (error instanceof ModuleFailed ? error.message : firstLine(error))

const describeLoad = (error: unknown) =>
  error instanceof ModuleFailed && error.cause !== undefined
    ? `${error.message}\n${describe(error.cause)}`
    : describe(error)
