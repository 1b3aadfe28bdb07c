import { Clock, Context, Effect, Layer } from "effect"
import { problemSentence, type Problem, processProblem } from "../../domain/Problem.ts"
import { planAt } from "../../domain/ProcessPlan.ts"
import type { ProcessSpec } from "../../domain/ProcessSpec.ts"
import type { WorkerStatus } from "../../protocol/NodeManager.ts"
import type { InstanceRequest } from "../../protocol/ProcessMessages.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Database } from "../store/Database.ts"
import { ProcessSpecsRepo } from "../store/ProcessSpecsRepo.ts"
import { ActionBoard } from "./ActionBoard.ts"
import { Aftermath } from "./Aftermath.ts"
import { Desired } from "./Desired.ts"
import { KernelService, NotFound } from "./Errors.ts"
import { askNode, firstTries, type SessionState } from "./NodeSession.ts"
import { processOf } from "./Observe.ts"
import { Overview } from "./Overview.ts"
import { type NodeVerdict, Reloads } from "./Reloads.ts"
import { Sessions } from "./Sessions.ts"
import { dependencyMs, type Goal, judge, patienceFor, patienceOf, unfinished, type Verdict } from "./Verdicts.ts"
import type { ActionView, InstanceView, ServiceDetail } from "./Views.ts"

/** One instance of a process set. */
export type One = { readonly slot: number; readonly kind: "calls" | "tasks" }

export type Action =
  | { readonly kind: "start" | "stop" }
  | { readonly kind: "restart"; readonly instance?: One | undefined }
  | { readonly kind: "reload" }
  /** `revision` left out: the newest that was saved. */
  | { readonly kind: "push"; readonly revision?: number | undefined }
  /** Workers of a module, instances of a command; on all nodes. */
  | { readonly kind: "scale"; readonly count: number }

/** What came of an action on one node. */
export type Outcome = {
  readonly nodeId: string
  readonly nodeName: string
  readonly name: string
  readonly outcome: Verdict["state"]
  /** How many of its processes are ready, and how many there are. */
  readonly ready: number
  readonly total: number
  readonly reason: string | null
  readonly problem: Problem | null
  readonly tookMs: number
}

type Begun = {
  readonly service: ServiceDetail
  readonly instances: ReadonlyArray<InstanceView>
  readonly action: Action
  readonly by: string
}

/** Nodes of one service that are asked at a time. */
const nodesAtOnce = 64
const lookEveryMs = 50

const restartable = (worker: WorkerStatus) =>
  worker.state === "FATAL" || worker.state === "EXITED" || worker.state === "BACKOFF"

