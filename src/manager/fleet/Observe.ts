import { type Observed, effective } from "../../domain/Effective.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type { ProcessStatus } from "../../protocol/NodeManager.ts"
import type { SessionState } from "./NodeSession.ts"
import type { EndpointView, Health } from "./Views.ts"

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

const stateReason = (status: ProcessStatus) => {
  if (status.reason !== null) return status.reason
  return status.state === "RUNNING" ? undefined : status.state.toLowerCase()
}

/** What a node reports of a service's processes at an endpoint. */
export const processAt = (session: SessionState | undefined, service: string, endpoint: Endpoint) =>
  session?.status?.processes.find(
    ({ listen, service: name }) => name === service && listen.ip === endpoint.ip && listen.port === endpoint.port,
  )

const unreached = (session: SessionState, kernel: boolean): Observed => ({
  // The agent itself is observed by the connection to it, and by nothing else.
  state: kernel && session.connection === "away" ? "down" : "unknown",
  since: session.since,
  reason: session.error ?? "its node is not connected yet",
})

/** What was last seen of an endpoint. */
export const observe = (session: SessionState | undefined, place: Place, endpoint: Endpoint): Observed => {
  if (session === undefined)
    return { state: "unknown", since: undefined, reason: `no node with the address ${endpoint.ip} has joined` }
  if (session.status === undefined) return unreached(session, place.kernel)
  if (place.kernel)
    return session.node.port === endpoint.port
      ? { state: "up", since: session.since, reason: undefined }
      : { state: "unknown", since: undefined, reason: `the agent there listens on port ${session.node.port}` }
  const status = processAt(session, place.service, endpoint)
  if (status === undefined) return { state: "unknown", since: undefined, reason: "its node runs nothing there" }
  return { state: states[status.state], since: status.since, reason: stateReason(status) }
}

/** An endpoint with all that is known of it. */
export const endpointView = (
  session: SessionState | undefined,
  nodeName: string | null,
  place: Place,
  endpoint: Endpoint,
): EndpointView => {
  const workers = place.kernel ? undefined : processAt(session, place.service, endpoint)?.workers
  return {
    ip: endpoint.ip,
    port: endpoint.port,
    desired: { weight: endpoint.weight, status: endpoint.status },
    observed: observe(session, place, endpoint),
    effective: effective(endpoint),
    nodeId: session?.node.id ?? null,
    nodeName,
    workers:
      workers === undefined
        ? null
        : { ready: workers.filter((worker) => worker.state === "RUNNING").length, want: workers.length },
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
