import type { Endpoint } from "../../domain/Endpoint.ts"
import { processName } from "../../domain/Placement.ts"
import { type Problem, problemSentence, processProblem } from "../../domain/Problem.ts"
import { addressesOf, planAt } from "../../domain/ProcessPlan.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import type { StoredSpec } from "../store/ProcessSpecsRepo.ts"
import type { ActionBoard } from "./ActionBoard.ts"
import type { SessionState } from "./NodeSession.ts"
import { processOf, reloadAt } from "./Observe.ts"
import type { InstanceView, ProcessSummary, ProcessView, SpecDelivery } from "./Views.ts"

/** What is known of nodes, by address. */
export type Nodes = {
  readonly sessionAt: (ip: string) => SessionState | undefined
  readonly nameAt: (ip: string) => string
  readonly board: ActionBoard["Service"]
}

type Spot = { readonly ip: string; readonly listen: ProcessAssignment["listen"] }

/** Where a service runs, or would with what was saved: at its endpoints, and on the nodes that its spec names. */
export const spotsOf = (stored: StoredSpec, endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<Spot> => {
  const listening = endpoints.map(({ ip, port }): Spot => ({ ip, listen: { ip, port } }))
  const named = stored.spec.kind === "command" ? stored.spec.nodes : []
  const others = new Set([...addressesOf(stored, endpoints), ...named])
  for (const { ip } of endpoints) others.delete(ip)
  return [...listening, ...[...others].map((ip): Spot => ({ ip, listen: null }))]
}

const sentence = (problem: Problem | null) => (problem === null ? null : problemSentence(problem))

/** How far a place has come with what it is to have. */
export const deliveryAt = (stored: StoredSpec, spot: Spot, session: SessionState): SpecDelivery => {
  const plan = planAt(stored, spot.ip)
  if (plan === undefined) return { state: "none", wanted: null, problem: null, message: null, nextTryAt: null }
  const { desired, revision } = plan
  const wanted = { revision, desired }
  const status = processOf(session, stored.spec.service, spot.listen)
  const { link, nextTryAt } = session
  if (link === undefined) {
    const problem = session.problem ?? { _tag: "NotReachedYet" }
    return { state: "away", wanted, problem, message: sentence(problem), nextTryAt }
  }
  if (status?.specRevision === revision && status.desired === desired)
    return { state: "acked", wanted, problem: null, message: null, nextTryAt: null }
  const problem = session.processesProblem?.problem ?? null
  return { state: problem === null ? "sending" : "refused", wanted, problem, message: sentence(problem), nextTryAt }
}

const instanceView = (serviceId: string, stored: StoredSpec, spot: Spot, nodes: Nodes): InstanceView | undefined => {
  const session = nodes.sessionAt(spot.ip)
  if (session === undefined) return undefined
  const { service } = stored.spec
  const nodeId = session.node.id
  const status = processOf(session, service, spot.listen) ?? null
  const name = processName(service, spot.listen?.port)
  const problem = session.problem ?? (typeof status?.reason === "string" ? processProblem(status.reason) : null)
  return {
    nodeId,
    nodeName: nodes.nameAt(spot.ip),
    ip: spot.ip,
    name,
    delivery: deliveryAt(stored, spot, session),
    action: nodes.board.of({ serviceId, nodeId, name }),
    reload: reloadAt(status ?? undefined, session.reloadFailures.get(name)),
    status,
    error: sentence(problem),
    problem,
  }
}

/** A service's spec with all of its places. */
export const processView = (stored: StoredSpec, endpoints: ReadonlyArray<Endpoint>, nodes: Nodes): ProcessView => {
  const spots = spotsOf(stored, endpoints)
  const { modifiedAt, modifiedBy, pushed, revision, serviceId, spec } = stored
  return {
    spec,
    revision,
    pushed,
    modifiedBy,
    modifiedAt,
    instances: spots.flatMap((spot) => instanceView(serviceId, stored, spot, nodes) ?? []),
    notJoined: [...new Set(spots.map(({ ip }) => ip))].filter((ip) => nodes.sessionAt(ip) === undefined),
  }
}

/** The same in a line. */
export const processSummary = (
  stored: StoredSpec,
  endpoints: ReadonlyArray<Endpoint>,
  sessionAt: Nodes["sessionAt"],
): ProcessSummary => {
  const { desired, spec } = stored
  let [wanted, running, stopping, ready, want] = [0, 0, 0, 0, 0]
  for (const { ip, listen } of spotsOf(stored, endpoints)) {
    const session = sessionAt(ip)
    if (session === undefined) continue
    const status = processOf(session, spec.service, listen)
    const workers = status?.workers ?? []
    if (planAt(stored, ip)?.desired !== "running") {
      if ([...workers, ...(status?.taskWorkers ?? [])].some(({ pid }) => pid !== null)) stopping++
      continue
    }
    wanted++
    if (status?.state === "RUNNING") running++
    ready += workers.filter((worker) => worker.state === "RUNNING" && worker.ready).length
    want += workers.length
  }
  return { kind: spec.kind, desired, wanted, running, stopping, workers: { ready, want } }
}
