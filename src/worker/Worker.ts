import { useThreadEntry } from "../client/CallThread.ts"
import * as client from "../client/index.ts"
import { executableEntry } from "../platform/BlockingThread.ts"
import { join } from "../platform/Paths.ts"
import { loadUserModule, ModuleFailed, provideModule } from "../platform/UserModule.ts"
import {
  exit,
  logLine,
  memoryBytes,
  onTermination,
  onUncaught,
  ownPid,
  readTls,
  setEnv,
  setTitle,
  takeSetting,
} from "../platform/WorkerHost.ts"
import { type WorkerSettings, workerSettingsVariable } from "../protocol/WorkerLink.ts"
import type { RpcFault } from "../rpc/RpcServer.ts"
import { emptyStats } from "../protocol/Stats.ts"
import { AgentLink } from "./AgentLink.ts"
import { type MethodTable, methodTable } from "./MethodTable.ts"
import { ServicePort } from "./ServicePort.ts"
import { TrustFile } from "./TrustFile.ts"

const reportEveryMs = 1_000
/** A last word to the agent must not hold up the end. */
const lastWordMs = 500

/** All workers of a service write to one file: a line says which of them it is from. */
const log = (level: string, message: string) => logLine(`${new Date().toISOString()} ${level} [${ownPid()}] ${message}`)

const describe = (error: unknown) =>
  error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)

const firstLine = (error: unknown) =>
  error instanceof Error ? (`${error.name}: ${error.message}`.split("\n")[0] ?? error.name) : String(error)

const logFault = (fault: RpcFault) => {
  if (fault.kind === "handler")
    log("ERROR", `${fault.method ?? "?"} failed for ${fault.remote}: ${describe(fault.error)}`)
  else log("WARN", `${fault.kind}: ${fault.remote}: ${firstLine(fault.error)}`)
}

const readSettings = (): WorkerSettings => {
  const text = takeSetting(workerSettingsVariable)
  if (text === undefined) throw new Error(`${workerSettingsVariable} is not set: workers are started by the node agent`)
  return JSON.parse(text) as WorkerSettings
}

/** One worker process: a user's module behind one slot of a service port. */
class Worker {
  readonly #settings: WorkerSettings
  readonly #link: AgentLink
  readonly #trust: TrustFile
  #port: ServicePort | undefined
  #ending = false

  constructor(settings: WorkerSettings, link: AgentLink) {
    this.#settings = settings
    this.#link = link
    this.#trust = new TrustFile(join(settings.dataDir, "trust.json"))
  }

  async serve(): Promise<void> {
    const { module } = this.#settings
    const methods = methodTable(await loadUserModule(module))
    if (methods.size === 0) throw new ModuleFailed(`${module}: it exports no function, class or object with functions`)
    await this.#trust.refresh()
    if (this.#ending) return
    this.#port = this.#openPort(methods)
    await this.#port.listen()
    const described = [...methods.keys()].map((name) => ({
      name,
      parameters: [],
      rest: true,
      kind: "unary" as const,
      idempotent: false,
    }))
    await this.#link.ready({ methods: described, tasks: [] })
    log("INFO", `ready with ${methods.size} methods of ${module}`)
    this.#reportForEver(this.#port)
  }

  #openPort(methods: MethodTable): ServicePort {
    const { count, listenFd, service, slot, tls } = this.#settings
    return new ServicePort({
      service,
      worker: { id: slot, count },
      fd: listenFd ?? -1,
      tls: tls === undefined ? undefined : readTls(tls.dir),
      methods,
      trust: this.#trust,
      onFault: logFault,
    })
  }

  #reportForEver(port: ServicePort): void {
    let due = performance.now() + reportEveryMs
    setInterval(() => {
      const loopLagMs = Math.max(0, Math.round(performance.now() - due))
      due = performance.now() + reportEveryMs
      const { connections, served } = port.server
      const open = port.server.openCalls()
      const stats = {
        ...emptyStats,
        connection_num: connections,
        response_count: served,
        loop_lag_ms: loopLagMs,
        rss_bytes: memoryBytes(),
      }
      // A lost link is noticed by the link itself.
      this.#link.report({ stats, openCalls: open.slice(0, 20), openCallCount: open.length }).catch(() => undefined)
      void this.#trust.refresh().then((changed) => (changed ? port.dropRevoked() : undefined))
    }, reportEveryMs)
  }

  /** Finishes the open calls, within the drain timeout, and ends the process. */
  async drain(why: string): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    log("INFO", `draining: ${why}`)
    await this.#port?.drain(this.#settings.drainTimeoutMs)
    this.#link.close()
    log("INFO", "stopped")
    exit(0)
  }

  async fail(reason: string, detail: string): Promise<void> {
    log("ERROR", detail)
    if (!this.#ending) {
      this.#ending = true
      await Promise.race([this.#link.failed(reason), new Promise((resolve) => setTimeout(resolve, lastWordMs))])
    }
    exit(1)
  }
}

/** The main of the internal role `worker`. Its settings come from MUSTER_WORKER; it ends by a signal or a fault. */
export const runWorker = async (): Promise<void> => {
  const settings = readSettings()
  await setTitle(
    `muster --role=worker --worker=${settings.name}/${settings.slot}`,
    `${settings.slot}:${settings.service}`,
  )
  setEnv("MUSTER_DATA", settings.dataDir)
  provideModule("muster/client", client)
  useThreadEntry(executableEntry(["--role=calls"]))
  let worker: Worker | undefined
  let asked: string | undefined
  const stop = (why: string) => {
    asked = why
    if (worker !== undefined) void worker.drain(why)
  }
  onTermination(
    () => stop("asked to stop"),
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
  const link = await AgentLink.open({
    agentSocket: settings.agentSocket,
    key,
    onLost: () => stop("the agent is gone"),
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
