import { Effect } from "effect"
import type { EndpointList } from "../../../src/domain/EndpointList.ts"
import { countOf, type ProcessSet, type ProcessSpec } from "../../../src/domain/ProcessSpec.ts"
import { Joining } from "../../../src/manager/fleet/Joining.ts"
import { makeRequest } from "../../../src/platform/Certificates.ts"
import { type Duplex, listen, type Listener } from "../../../src/platform/Transport.ts"
import type { ListAck, NodeStatus, TasksChange, TasksRequest, TaskView } from "../../../src/protocol/NodeManager.ts"
import type { CrashReport, InstanceRequest, ProcessInspection } from "../../../src/protocol/ProcessMessages.ts"
import type { CronSet } from "../../../src/domain/Cron.ts"
import type { CronHistory, CronRun } from "../../../src/protocol/CronMessages.ts"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import { type Handler, RpcServer, serverMethod } from "../../../src/rpc/RpcServer.ts"
import type { TestManager } from "./TestFleet.ts"

type Process = NodeStatus["processes"][number]
type Reload = NonNullable<Process["reload"]>

/**
 * An agent that is told how to misbehave: real mutual TLS, real muster/1, but its disk is a map that outlives a stop,
 * and everything that arrives is written down.
 */
export const joinAgent = async (manager: TestManager, name: string, ip: string, port: number) => {
  const { csr, key } = await makeRequest("node")
  const request = { token: await manager.token(), name, ip, port, csr, version: "0.0.0" }
  const joined = await manager.run(Effect.flatMap(Joining, (joining) => joining.join(request, ip)))
  return new TestAgent(joined.nodeId, { key, cert: joined.certificate, ca: joined.ca }, { host: ip, port })
}

export class TestAgent {
  readonly nodeId: string
  /** What stands on its "disk". */
  readonly lists = new Map<string, EndpointList>()
  /** Every list that arrived, in order. */
  readonly arrived: Array<{ readonly service: string; readonly revision: number; readonly override: boolean }> = []
  /** Every process set that arrived, in order. */
  readonly processes: Array<ProcessSet> = []
  /** Answers nothing while this is set. */
  hanging = false
  /** Refuses lists with this sentence. */
  refusal: string | undefined
  /** Refuses what it has to run with this sentence. */
  processesRefusal: string | undefined
  /** Set: it answers Processes.apply when this is done. */
  processesEnding: Promise<void> | undefined
  /** What becomes of a restart that it is asked for. */
  restart: (request: InstanceRequest) => unknown = () => ({
    outcome: "done",
    restarted: 1,
    total: 1,
    reason: null,
    tookMs: 5,
  })
  readonly states = new Map<string, Process["state"]>()
  readonly told = new Map<string, Partial<Process>>()
  /** What its status says of the reload of each process set. */
  readonly reloads = new Map<string, Reload>()
  /** What becomes of a reload that it is asked for. */
  reload: (name: string) => unknown = () => ({
    outcome: "done",
    replaced: 1,
    total: 1,
    reason: null,
    tookMs: 5,
  })
  /** Its queued work: dead letters by id. */
  readonly letters = new Map<string, TaskView>()
  /** What it says of its processes, and its crash reports by id. */
  inspection: Pick<ProcessInspection, "instances" | "portHolder"> = { instances: [], portHolder: null }
  readonly crashes = new Map<string, CrashReport>()
  /** What it tells of its process sets, and how often it was asked. */
  stats: (name: string) => unknown = () => {
    throw new RpcError("not_found", "no figures here")
  }
  statsAsked = 0
  /** Every set of cron tasks that arrived, in order. */
  readonly cronSets: Array<CronSet> = []
  /** Its runs, in the order in which they ended, those that run last; what each printed. */
  readonly cronRuns: Array<CronRun> = []
  readonly cronOutputs = new Map<string, string>()
  /** Set: it answers Cron.apply when this is done. */
  cronEnding: Promise<void> | undefined
  /** Refuses sets of cron tasks with this sentence. */
  cronRefusal: string | undefined
  readonly #tls: { readonly key: string; readonly cert: string; readonly ca: string }
  readonly #address: { readonly host: string; readonly port: number }
  readonly #duplexes = new Set<Duplex>()
  #listener: Listener | undefined
  #seq = 1
  #processesRevision = 0
  #trustRevision = 0
  #waiting: Array<() => void> = []

  constructor(nodeId: string, tls: TestAgent["tls"], address: { readonly host: string; readonly port: number }) {
    this.nodeId = nodeId
    this.#tls = tls
    this.#address = address
  }

