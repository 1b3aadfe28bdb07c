import { Context, Effect, Layer } from "effect"
import type { Observed } from "../../domain/Effective.ts"
import { type Problem, problemSentence, readProblem } from "../../domain/Problem.ts"
import { planAt } from "../../domain/ProcessPlan.ts"
import { type Ack, type Client, ClientsRepo } from "../store/ClientsRepo.ts"
import { ListsRepo, type ReleasedList } from "../store/ListsRepo.ts"
import { type Node, NodesRepo } from "../store/NodesRepo.ts"
import type { StoredSpec } from "../store/ProcessSpecsRepo.ts"
import type { Service } from "../store/ServicesRepo.ts"
import { ActionBoard } from "./ActionBoard.ts"
import { Deliveries } from "./Deliveries.ts"
import { Desired, type Index } from "./Desired.ts"
import { NotFound } from "./Errors.ts"
import type { SessionState } from "./NodeSession.ts"
import { endpointView, healthOf, observe, observeNowhere } from "./Observe.ts"
import { processSummary, processView, spotsOf } from "./ProcessViews.ts"
import { Sessions } from "./Sessions.ts"
import type { ClientView, DashboardCounts, NodeView, ServiceDetail, ServiceSummary } from "./Views.ts"

const countClients = (clients: ReadonlyArray<ClientView>, revision: number | null) => ({
  total: clients.length,
  current: clients.filter((client) => revision !== null && client.revision === revision).length,
  failed: clients.filter((client) => client.error !== null).length,
})

const byService = <A extends { readonly serviceId: string }>(rows: ReadonlyArray<A>) => {
  const found = new Map<string, Array<A>>()
  for (const row of rows) {
    const here = found.get(row.serviceId) ?? []
    here.push(row)
    found.set(row.serviceId, here)
  }
  return found
}

/** The node of an address: the one that is not revoked, otherwise the one that was. */
const nodesByIp = (nodes: ReadonlyArray<Node>) => {
  const found = new Map<string, Node>()
  for (const node of nodes) if (node.revokedAt === null || !found.has(node.ip)) found.set(node.ip, node)
  return found
}

type Seen = { readonly ip: string; readonly seen: Observed }
const troubleOf = (worst: Seen | undefined): ServiceSummary["trouble"] =>
  worst?.seen.problem === undefined
    ? null
    : { at: worst.ip, problem: worst.seen.problem, since: worst.seen.since ?? null }

const sentenceOf = (problem: Problem | null) => (problem === null ? null : problemSentence(problem))

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)

const workersOf = (session: SessionState) =>
  (session.status?.processes ?? [])
    .filter((process) => process.desired === "running")
    .flatMap((process) => process.workers)