const make = Effect.gen(function* () {
  const aftermath = yield* Aftermath
  const audit = yield* AuditRepo
  const board = yield* ActionBoard
  const database = yield* Database
  const desired = yield* Desired
  const overview = yield* Overview
  const reloads = yield* Reloads
  const sessions = yield* Sessions
  const specs = yield* ProcessSpecsRepo

  const placesFor = (service: ServiceDetail, node: string | undefined) => {
    const idAt = node === undefined ? undefined : sessions.at(node)?.node.id
    return (service.process?.instances ?? []).filter(
      ({ nodeId, nodeName }) => node === undefined || nodeId === node || nodeName === node || nodeId === idAt,
    )
  }

  /** Writes what is wanted from now on. Restarts and reloads want nothing new. */
  const write = (
    { action, by, instances, service }: Begun,
    node: string | undefined,
  ): Effect.Effect<unknown, NotFound> => {
    const ips = node === undefined ? "all" : instances.map(({ ip }) => ip)
    switch (action.kind) {
      case "start":
        return specs.want(service.id, "running", ips, by)
      case "stop":
        return specs.want(service.id, "stopped", ips, by)
      case "push":
        return specs.push(service.id, action.revision ?? service.process?.revision ?? 0, ips, by)
      case "scale": {
        const { count } = action
        const scaled = (spec: ProcessSpec): ProcessSpec =>
          spec.kind === "module" ? { ...spec, workers: count } : { ...spec, instances: count }
        return specs.change(service.id, scaled, by)
      }
      default:
        return Effect.void
    }
  }

  const begin = Effect.fnUntraced(function* (id: string, action: Action, node: string | undefined, by: string) {
    const service = yield* overview.get(id)
    if (service.kernel) return yield* new KernelService({ action: action.kind })
    if (service.process === null) return yield* new NotFound({ what: "process", id: service.name })
    const instances = placesFor(service, node)
    if (node !== undefined && instances.length === 0)
      return yield* new NotFound({ what: "node", id: node, among: `that runs ${service.name}` })
    const begun: Begun = { service, instances, action, by }
    const { kind, ...how } = action
    const detail = { nodes: instances.map(({ nodeName }) => nodeName), ...JSON.parse(JSON.stringify(how)) }
    const note = audit.add({ who: by, what: `process.${kind}`, object: `service:${id}`, detail })
    yield* database.transaction(Effect.andThen(write(begun, node), note))
    if (kind === "restart" || kind === "reload") return begun
    yield* aftermath.ofSpec(
      id,
      instances.map(({ ip }) => ip),
    )
    return begun
  })

  const outcome = (
    { name, nodeId, nodeName }: InstanceView,
    { counted, problem, state }: Verdict,
    startedAt: number,
    found: ReturnType<typeof processOf>,
  ) =>
    Effect.map(Clock.currentTimeMillis, (now): Outcome => ({
      nodeId,
      nodeName,
      name,
      outcome: state,
      ready: counted?.ready ?? (found?.workers ?? []).filter(({ ready, state }) => state === "RUNNING" && ready).length,
      total: counted?.total ?? found?.workers.length ?? 0,
      reason: problem === null ? null : problemSentence(problem),
      problem,
      tookMs: now - startedAt,
    }))

  const statusOf = (session: SessionState, { process, name }: ServiceDetail, instance: InstanceView) =>
    processOf(
      session,
      process?.spec.service ?? name,
      instance.name.includes("@") ? { ip: instance.ip, port: Number(instance.name.split("@")[1]) } : null,
    )

  /** `after`: a status that is older than what was just done says nothing. */
  const reach = Effect.fnUntraced(function* (
    service: ServiceDetail,
    instance: InstanceView,
    session: SessionState,
    { after, goal }: { readonly goal: Goal; readonly after: number | undefined },
  ) {
    yield* firstTries(session)
    const startedAt = yield* Clock.currentTimeMillis
    const until = startedAt + patienceOf(goal)
    let waitingSince: number | undefined
    for (;;) {
      const status = statusOf(session, service, instance)
      const isNews = after === undefined || session.status?.seq !== after
      const verdict = isNews ? judge(session, status, goal) : undefined
      if (verdict !== undefined) return verdict
      const now = yield* Clock.currentTimeMillis
      waitingSince = goal.desired === "running" && status?.waitingFor ? (waitingSince ?? now) : undefined
      if (now > until || (waitingSince !== undefined && now - waitingSince > dependencyMs)) return unfinished(status)
      yield* Effect.sleep(lookEveryMs)
    }
  })

  const restartAt = Effect.fnUntraced(function* (
    session: SessionState,
    request: InstanceRequest,
    spec: ProcessSpec,
    processes: number,
  ) {
    const asked = askNode(session, (link) => link.restartProcess(request, patienceFor(spec, processes)))
    return yield* asked.pipe(
      Effect.map(({ outcome, reason, restarted, total }): Verdict => ({
        state: outcome,
        counted: { ready: restarted, total },
        problem: reason === null ? null : processProblem(reason),
      })),
      Effect.catch((error) => Effect.succeed<Verdict>({ state: "failed", problem: error.problem })),
    )
  })

  /** What is wanted already, but has given up or ended, is begun anew. */
  const revive = Effect.fnUntraced(function* (begun: Begun, instance: InstanceView, session: SessionState, goal: Goal) {
    const status = statusOf(session, begun.service, instance)
    if (status?.desired !== "running") return { after: undefined, failed: undefined }
    const of = (kind: One["kind"]) => (worker: WorkerStatus) => ({ slot: worker.slot, kind })
    const ended = [
      ...status.workers.filter(restartable).map(of("calls")),
      ...status.taskWorkers.filter(restartable).map(of("tasks")),
    ]
    const after = ended.length === 0 ? undefined : session.status?.seq
    const verdicts = yield* Effect.forEach(
      ended,
      ({ kind, slot }) => restartAt(session, { name: instance.name, slot, kind }, goal.spec, 1),
      { concurrency: "unbounded" },
    )
    return { after, failed: verdicts.find(({ state }) => state === "failed") }
  })

  const goalAt = Effect.fnUntraced(function* (serviceId: string, ip: string) {
    const stored = (yield* desired.index).specs.get(serviceId)
    return stored === undefined ? undefined : planAt(stored, ip)
  })

  const gone: Verdict = { state: "failed", problem: { _tag: "NodeGone" } }
  const nothing: Verdict = { state: "failed", problem: { _tag: "NoSpec" } }
  const isStopped: Verdict = { state: "failed", problem: { _tag: "IsStopped" } }

  const carryOut = Effect.fnUntraced(function* (begun: Begun, instance: InstanceView, session: SessionState) {
    const { action, service } = begun
    const goal = yield* goalAt(service.id, instance.ip)
    if (goal === undefined) return nothing
    if (action.kind === "restart") {
      if (goal.desired === "stopped") return isStopped
      yield* firstTries(session)
      const workers = (instance.status?.workers.length ?? 0) + (instance.status?.taskWorkers.length ?? 0)
      return yield* restartAt(session, { name: instance.name, ...action.instance }, goal.spec, workers)
    }
    if (action.kind !== "start") return yield* reach(service, instance, session, { goal, after: undefined })
    const { after, failed } = yield* revive(begun, instance, session, goal)
    return failed ?? (yield* reach(service, instance, session, { goal, after }))
  })

  const one = Effect.fnUntraced(function* (begun: Begun, instance: InstanceView, kind: ActionView["action"]) {
    const { service } = begun
    const session = sessions.get(instance.nodeId)
    const place = { serviceId: service.id, nodeId: instance.nodeId, name: instance.name }
    const startedAt = yield* Clock.currentTimeMillis
    const verdict = session === undefined ? gone : yield* carryOut(begun, instance, session)
    const status = session === undefined ? undefined : statusOf(session, service, instance)
    const found = yield* outcome(instance, verdict, startedAt, status)
    const { problem, reason } = found
    yield* board.end(place, kind, { state: verdict.state, reason, problem })
    if (verdict.state === "failed")
      yield* Effect.logWarning(
        `${kind} of ${instance.name} on ${instance.nodeName} failed: ${reason ?? "no reason given"}`,
      )
    return found
  })

  const problemOf = ({ outcome, problem, reason }: NodeVerdict): Problem | null => {
    if (outcome === "superseded") return { _tag: "Superseded" }
    return problem ?? (reason === null ? null : processProblem(reason))
  }

  const asOutcome = (verdict: NodeVerdict): Outcome => {
    const { name, nodeId, nodeName, outcome, replaced, tookMs, total } = verdict
    const problem = problemOf(verdict)
    return {
      nodeId,
      nodeName,
      name,
      outcome: outcome === "done" ? "done" : "failed",
      ready: replaced,
      total,
      reason: problem === null ? null : problemSentence(problem),
      problem,
      tookMs,
    }
  }

  const prepare = Effect.fnUntraced(function* (id: string, action: Action, node: string | undefined, by: string) {
    if (action.kind === "reload") {
      const { nodes, verdicts } = yield* reloads.run(id, node, by)
      return { nodes, outcomes: Effect.map(verdicts, (all) => all.map(asOutcome)) }
    }
    const { kind } = action
    const begun = yield* begin(id, action, node, by)
    for (const { name, nodeId } of begun.instances) yield* board.begin({ serviceId: id, nodeId, name }, kind, by)
    return {
      nodes: begun.instances.map(({ nodeName }) => nodeName),
      outcomes: Effect.forEach(begun.instances, (instance) => one(begun, instance, kind), { concurrency: nodesAtOnce }),
    }
  })

  return Actions.of({ run: Effect.fn("Actions.run")(prepare) })
})

type Refused = NotFound | KernelService

/**
 * What a person does with the processes of a service, on all of its nodes or on one (`node`: its id, name or address).
 * Start and stop are wanted from then on, also by nodes that are away.
 */
export class Actions extends Context.Service<
  Actions,
  {
    /** Audits and writes what is wanted, and answers with the effect that ends when each node has its outcome. */
    readonly run: (
      id: string,
      action: Action,
      node: string | undefined,
      by: string,
    ) => Effect.Effect<
      { readonly nodes: ReadonlyArray<string>; readonly outcomes: Effect.Effect<ReadonlyArray<Outcome>> },
      Refused
    >
  }
>()("muster/manager/fleet/Actions") {
  static readonly layer = Layer.effect(Actions, make)
}