  get tls() {
    return this.#tls
  }

  async start() {
    const server = new RpcServer({
      service: "node_manager",
      worker: { id: 0, count: 1 },
      methods: (name) => {
        const method = this.#methods[name]
        if (method === undefined) return undefined
        return serverMethod(name, (...call) => (this.hanging ? new Promise(() => {}) : method(...call)))
      },
    })
    this.#listener = await listen({
      on: this.#address,
      tls: this.#tls,
      onConnection: (duplex) => {
        this.#duplexes.add(duplex)
        server.accept(duplex)
      },
    })
  }

  /** As a killed process would: no goodbye. */
  async stop() {
    await this.#listener?.close()
    for (const duplex of this.#duplexes) duplex.destroy()
    this.#duplexes.clear()
  }

  #changed() {
    this.#seq++
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #status(): NodeStatus {
    return {
      seq: this.#seq,
      nodeId: this.nodeId,
      version: "0.0.0",
      pid: 1,
      startedAt: 0,
      cpus: 1,
      lists: [...this.lists.values()].map(({ revision, service }) => ({ service, revision })),
      processesRevision: this.#processesRevision,
      trustRevision: this.#trustRevision,
      processes: this.#running(),
      cronRevision: this.cronSets.at(-1)?.revision ?? 0,
      cron: this.#cron(),
      notices: [],
    }
  }

  #cron(): NodeStatus["cron"] {
    return (this.cronSets.at(-1)?.tasks ?? []).map(({ enabled, id }) => {
      const runs = this.cronRuns.filter(({ taskId }) => taskId === id)
      const running = runs.filter(({ state }) => state === "running").length
      return { id, nextAt: enabled ? 4_000_000_000_000 : null, running, last: runs.at(-1) ?? null }
    })
  }

  /** A run that was, or begins. */
  tellRun(run: Partial<CronRun> & Pick<CronRun, "id" | "taskId">) {
    const at = this.cronRuns.findIndex(({ id }) => id === run.id)
    const before = this.cronRuns[at] ?? {
      cause: "schedule" as const,
      dueAt: Date.now(),
      startedAt: Date.now(),
      endedAt: Date.now() + 5,
      state: "ok" as const,
      attempt: 1,
      exitCode: 0,
      signal: null,
      reason: null,
      by: null,
      outputBytes: 0,
    }
    if (at >= 0) this.cronRuns.splice(at, 1)
    this.cronRuns.push({ ...before, ...run })
    this.#changed()
  }

  /** Its process sets as they arrived: each runs or ends at once, unless it is told otherwise. */
  #running(): NodeStatus["processes"] {
    const { processes } = this.processes.at(-1) ?? { processes: [] }
    return processes.map(({ listen, name, spec, specRevision }) => ({
      ...this.#processOf(name, spec),
      name,
      service: spec.service,
      kind: spec.kind,
      listen,
      specRevision,
      desired: spec.desired,
      reload: this.reloads.get(name) ?? null,
      ...this.told.get(name),
    }))
  }

  #processOf(name: string, spec: ProcessSpec) {
    const runs = spec.desired === "running"
    const state = this.states.get(name) ?? (runs ? "RUNNING" : "STOPPED")
    const worker = { pid: runs ? 1 : null, state, restarts: 0, reason: null, since: 1, ready: runs, adopted: false }
    return {
      state,
      reason: null,
      since: 1,
      workers: Array.from({ length: Math.max(1, countOf(spec)) }, (_, slot) => ({ ...worker, slot })),
      taskWorkers: [],
      waitingFor: null,
      limitsMissing: null,
      crashes: { count: 0, lastAt: null },
    }
  }

  /** Tells that the processes of a set are in another state than they should be; undefined: as they should. */
  tellState(name: string, state: Process["state"] | undefined, more: Partial<Process> = {}) {
    if (state === undefined) this.states.delete(name)
    else this.states.set(name, state)
    this.told.set(name, more)
    this.#changed()
  }

  #takeLetters({ ids }: typeof TasksChange.Type) {
    const gone = (ids === "all" ? [...this.letters.keys()] : ids).filter((id) => this.letters.delete(id))
    return { changed: gone.length }
  }

  /** Tells how a reload is. */
  tellReload(name: string, reload: Reload) {
    this.reloads.set(name, reload)
    this.#changed()
  }

  readonly #methods: Record<string, Handler> = {
    "Node.status": async ([argument]) => {
      const { after, waitMs } = argument as { after: number; waitMs: number }
      if (after >= this.#seq && waitMs > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs)
          this.#waiting.push(() => {
            clearTimeout(timer)
            resolve()
          })
        })
      }
      return this.#status()
    },
    "Discovery.apply": ([argument]): ListAck => {
      const { list, override } = argument as { list: EndpointList; override?: unknown }
      if (this.refusal !== undefined) throw new RpcError("failed_precondition", this.refusal)
      const { revision, service } = list
      this.arrived.push({ service, revision, override: override !== undefined })
      const mine = this.lists.get(service)
      if (mine !== undefined && mine.revision >= revision)
        return { service, revision: mine.revision, applied: false, durableMs: 0 }
      this.lists.set(service, list)
      this.#changed()
      return { service, revision, applied: true, durableMs: 0 }
    },
    "Discovery.remove": ([argument]) => {
      this.lists.delete((argument as { service: string }).service)
      this.#changed()
      return {}
    },
    "Processes.apply": async ([argument]) => {
      const set = argument as ProcessSet
      await this.processesEnding
      if (this.processesRefusal !== undefined) throw new RpcError("invalid_argument", this.processesRefusal)
      this.processes.push(set)
      this.#processesRevision = set.revision
      this.#changed()
      return { revision: this.#processesRevision }
    },
    "Processes.restart": ([argument]) => this.restart(argument as InstanceRequest),
    "Processes.reload": ([argument]) => this.reload((argument as { name: string }).name),
    "Processes.stats": ([argument]) => {
      this.statsAsked++
      return this.stats((argument as { name: string }).name)
    },
    "Processes.inspect": ([argument]) => ({ ...(argument as { name: string }), at: Date.now(), ...this.inspection }),
    "Crashes.list": () => ({ crashes: [...this.crashes.values()].toReversed() }),
    "Crashes.get": ([argument]) => {
      const { id } = argument as { id: string }
      const report = this.crashes.get(id)
      if (report === undefined) throw new RpcError("not_found", `this node has no crash report "${id}"`)
      return report
    },
    "Tasks.list": ([argument]) => {
      const { limit, state } = argument as typeof TasksRequest.Type
      const tasks = state === "dead" ? [...this.letters.values()].slice(0, limit) : []
      return { tasks, counts: { waiting: 7, running: 1, dead: this.letters.size } }
    },
    "Tasks.requeue": ([argument]) => this.#takeLetters(argument as typeof TasksChange.Type),
    "Tasks.discard": ([argument]) => this.#takeLetters(argument as typeof TasksChange.Type),
    "Cron.apply": async ([argument]) => {
      await this.cronEnding
      if (this.cronRefusal !== undefined) throw new RpcError("invalid_argument", this.cronRefusal)
      const set = argument as CronSet
      this.cronSets.push(set)
      this.#changed()
      return { revision: set.revision }
    },
    "Cron.runs": ([argument]) => {
      const { limit, taskId } = argument as { taskId: string; limit: number }
      const runs = this.cronRuns.filter((run) => run.taskId === taskId).toReversed()
      return { runs: runs.slice(0, limit), total: runs.length }
    },
    "Cron.history": ([argument]): CronHistory => {
      const { after, limit } = argument as { after: string; limit: number }
      const ended = this.cronRuns.filter(({ endedAt }) => endedAt !== null)
      const from = Number(after)
      const runs = ended.slice(from, from + limit)
      return { runs, cursor: String(from + runs.length), more: from + runs.length < ended.length }
    },
    "Cron.output": ([argument]) => {
      const head = this.cronOutputs.get((argument as { runId: string }).runId)
      if (head === undefined) throw new RpcError("not_found", "no such run")
      return { head, tail: "", omitted: 0 }
    },
    "Cron.start": ([argument]) => {
      const { by, taskId } = argument as { taskId: string; by: string }
      const isKnown = this.cronSets.at(-1)?.tasks.some((task) => task.id === taskId) === true
      if (!isKnown) throw new RpcError("not_found", "no such task")
      const id = `run-${this.cronRuns.length + 1}`
      this.tellRun({ id, taskId, by, cause: "manual", state: "running", endedAt: null, exitCode: null })
      return { runId: id }
    },
    "Cron.stop": ([argument]) => {
      const { by, runId } = argument as { runId: string; by: string }
      const run = this.cronRuns.find(({ id }) => id === runId)
      if (run === undefined) throw new RpcError("not_found", "no such run")
      this.tellRun({ ...run, state: "stopped", by, endedAt: Date.now(), signal: "SIGTERM" })
      return this.cronRuns.at(-1)
    },
    "Trust.apply": ([argument]) => {
      this.#trustRevision = (argument as { revision: number }).revision
      return { revision: this.#trustRevision }
    },
  }
}
