import { legacyOverTlsProblem } from "../domain/LegacyPort.ts"
import type { RpcSettings } from "../domain/RpcSettings.ts"
import { join } from "../platform/Paths.ts"
import { ModuleFailed } from "../platform/UserModule.ts"
import { readTls } from "../platform/WorkerHost.ts"
import type { Limits } from "../protocol/Limits.ts"
import type { StatsAnswer, StatsSnapshot } from "../protocol/Stats.ts"
import type { WorkerOrders, WorkerSettings } from "../protocol/WorkerLink.ts"
import { type Handler, type RpcFault, type ServerCall, serverMethod, type ServerMethod } from "../rpc/RpcServer.ts"
import type { AgentLink } from "./AgentLink.ts"
import type { DrainOptions, Duty } from "./Duty.ts"
import { Figures, runningOf } from "./Figures.ts"
import { handlerOf, withinInterceptors } from "./Handlers.ts"
import { Journal } from "./Journal.ts"
import { Keys } from "./Keys.ts"
import { describe, firstLine, log, oneLine } from "./Log.ts"
import { LogPace } from "./LogPace.ts"
import { isStream } from "./Reflect.ts"
import { ServicePort } from "./ServicePort.ts"
import { TrustFile } from "./TrustFile.ts"
import type { UserService } from "./UserService.ts"

const openCallsMax = 20

const at = () => performance.now()
const errors = new LogPace((line) => log("ERROR", line), at)
const warnings = new LogPace((line) => log("WARN", line), at)

const logFault = ({ error, kind, method = "?", remote }: RpcFault) => {
  if (kind === "handler") errors.say(`${method} failed`, () => `${method} failed for ${remote}: ${describe(error)}`)
  else warnings.say(kind, () => `${kind}: ${remote}: ${firstLine(error)}`)
}

const logSlow = ({ client, method, remote }: ServerCall, ms: number) =>
  warnings.say(`slow: ${method}`, () => `slow: ${method} took ${Math.round(ms)} ms for ${oneLine(client)} at ${remote}`)

const limitsOf = (rpc: RpcSettings): Partial<Limits> => ({
  frameBytes: rpc.maxFrameBytes,
  inFlight: rpc.maxInFlightPerConnection,
  connections: rpc.maxConnections,
  inFlightTotal: rpc.maxInFlight,
  idleMs: rpc.idleTimeoutMs,
  helloMs: rpc.helloTimeoutMs,
  queuedBytes: rpc.maxWriteBufferBytes,
})

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
  /** Without TLS nobody shows a certificate. */
  readonly #trust: TrustFile | undefined
  readonly #figures = new Figures()
  readonly #methods = new Map<string, ServerMethod>()
  readonly #journal: Journal | undefined
  readonly #port: ServicePort
  /** What callers know its service by. */
  #called: string

  constructor(settings: WorkerSettings, service: UserService, link: AgentLink) {
    const { count, dataDir, listenFd, module, slot, tls } = settings
    if (service.methods.size === 0)
      throw new ModuleFailed(`${module}: it exports no function, class or object with functions`)
    this.#settings = settings
    this.#called = settings.service
    this.#service = service
    this.#link = link
    this.#trust = tls === undefined ? undefined : new TrustFile(join(dataDir, "trust.json"))
    this.offers = { methods: service.described, tasks: [...service.tasks.keys()] }
    this.#fillTable()
    this.#journal = this.#openJournal()
    this.#port = new ServicePort({
      fd: listenFd ?? -1,
      backlog: settings.rpc.backlog,
      tls: tls === undefined ? undefined : readTls(tls.dir),
      trust: this.#trust,
      server: {
        service: settings.service,
        worker: { id: slot, count },
        methods: (name) => this.#methods.get(name),
        idempotent: service.described.filter(({ idempotent }) => idempotent).map(({ name }) => name),
        limits: limitsOf(settings.rpc),
        guard: this.#journal,
        slowCallMs: settings.rpc.slowCallMs,
        onSlow: logSlow,
        legacy: legacyOf(settings),
        onFault: logFault,
      },
    })
  }

  async begin(): Promise<void> {
    await this.#trust?.refresh()
    await this.#port.listen()
  }

  greeting() {
    return this.offers
  }

  start(): void {}

  report() {
    errors.settle()
    warnings.settle()
    void this.#trust?.refresh().then((changed) => (changed ? this.#port.dropRevoked() : undefined))
    const open = this.#port.server.openCalls()
    return {
      stats: this.#stats(),
      openCalls: open.slice(0, openCallsMax),
      openCallCount: open.length,
      harmless: this.#journal?.harmless ?? [],
    }
  }

  obey(orders: WorkerOrders): void {
    this.#journal?.obey(orders)
    if (orders.service !== undefined && orders.service !== this.#called) {
      this.#called = orders.service
      this.#port.server.rename(this.#called)
    }
  }

  async drain(options: DrainOptions): Promise<void> {
    await this.#port.drain(options)
  }

  #fillTable(): void {
    const { idempotencyWindowMs, methodConcurrency } = this.#settings.rpc
    const around = { service: this.#settings.service, interceptors: this.#service.interceptors }
    const keys = new Keys(this.#link, { windowMs: idempotencyWindowMs })
    for (const name of Object.keys(methodConcurrency).filter((name) => !this.#service.methods.has(name)))
      log("WARN", `rpc.methodConcurrency limits "${name}", and there is no such method in the module`)
    for (const [name, method] of this.#service.methods) {
      const concurrencyMax = methodConcurrency[name] ?? method.details?.concurrency ?? Infinity
      const options = { concurrencyMax, streams: isStream(method.run), meter: this.#figures.meter(name) }
      const once = keys.once(name, handlerOf(name, method))
      this.#methods.set(name, serverMethod(name, withinInterceptors(name, once, around), options))
    }
    const builtIn: Readonly<Record<string, Handler>> = {
      methods: () => this.#service.described,
      stats: () => this.#answerStats(),
    }
    for (const [name, handle] of Object.entries(builtIn)) this.#methods.set(name, serverMethod(name, handle))
  }

  /** Of the whole set, as the agent knows it; of this worker alone when that can't be asked. */
  async #answerStats(): Promise<StatsAnswer> {
    const { count, drainTimeoutMs, rpc } = this.#settings
    const stats = await this.#link.stats().catch(() => this.#stats())
    return { ...stats, settings: { workers: count, drainTimeoutMs, ...rpc } }
  }

  /** Without a file that can be mapped calls are answered as well, only that nobody knows which one crashed a worker. */
  #openJournal(): Journal | undefined {
    const { journal: path, poison, service } = this.#settings
    if (path === undefined) return undefined
    try {
      const journal = Journal.open(service, path, { methods: this.#methods.keys(), now: this.#figures.now })
      journal.obey({ poison, suspects: [] })
      return journal
    } catch (error) {
      log("WARN", `no journal of the calls that run: ${firstLine(error)}`)
      return undefined
    }
  }

  #stats(): StatsSnapshot {
    const figures = this.#port.server.figures()
    return this.#figures.snapshot(runningOf(this.#methods), {
      connection_num: figures.connections,
      accept_count: figures.accepted,
      close_count: figures.closed,
      abort_count: figures.aborted,
      request_count: figures.requests,
      response_count: figures.responses,
      total_recv_bytes: figures.receivedBytes,
      total_send_bytes: figures.sentBytes,
      concurrency: figures.concurrency,
      worker_num: 1,
      idle_worker_num: figures.concurrency === 0 ? 1 : 0,
    })
  }
}
