import { Clock, Context, Effect, Layer } from "effect"
import { type Problem, problemSentence } from "../../domain/Problem.ts"
import type { ReloadVerdict } from "../../protocol/NodeManager.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { ActionBoard } from "./ActionBoard.ts"
import { Changes } from "./Changes.ts"
import { KernelService, NotFound } from "./Errors.ts"
import type { NodeCallError } from "./NodeLink.ts"
import { askNode, type NodeAway } from "./NodeSession.ts"
import { Overview } from "./Overview.ts"
import { Sessions } from "./Sessions.ts"
import { patienceFor } from "./Verdicts.ts"
import type { InstanceView, ProcessView, ServiceDetail } from "./Views.ts"

/** What a reload came to on one node. A node that could not be asked has failed, with the reason. */
export type NodeVerdict = ReloadVerdict & {
  readonly nodeId: string
  readonly nodeName: string
  readonly name: string
  /** Why it could not be asked. */
  readonly problem?: Problem
}

type Instance = InstanceView
type Started = {
  readonly service: ServiceDetail
  readonly process: ProcessView
  readonly instances: ReadonlyArray<Instance>
}

/** Nodes that reload a service at a time. */
const nodesAtOnce = 4

/** Each worker may take its whole time to start, and the one before it to drain. */
const patienceMs = ({ spec }: ProcessView, { status }: Instance): number =>
  patienceFor(spec, (status?.workers.length ?? 0) + (status?.taskWorkers.length ?? 0))

const notAsked = (problem: Problem, tookMs: number) => ({
  outcome: "failed" as const,
  replaced: 0,
  total: 0,
  reason: problemSentence(problem),
  problem,
  tookMs,
})

/** It was revoked since the service was looked at. */
const gone = ({ name, nodeId, nodeName }: Instance): NodeVerdict => ({
  nodeId,
  nodeName,
  name,
  ...notAsked({ _tag: "NodeGone" }, 0),
})

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const board = yield* ActionBoard
  const changes = yield* Changes
  const overview = yield* Overview
  const sessions = yield* Sessions

  /** Where it is to be reloaded, and that it was asked for, in the audit. */
  const begin = Effect.fnUntraced(function* (id: string, node: string | undefined, by: string) {
    const service = yield* overview.get(id)
    if (service.kernel) return yield* new KernelService({ action: "reload" })
    const { process } = service
    if (process === null) return yield* new NotFound({ what: "process", id: service.name })
    const idAt = node === undefined ? undefined : sessions.at(node)?.node.id
    const instances = process.instances.filter(
      ({ nodeId, nodeName }) => node === undefined || nodeId === node || nodeName === node || nodeId === idAt,
    )
    if (node !== undefined && instances.length === 0)
      return yield* new NotFound({ what: "node", id: node, among: `that runs ${service.name}` })
    const nodes = instances.map(({ nodeName }) => nodeName)
    yield* audit.add({ who: by, what: "process.reload", object: `service:${id}`, detail: { nodes } })
    return { service, process, instances } satisfies Started
  })

  const told = (serviceId: string) => changes.publish(`service:${serviceId}`)

  const reloadOne = Effect.fnUntraced(function* ({ process, service }: Started, instance: Instance) {
    const { name, nodeId, nodeName } = instance
    const session = sessions.get(nodeId)
    if (session === undefined) return gone(instance)
    const startedAt = yield* Clock.currentTimeMillis
    session.reloadFailures.delete(name)
    yield* board.clear({ serviceId: service.id, nodeId, name })
    const failed = Effect.fnUntraced(function* ({ problem }: NodeAway | NodeCallError) {
      const endedAt = yield* Clock.currentTimeMillis
      session.reloadFailures.set(name, { problem, startedAt, endedAt })
      return notAsked(problem, endedAt - startedAt)
    })
    const asked = askNode(session, (link) => link.reloadProcess(name, patienceMs(process, instance)))
    const verdict: ReloadVerdict & Pick<NodeVerdict, "problem"> = yield* asked.pipe(Effect.catch(failed))
    if (verdict.outcome === "failed")
      yield* Effect.logWarning(`The reload of ${name} on ${nodeName} failed: ${verdict.reason ?? "no reason given"}`)
    yield* told(service.id)
    return { nodeId, nodeName, name, ...verdict } satisfies NodeVerdict
  })

  const all = (started: Started) =>
    Effect.forEach(started.instances, (instance) => reloadOne(started, instance), { concurrency: nodesAtOnce })

  return Reloads.of({
    run: Effect.fn("Reloads.run")(function* (id: string, node: string | undefined, by: string) {
      const started = yield* begin(id, node, by)
      return { nodes: started.instances.map(({ nodeName }) => nodeName), verdicts: all(started) }
    }),
  })
})

/** Reloads of a service's processes on its nodes. `node`: its id or name, undefined: wherever the service runs. */
export class Reloads extends Context.Service<
  Reloads,
  {
    /** Audits, and answers with the effect that reloads, and ends when every node has its verdict. */
    readonly run: (
      id: string,
      node: string | undefined,
      by: string,
    ) => Effect.Effect<
      { readonly nodes: ReadonlyArray<string>; readonly verdicts: Effect.Effect<ReadonlyArray<NodeVerdict>> },
      NotFound | KernelService
    >
  }
>()("muster/manager/fleet/Reloads") {
  static readonly layer = Layer.effect(Reloads, make)
}
