import { type Problem, problemSentence, processProblem } from "../../domain/Problem.ts"
import { type Observed, effective } from "../../domain/Effective.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import type { ReloadFailure, SessionState } from "./NodeSession.ts"
import type { EndpointView, Health, ReloadView } from "./Views.ts"

type Place = { readonly service: string; readonly kernel: boolean }

const states: Record<ProcessStatus["state"], Observed["state"]> = {
  RUNNING: "up",
  STARTING: "starting",
  BACKOFF: "down",
  STOPPING: "down",
  STOPPED: "down",
  EXITED: "down",
  FATAL: "down",
}

const stateProblem = ({ reason, state, waitingFor }: ProcessStatus): Problem | undefined => {
  if (reason !== null) return processProblem(reason)
  if (waitingFor !== null) return { _tag: "WaitsFor", what: waitingFor }
  return state === "RUNNING" ? undefined : { _tag: "InState", state }
}

const seen = (state: Observed["state"], since: number | undefined, problem: Problem | undefined): Observed => ({
  state,
  since,
  reason: problem === undefined ? undefined : problemSentence(problem),
  problem,
})

/** What a node reports of a service's processes that listen there; null: nowhere. */
export const processOf = (
  session: SessionState | undefined,
  service: string,
  listen: Pick<Endpoint, "ip" | "port"> | null,
): ProcessStatus | undefined =>
  session?.status?.processes.find(
    (status) => status.service === service && status.listen?.ip === listen?.ip && status.listen?.port === listen?.port,
  )

/** The newer of what the node tells of its last reload, and of what kept the manager from asking it. */
export const reloadAt = (status: ProcessStatus | undefined, failure: ReloadFailure | undefined): ReloadView | null => {
  const told = status?.reload ?? null
  if (failure === undefined || (told !== null && told.startedAt >= failure.startedAt))
    return told === null ? null : { ...told, problem: null }
  const { endedAt, problem, startedAt } = failure
  return { state: "failed", replaced: 0, total: 0, reason: problemSentence(problem), startedAt, endedAt, problem }
}

// The agent itself is observed by the connection to it, and by nothing else.
const unreached = (session: SessionState, kernel: boolean): Observed =>
  seen(
    kernel && session.connection === "away" ? "down" : "unknown",
    session.since,
    session.problem ?? { _tag: "NotReachedYet" },
  )

/** One that runs, and that callers are not led to, serves nobody. */
const stateOf = ({ reason, state, workers }: ProcessStatus): Observed["state"] => {
  if (state !== "RUNNING" || workers.length === 0 || workers.some(({ ready }) => ready)) return states[state]
  // Before its probe has said anything it is on its way.
  return reason === null ? "starting" : "down"
}

/** What was last seen of a place where a service runs without an endpoint. */
export const observeNowhere = (session: SessionState | undefined, service: string): Observed => {
  const status = processOf(session, service, null)
  return status === undefined
    ? seen("unknown", undefined, undefined)
    : seen(stateOf(status), status.since, stateProblem(status))
}

/** What was last seen of an endpoint. */
export const observe = (session: SessionState | undefined, place: Place, endpoint: Endpoint): Observed => {
  if (session === undefined) return seen("unknown", undefined, { _tag: "NotJoined", ip: endpoint.ip })
  if (session.status === undefined) return unreached(session, place.kernel)
  if (place.kernel)
    return session.node.port === endpoint.port
      ? seen("up", session.since, undefined)
      : seen("unknown", undefined, { _tag: "OtherPort", port: session.node.port })
  const status = processOf(session, place.service, endpoint)
  if (status === undefined) return seen("unknown", undefined, { _tag: "NothingThere" })
  return seen(stateOf(status), status.since, stateProblem(status))
}

/** An endpoint with all that is known of it. */
export const endpointView = (
  session: SessionState | undefined,
  nodeName: string | null,
  place: Place,
  endpoint: Endpoint,
): EndpointView => {
  const workers = place.kernel ? undefined : processOf(session, place.service, endpoint)?.workers
  return {
    ip: endpoint.ip,
    port: endpoint.port,
    desired: { weight: endpoint.weight, status: endpoint.status },
    observed: observe(session, place, endpoint),
    effective: effective(endpoint),
    nodeId: session?.node.id ?? null,
    nodeName,
    workers:
      workers === undefined ? null : { ready: workers.filter(({ ready }) => ready).length, want: workers.length },
  }
}

/** A service as a whole: from what was observed of its online endpoints. */
export const healthOf = (
  endpoints: ReadonlyArray<{ readonly online: boolean; readonly state: Observed["state"] }>,
): Health => {
  const online = endpoints.filter((endpoint) => endpoint.online)
  if (online.length === 0) return "off"
  const up = online.filter((endpoint) => endpoint.state === "up").length
  if (up === online.length) return "healthy"
  if (up > 0) return "degraded"
  return online.some((endpoint) => endpoint.state === "down") ? "down" : "unknown"
}
