import { Clock, Context, Effect, Fiber, FiberMap, Layer, Queue } from "effect"
import type { Due } from "../store/DeliveriesRepo.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { Authority } from "./Authority.ts"
import { Changes } from "./Changes.ts"
import { CronSync } from "./cron/CronSync.ts"
import { Deliveries } from "./Deliveries.ts"
import { Desired, type DesiredProcesses, type DesiredTrust } from "./Desired.ts"
import type { NodeAddress, NodeCallError } from "./NodeLink.ts"
import {
  deliver,
  type Delivered,
  makeSession,
  type NodeAway,
  overLink,
  runSession,
  type SessionDuties,
  type SessionState,
  takeAway,
} from "./NodeSession.ts"

/** "Last seen" is for a person to read: once in this time is enough. */
const seenEveryMs = 30_000
/** Lists that are sent to one node at a time. */
const listsAtOnce = 8

export type Recipient = Pick<Due, "clientId" | "service" | "serviceId">
type Settled = Pick<Delivered, "revision" | "tookMs">

/** Nothing was decided about the request itself: the connection is no good. */
const isBroken = (error: NodeCallError | NodeAway) =>
  error._tag === "NodeAway" || error.code === "unavailable" || error.code === "deadline_exceeded"

const make = Effect.gen(function* () {
  const authority = yield* Authority
  const changes = yield* Changes
  const cron = yield* CronSync
  const deliveries = yield* Deliveries
  const desired = yield* Desired
  const nodes = yield* NodesRepo
  const fibers = yield* FiberMap.make<string, void>()
  const byId = new Map<string, SessionState>()
  const byIp = new Map<string, SessionState>()
  const storedSeen = new Map<string, number>()

  /** False when the node refused it: then it is recorded, and tried again later. */
  const keepGoing = (effect: Effect.Effect<unknown, NodeCallError | NodeAway>, what: string) =>
    effect.pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => !isBroken(error),
        (error) => Effect.as(Effect.logWarning(`${what}: ${error.message}`), false),
      ),
    )

  const settle = Effect.fnUntraced(function* (session: SessionState, to: Recipient, sent: Settled) {
    const { clientId, service, serviceId } = to
    const { revision, tookMs } = sent
    const nodeId = session.node.id
    session.reported.set(service, revision)
    const newest = (yield* desired.index).released.get(serviceId)?.revision ?? 0
    // The index may be older than a release that was committed a moment ago.
    const isOurs = revision <= newest || (yield* desired.delivery(serviceId, revision)) !== undefined
    if (isOurs) return yield* deliveries.acked({ clientId, serviceId, nodeId, revision, tookMs })
    const problem = { _tag: "Ahead", revision, newest } as const
    return yield* deliveries.failed({ clientId, serviceId, nodeId, problem, nextTryAt: null })
  })

  const sendList = Effect.fnUntraced(function* (session: SessionState, due: Due, revision: number) {
    const delivery = yield* desired.delivery(due.serviceId, revision)
    if (delivery === undefined) return
    const { clientId, serviceId } = due
    const nodeId = session.node.id
    const sent = yield* deliver(session, delivery).pipe(
      Effect.tapError((error) =>
        deliveries.failed({ clientId, serviceId, nodeId, problem: error.problem, nextTryAt: session.nextTryAt }),
      ),
    )
    yield* settle(session, due, sent)
  })

  const settleList = Effect.fnUntraced(function* (session: SessionState, due: Due) {
    const held = session.held.get(due.service)
    const { pushedRevision } = due
    if (pushedRevision !== null && (held ?? 0) < pushedRevision)
      return yield* keepGoing(
        sendList(session, due, pushedRevision),
        `Node ${session.node.id} refused revision ${pushedRevision} of ${due.service}`,
      )
    const known = due.nodeId === session.node.id && due.ackedRevision === held && due.error === null
    if (held !== undefined && !known && session.reported.get(due.service) !== held)
      yield* settle(session, due, { revision: held, tookMs: null })
    return true
  })

  const settleTrust = Effect.fnUntraced(function* (session: SessionState, trust: DesiredTrust) {
    if (session.status === undefined || session.status.trustRevision >= trust.revision) return true
    const apply = overLink(session, (link) => link.applyTrust(trust))
    const done = yield* keepGoing(apply, `Node ${session.node.id} refused the trust list`)
    if (done && session.status !== undefined) session.status = { ...session.status, trustRevision: trust.revision }
    return done
  })

  const settleProcesses = Effect.fnUntraced(function* (session: SessionState, set: DesiredProcesses) {
    if (session.status === undefined || session.status.processesRevision >= set.revision) return true
    const apply = overLink(session, (link) => link.applyProcesses(set)).pipe(
      Effect.tapError((error) =>
        Effect.map(Clock.currentTimeMillis, (at) => {
          session.processesProblem = { problem: error.problem, at }
        }),
      ),
      Effect.tap(() => Effect.sync(() => (session.processesProblem = null))),
    )
    const done = yield* keepGoing(apply, `Node ${session.node.id} refused its processes`)
    if (done && session.status !== undefined) session.status = { ...session.status, processesRevision: set.revision }
    return done
  })

  const reconcile = Effect.fn("Sessions.reconcile")(function* (session: SessionState) {
    const isTrusted = yield* settleTrust(session, yield* desired.trustOf(session.node))
    // Sent first, as somebody may wait for a process to start; what the node does with it may take longer than the lists.
    const running = yield* Effect.forkChild(settleProcesses(session, yield* desired.processesOf(session.node)), {
      startImmediately: true,
    })
    const { due, gone } = yield* desired.listsOf(session.node)
    const there = gone.filter((service) => session.held.has(service))
    const lists = [
      ...(yield* Effect.forEach(due, (one) => settleList(session, one), { concurrency: listsAtOnce })),
      ...(yield* Effect.forEach(there, (name) => keepGoing(takeAway(session, name), `Cannot remove the list ${name}`))),
    ]
    return isTrusted && lists.every(Boolean) && (yield* Fiber.join(running))
  })

  /** Tasks that a node has let go of are waited for elsewhere. */
  const reconcileCron = Effect.fn("Sessions.reconcileCron")(function* (session: SessionState) {
    const { done, freed } = yield* cron.settle(session)
    yield* wakeCron(freed)
    return done
  })

  const announce = Effect.fnUntraced(function* (session: SessionState, what: "connection" | "status") {
    yield* changes.publish("nodes")
    yield* changes.publish("services")
    const { atAddress, services } = yield* desired.index
    yield* cron.announce(session)
    // The connection is shown for clients too, the status only where the node's own endpoints are.
    const concerned = what === "connection" ? services : (atAddress.get(session.node.ip) ?? [])
    for (const service of concerned) yield* changes.publish(`service:${service.id}`)
  })

  const duties: SessionDuties = {
    tls: authority.manager,
    reconcile,
    reconcileCron,
    changed: (session, what) =>
      Effect.catchCause(announce(session, what), (cause) => Effect.logError("Cannot tell a change of a node", cause)),
    seen: Effect.fnUntraced(function* (session: SessionState, at: number) {
      const before = storedSeen.get(session.node.id)
      if (before !== undefined && at - before < seenEveryMs) return
      storedSeen.set(session.node.id, at)
      yield* nodes.seen(session.node.id, session.status?.version ?? "")
    }),
  }

  const end = Effect.fn("Sessions.end")(function* (nodeId: string) {
    yield* FiberMap.remove(fibers, nodeId)
    const session = byId.get(nodeId)
    byId.delete(nodeId)
    if (session !== undefined && byIp.get(session.node.ip) === session) byIp.delete(session.node.ip)
  })

  const begin = Effect.fn("Sessions.begin")(function* (node: NodeAddress) {
    yield* end(node.id)
    const session = yield* makeSession(node)
    byId.set(node.id, session)
    byIp.set(node.ip, session)
    yield* FiberMap.run(fibers, node.id, runSession(session, duties))
  })

  for (const { id, ip, joinedAt, port } of yield* nodes.active) yield* begin({ id, ip, joinedAt, port })

  const wakeCron = (ips: Iterable<string>) =>
    Effect.sync(() => {
      const wanted = new Set(ips)
      for (const { cronWakes, node } of byId.values()) if (wanted.has(node.ip)) Queue.offerUnsafe(cronWakes, undefined)
    })

  const wakeOne = (session: SessionState | undefined) =>
    session === undefined ? Effect.void : Effect.asVoid(Queue.offer(session.wakes, undefined))

  return Sessions.of({
    begin,
    end,
    get: (nodeId) => byId.get(nodeId),
    at: (ip) => byIp.get(ip),
    all: () => [...byId.values()],
    wake: (ips) => Effect.forEach(ips, (ip) => wakeOne(byIp.get(ip)), { discard: true }),
    settle,
    wakeCron,
    wakeAll: Effect.suspend(() => Effect.forEach(byId.values(), wakeOne, { discard: true })),
  })
})

/** One supervised session for each joined node that is not revoked. What they know is read without waiting. */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** Starts a node's session, in place of an earlier one. */
    readonly begin: (node: NodeAddress) => Effect.Effect<void>
    /** Returns when its connection is closed. */
    readonly end: (nodeId: string) => Effect.Effect<void>
    readonly get: (nodeId: string) => SessionState | undefined
    /** Of the node with this address. */
    readonly at: (ip: string) => SessionState | undefined
    readonly all: () => ReadonlyArray<SessionState>
    /** Records what stands on a node's disk now: an ack, or a revision that this manager never released. */
    readonly settle: (session: SessionState, to: Recipient, sent: Settled) => Effect.Effect<void>
    /** Has the nodes at these addresses compared with what they should be, now. */
    readonly wake: (ips: Iterable<string>) => Effect.Effect<void>
    /** The same for their cron tasks. */
    readonly wakeCron: (ips: Iterable<string>) => Effect.Effect<void>
    readonly wakeAll: Effect.Effect<void>
  }
>()("muster/manager/fleet/Sessions") {
  static readonly layer = Layer.effect(Sessions, make)
}
