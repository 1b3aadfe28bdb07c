import { legacyOverTlsProblem } from "../domain/LegacyPort.ts"
import { join } from "../platform/Paths.ts"
import { ModuleFailed } from "../platform/UserModule.ts"
import { readTls } from "../platform/WorkerHost.ts"
import type { StatsSnapshot } from "../protocol/Stats.ts"
import type { WorkerSettings } from "../protocol/WorkerLink.ts"
import { type Handler, type RpcFault, serverMethod, type ServerMethod } from "../rpc/RpcServer.ts"
import type { AgentLink } from "./AgentLink.ts"
import type { Duty } from "./Duty.ts"
import { Figures, runningOf } from "./Figures.ts"
import { handlerOf } from "./Handlers.ts"
import { describe, firstLine, log } from "./Log.ts"
import { ServicePort } from "./ServicePort.ts"
import { TrustFile } from "./TrustFile.ts"
import type { UserService } from "./UserService.ts"

const openCallsMax = 20

const logFault = (fault: RpcFault) => {
  if (fault.kind === "handler")
    log("ERROR", `${fault.method ?? "?"} failed for ${fault.remote}: ${describe(fault.error)}`)
  else log("WARN", `${fault.kind}: ${fault.remote}: ${firstLine(fault.error)}`)
}

/** They speak plain TCP only: on a port with TLS there is nobody to answer. */
const legacyOf = ({ rpc, tls }: WorkerSettings) => {
  if (rpc.legacy && tls !== undefined)
    log(
      "ERROR",
      `the predecessor's clients are not answered, as this port speaks TLS: rpc.legacy ${legacyOverTlsProblem}`,
    )
  return rpc.legacy && tls === undefined
}

/** Answers calls on one slot of the service's port. */
export class CallDuty implements Duty {
  readonly offers
  readonly #settings: WorkerSettings
  readonly #service: UserService
  readonly #link: AgentLink
  readonly #trust: TrustFile
  readonly #figures = new Figures()
  readonly #methods = new Map<string, ServerMethod>()
  readonly #port: ServicePort

  constructor(settings: WorkerSettings, service: UserService, link: AgentLink) {
    const { count, dataDir, listenFd, module, slot, tls } = settings
    if (service.methods.size === 0)
      throw new ModuleFailed(`${module}: it exports no function, class or object with functions`)
    this.#settings = settings
    this.#service = service
    this.#link = link
    this.#trust = new TrustFile(join(dataDir, "trust.json"))
    this.offers = { methods: service.described, tasks: [...service.tasks.keys()] }
    this.#fillTable()
    this.#port = new ServicePort({
      service: settings.service,
      worker: { id: slot, count },
      fd: listenFd ?? -1,
      tls: tls === undefined ? undefined : readTls(tls.dir),
      methods: (name) => this.#methods.get(name),
      trust: this.#trust,
      legacy: legacyOf(settings),
      onFault: logFault,
    })
  }

  async begin(): Promise<void> {
    await this.#trust.refresh()
    await this.#port.listen()
  }

  report() {
    void this.#trust.refresh().then((changed) => (changed ? this.#port.dropRevoked() : undefined))
    const open = this.#port.server.openCalls()
    return { stats: this.#stats(), openCalls: open.slice(0, openCallsMax), openCallCount: open.length }
  }

  obey() {}

  async drain(timeoutMs: number): Promise<void> {
    await this.#port.drain(timeoutMs)
  }

  #fillTable(): void {
    const { methodConcurrency } = this.#settings.rpc
    for (const [name, method] of this.#service.methods) {
      const concurrencyMax = methodConcurrency[name] ?? method.details?.concurrency ?? Infinity
      const options = { concurrencyMax, meter: this.#figures.meter(name) }
      this.#methods.set(name, serverMethod(name, handlerOf(name, method), options))
    }
    const builtIn: Readonly<Record<string, Handler>> = {
      methods: () => this.#service.described,
      stats: () => this.#link.stats().catch(() => this.#stats()),
    }
    for (const [name, handle] of Object.entries(builtIn)) this.#methods.set(name, serverMethod(name, handle))
  }

  #stats(): StatsSnapshot {
    const { connections, served } = this.#port.server
    const concurrency = this.#port.server.openCalls().length
    return this.#figures.snapshot(runningOf(this.#methods), {
      connection_num: connections,
      response_count: served,
      concurrency,
      worker_num: 1,
      idle_worker_num: concurrency === 0 ? 1 : 0,
    })
  }
}