const make = Effect.gen(function* () {
  const board = yield* ActionBoard
  const clients = yield* ClientsRepo
  const deliveries = yield* Deliveries
  const desired = yield* Desired
  const lists = yield* ListsRepo
  const nodes = yield* NodesRepo
  const sessions = yield* Sessions

  const connectionOf = (ip: string, node: Node | undefined): ClientView["connection"] =>
    sessions.at(ip)?.connection ?? (node === undefined ? "not-joined" : "revoked")

  const failureOf = (client: Client, ack: Ack | undefined): Pick<ClientView, "error" | "nextTryAt"> => {
    const { reason } = deliveries.ofClient(client.serviceId, client.id)
    const problem = reason ?? (typeof ack?.error === "string" ? readProblem(ack.error) : null)
    if (problem === null) return { error: null, nextTryAt: null }
    const at = ack?.errorAt ?? deliveries.job(client.serviceId)?.startedAt ?? client.createdAt
    return {
      error: { problem, message: problemSentence(problem), at },
      nextTryAt: sessions.at(client.ip)?.nextTryAt ?? null,
    }
  }

  const clientView = (client: Client, stored: Ack | undefined, node: Node | undefined): ClientView => {
    const session = sessions.at(client.ip)
    // What another node at this address has acked says nothing of the one that is there now.
    const ack = session === undefined || stored?.nodeId === session.node.id ? stored : undefined
    const { ackedAt, revision, tookMs } = ack ?? { ackedAt: null, revision: null, tookMs: null }
    return {
      id: client.id,
      ip: client.ip,
      nodeId: node?.id ?? null,
      nodeName: node?.name ?? null,
      createdBy: client.createdBy,
      createdAt: client.createdAt,
      connection: connectionOf(client.ip, node),
      revision,
      ackedAt,
      tookMs,
      ...failureOf(client, ack),
      job: deliveries.ofClient(client.serviceId, client.id).state,
    }
  }

  /** Where it is to run without an endpoint. */
  const nowhere = (stored: StoredSpec | undefined, list: ReleasedList | undefined) =>
    stored === undefined
      ? []
      : spotsOf(stored, list?.endpoints ?? [])
          .filter(({ ip, listen }) => listen === null && planAt(stored, ip) !== undefined)
          .map(({ ip }) => ({ ip, seen: observeNowhere(sessions.at(ip), stored.spec.service) }))

  const summary = (
    service: Service,
    list: ReleasedList | undefined,
    stored: StoredSpec | undefined,
    clients: ReadonlyArray<ClientView>,
  ): ServiceSummary => {
    // What an operator has stopped is switched off, not out of order.
    const isStopped = (ip: string) => stored !== undefined && planAt(stored, ip)?.desired === "stopped"
    const endpoints = (list?.endpoints ?? []).map(({ ip, port, status, weight }) => ({
      ip,
      online: status === "online",
      seen: observe(sessions.at(ip), { service: service.name, kernel: service.kernel }, { ip, port, status, weight }),
    }))
    const online = endpoints.filter((endpoint) => endpoint.online)
    const places = [...online, ...nowhere(stored, list)]
    const revision = list?.revision ?? null
    // One that is known to be down tells more than one of which nothing is known.
    const worst = places
      .filter(({ ip, seen }) => !isStopped(ip) && seen.state !== "up" && seen.problem !== undefined)
      .toSorted((a, b) => Number(b.seen.state === "down") - Number(a.seen.state === "down"))[0]
    return {
      id: service.id,
      name: service.name,
      description: service.description,
      kernel: service.kernel,
      health: healthOf(places.map(({ ip, seen }) => ({ online: !isStopped(ip), state: seen.state }))),
      revision,
      endpoints: {
        total: endpoints.length,
        online: online.length,
        up: online.filter((endpoint) => endpoint.seen.state === "up").length,
      },
      trouble: troubleOf(worst),
      clients: countClients(clients, revision),
      modifiedAt: service.modifiedAt,
      modifiedBy: service.modifiedBy,
      createdBy: service.createdBy,
      processes: stored === undefined ? null : processSummary(stored, list?.endpoints ?? [], sessions.at),
    }
  }

  const clientsOf = Effect.fnUntraced(function* (serviceId: string) {
    const acks = new Map((yield* clients.acksOf(serviceId)).map((ack) => [ack.clientId, ack]))
    const nodeOf = nodesByIp(yield* nodes.list)
    // Those that were added together are in the order of their addresses.
    const ordered = (yield* clients.of(serviceId)).toSorted(
      (a, b) => a.createdAt - b.createdAt || a.ip.localeCompare(b.ip, "en", { numeric: true }),
    )
    return ordered.map((client) => clientView(client, acks.get(client.id), nodeOf.get(client.ip)))
  })

  const list = Effect.gen(function* () {
    const { released, services, specs } = yield* desired.index
    const acks = new Map((yield* clients.allAcks).map((ack) => [ack.clientId, ack]))
    const nodeOf = nodesByIp(yield* nodes.list)
    const grouped = byService(yield* clients.all)
    return services.map((service) => {
      const views = (grouped.get(service.id) ?? []).map((client) =>
        clientView(client, acks.get(client.id), nodeOf.get(client.ip)),
      )
      return summary(service, released.get(service.id), specs.get(service.id), views)
    })
  })

  const detail = Effect.fnUntraced(function* (service: Service, index: Index) {
    const released = index.released.get(service.id)
    const stored = index.specs.get(service.id)
    const draft = yield* lists.draft(service.id)
    const nodeOf = nodesByIp(yield* nodes.list)
    const clientsList = yield* clientsOf(service.id)
    const place = { service: service.name, kernel: service.kernel }
    const found: ServiceDetail = {
      ...summary(service, released, stored, clientsList),
      tls: service.tls,
      createdAt: service.createdAt,
      hasDraft: draft !== undefined,
      endpointsList: (released?.endpoints ?? []).map((endpoint) =>
        endpointView(sessions.at(endpoint.ip), nodeOf.get(endpoint.ip)?.name ?? null, place, endpoint),
      ),
      clientsList,
      process:
        stored === undefined
          ? null
          : processView(stored, released?.endpoints ?? [], {
              sessionAt: sessions.at,
              nameAt: (ip) => nodeOf.get(ip)?.name ?? "",
              board,
            }),
      releasedAt: released?.releasedAt ?? null,
      releasedBy: released?.releasedBy ?? null,
      draft: draft?.endpoints ?? null,
    }
    return found
  })

  const find = Effect.fnUntraced(function* (key: "id" | "name", value: string) {
    const index = yield* desired.index
    const service = index.services.find((one) => one[key] === value)
    return service === undefined ? yield* new NotFound({ what: "service", id: value }) : yield* detail(service, index)
  })

  const named = Effect.fn("Overview.named")(function* (name: string) {
    const found = (yield* desired.index).services.find((service) => service.name === name)
    return found ?? (yield* new NotFound({ what: "service", id: name }))
  })

  const nodeView = (node: Node, services: number): NodeView => {
    const unknown = {
      connection: "never",
      since: node.joinedAt,
      problem: null,
      nextTryAt: null,
      status: undefined,
    } as const
    const { connection, nextTryAt, problem, since, status } = sessions.get(node.id) ?? unknown
    return {
      id: node.id,
      name: node.name,
      ip: node.ip,
      port: node.port,
      connection: node.revokedAt === null ? connection : "revoked",
      since: node.revokedAt ?? since,
      error: sentenceOf(problem),
      problem,
      nextTryAt,
      version: status?.version ?? node.version,
      cpus: status?.cpus ?? null,
      joinedAt: node.joinedAt,
      revokedAt: node.revokedAt,
      services,
      lastSeenAt: node.lastSeenAt,
      notices: status?.notices ?? [],
    }
  }

  return Overview.of({
    list,
    get: Effect.fn("Overview.get")((id: string) => find("id", id)),
    byName: Effect.fn("Overview.byName")((name: string) => find("name", name)),
    named,
    clientsOf,
    nodes: Effect.gen(function* () {
      const { atAddress } = yield* desired.index
      return (yield* nodes.list).map((node) =>
        nodeView(node, atAddress.get(node.ip)?.filter((one) => !one.kernel).length ?? 0),
      )
    }),
    counts: Effect.gen(function* () {
      const all = yield* list
      const open = sessions.all()
      const workers = open.flatMap(workersOf)
      const health = (wanted: ServiceSummary["health"]) => all.filter((one) => one.health === wanted).length
      const counts: DashboardCounts = {
        services: {
          total: all.length,
          healthy: health("healthy"),
          degraded: health("degraded"),
          down: health("down"),
        },
        nodes: {
          total: open.length,
          connected: open.filter((session) => session.connection === "connected").length,
        },
        endpoints: {
          total: sum(all.map((one) => one.endpoints.total)),
          online: sum(all.map((one) => one.endpoints.online)),
          up: sum(all.map((one) => one.endpoints.up)),
        },
        clients: {
          total: sum(all.map((one) => one.clients.total)),
          current: sum(all.map((one) => one.clients.current)),
          failed: sum(all.map((one) => one.clients.failed)),
        },
        workers: { ready: workers.filter((worker) => worker.state === "RUNNING").length, want: workers.length },
      }
      return counts
    }),
  })
})

/** What pages and the API show: a few queries and what the sessions know, never a query for each row. */
export class Overview extends Context.Service<
  Overview,
  {
    readonly list: Effect.Effect<ReadonlyArray<ServiceSummary>>
    readonly get: (id: string) => Effect.Effect<ServiceDetail, NotFound>
    readonly byName: (name: string) => Effect.Effect<ServiceDetail, NotFound>
    /** No more than what is in its row: most often without a query. */
    readonly named: (name: string) => Effect.Effect<Service, NotFound>
    readonly clientsOf: (serviceId: string) => Effect.Effect<ReadonlyArray<ClientView>>
    readonly nodes: Effect.Effect<ReadonlyArray<NodeView>>
    readonly counts: Effect.Effect<DashboardCounts>
  }
>()("muster/manager/fleet/Overview") {
  static readonly layer = Layer.effect(Overview, make)
}
