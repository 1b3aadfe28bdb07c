import { Clock, Data, Deferred, Effect, Queue, Random, Semaphore } from "effect"
import { backoffDelay, sessionBackoff } from "../../domain/Backoff.ts"
import { endpointKey } from "../../domain/Endpoint.ts"
import { type Problem, problemSentence } from "../../domain/Problem.ts"
import type { EndpointList } from "../../domain/EndpointList.ts"
import type { TlsMaterial } from "../../platform/Transport.ts"
import type { NodeStatus } from "../../protocol/NodeManager.ts"
import { type NodeAddress, NodeCallError, type NodeLink, openLink } from "./NodeLink.ts"
import type { Connection } from "./Views.ts"

/** A released list, and who answers for what it takes away. */
export type Delivery = {
  readonly list: EndpointList
  /** A person let this revision pass the guard. */
  readonly override: { readonly by: string; readonly reason: string } | undefined
}

export type Delivered = {
  /** What stands on the node's disk now: may be newer than what was sent. */
  readonly revision: number
  readonly applied: boolean
  /** From sending to the ack; null when nothing was sent, because the node had it. */
  readonly tookMs: number | null
}

/** There is no connection to the node. */
export class NodeAway extends Data.TaggedError("NodeAway")<{
  readonly problem: Problem
  readonly nextTryAt: number | null
}> {
  override get message() {
    return problemSentence(this.problem)
  }
}

/** A reload that the node could not be asked for, or did not answer. */
export type ReloadFailure = { readonly problem: Problem; readonly startedAt: number; readonly endedAt: number }

/** What the manager knows of one node now: written by its session alone, read by everyone. */
export type SessionState = {
  readonly node: NodeAddress
  connection: Connection
  since: number
  /** Why it is not connected. */
  problem: Problem | null
  nextTryAt: number | null
  status: NodeStatus | undefined
  link: NodeLink | undefined
  /** The revision of each list that stands on the node's disk, by service name. */
  readonly held: Map<string, number>
  /** The revisions of those that were told to the store over this connection. */
  readonly reported: Map<string, number>
  /** The revisions that are being sent: a status that shows them already is no surprise. */
  readonly sending: Map<string, number>
  readonly locks: Map<string, Semaphore.Semaphore>
  /** Of the last reload of each process set, when it is known to the manager alone. Written by Reloads. */
  readonly reloadFailures: Map<string, ReloadFailure>
  /** Why the node did not take what it has to run, the last time it was sent. */
  processesProblem: { readonly problem: Problem; readonly at: number } | null
  /** Says "compare now". */
  readonly wakes: Queue.Queue<void>
  /** The same for its cron tasks. */
  readonly cronWakes: Queue.Queue<void>
  /** Why its cron tasks are not as they should be, though it is connected. Written by CronSync. */
  cronProblem: Problem | null
  /** Done with the first connection. */
  readonly reached: Deferred.Deferred<void>
  /** Ends the connection that is open, with the reason. */
  broken: Deferred.Deferred<never, NodeCallError> | undefined
}

export const makeSession = Effect.fnUntraced(function* (node: NodeAddress) {
  const state: SessionState = {
    node,
    connection: "never",
    since: yield* Clock.currentTimeMillis,
    problem: null,
    nextTryAt: null,
    status: undefined,
    link: undefined,
    held: new Map(),
    reported: new Map(),
    sending: new Map(),
    locks: new Map(),
    reloadFailures: new Map(),
    processesProblem: null,
    wakes: yield* Queue.sliding<void>(1),
    cronWakes: yield* Queue.sliding<void>(1),
    cronProblem: null,
    reached: yield* Deferred.make<void>(),
    broken: undefined,
  }
  return state
})

const lockOf = (session: SessionState, service: string) => {
  const found = session.locks.get(service) ?? Semaphore.makeUnsafe(1)
  session.locks.set(service, found)
  return found
}

/** Why nothing can be sent, and when the next try is. */
export const awayError = (session: SessionState) =>
  new NodeAway({ problem: session.problem ?? { _tag: "NotReachedYet" }, nextTryAt: session.nextTryAt })

/** A node that joined a moment ago does not listen yet, and after its own start the manager has reached nobody yet. */
const firstTriesMs = 3_000

/** Waits while the first tries to connect are under way; returns at once when they have ended, well or not. */
export const firstTries = Effect.fnUntraced(function* (session: SessionState) {
  if (session.connection !== "never") return
  const left = session.since + firstTriesMs - (yield* Clock.currentTimeMillis)
  if (left > 0) yield* Effect.timeoutOption(Deferred.await(session.reached), left)
})

/** A call over the open connection. A node that doesn't answer in time is taken for gone: the session starts anew. */
export const overLink = <A>(session: SessionState, use: (link: NodeLink) => Effect.Effect<A, NodeCallError>) =>
  Effect.suspend((): Effect.Effect<A, NodeCallError | NodeAway> => {
    const { broken, link } = session
    if (link === undefined || broken === undefined) return Effect.fail(awayError(session))
    return Effect.tapError(use(link), (error) =>
      error.code === "deadline_exceeded" ? Deferred.fail(broken, error) : Effect.void,
    )
  })

/** The same where a late answer says nothing of the connection: the answer is no more than a look, or takes its time. */
export const askNode = <A>(session: SessionState, use: (link: NodeLink) => Effect.Effect<A, NodeCallError>) =>
  Effect.suspend((): Effect.Effect<A, NodeCallError | NodeAway> =>
    session.link === undefined ? Effect.fail(awayError(session)) : use(session.link),
  )

/**
 * The node's own guard compares with what it holds. Where it lacks revisions in between, of which each was guarded by
 * itself, the sum may look like a big loss: then the releaser answers for it.
 */
const overrideFor = (delivery: Delivery, held: number | undefined) => {
  if (delivery.override !== undefined) return { override: delivery.override }
  const { releasedBy, revision } = delivery.list
  if (held === revision - 1) return {}
  const reason = `Each step up to revision ${revision} passed the guard; this node has ${held === undefined ? "none" : `revision ${held}`}`
  return { override: { by: releasedBy, reason } }
}

/** Sends a list unless the node has it or a newer one; one at a time for each service, so never an older after a newer. */
export const deliver = (session: SessionState, delivery: Delivery) =>
  Effect.suspend(() => {
    const { list } = delivery
    return lockOf(session, list.service).withPermit(
      Effect.gen(function* () {
        const held = session.held.get(list.service)
        if (session.link !== undefined && held !== undefined && held >= list.revision)
          return { revision: held, applied: false, tookMs: null } satisfies Delivered
        const from = yield* Clock.currentTimeNanos
        session.sending.set(list.service, list.revision)
        const ack = yield* overLink(session, (link) => link.applyList({ list, ...overrideFor(delivery, held) })).pipe(
          Effect.ensuring(Effect.sync(() => session.sending.delete(list.service))),
        )
        const tookMs = Number((yield* Clock.currentTimeNanos) - from) / 1e6
        session.held.set(list.service, Math.max(ack.revision, session.held.get(list.service) ?? 0))
        return { revision: ack.revision, applied: ack.applied, tookMs } satisfies Delivered
      }),
    )
  })

/** Takes a service's file off the node. */
export const takeAway = (session: SessionState, service: string) =>
  lockOf(session, service).withPermit(
    Effect.tap(
      overLink(session, (link) => link.removeList(service)),
      () => Effect.sync(() => session.held.delete(service)),
    ),
  )

/** What a session needs of the rest: what the node should have, and who wants to know. */
export type SessionDuties = {
  readonly tls: Effect.Effect<TlsMaterial>
  /** Compares and sends the difference. True: nothing is left to do. */
  readonly reconcile: (session: SessionState) => Effect.Effect<boolean, NodeCallError | NodeAway>
  /** The same for its cron tasks, which may take as long as their runs take to end. */
  readonly reconcileCron: (session: SessionState) => Effect.Effect<boolean, NodeCallError | NodeAway>
  readonly changed: (session: SessionState, what: "connection" | "status") => Effect.Effect<void>
  readonly seen: (session: SessionState, at: number) => Effect.Effect<void>
}

/** Whether a node's word on its cron tasks is another. */
const cronDiffers = (before: NodeStatus | undefined, { cron, cronRevision }: NodeStatus) =>
  before?.cronRevision !== cronRevision || JSON.stringify(before.cron) !== JSON.stringify(cron)

/** Takes over what the node says of itself. True: something that is sent to it is not as it was known here. */
const adopt = (session: SessionState, status: NodeStatus) => {
  const before = session.status
  if (cronDiffers(before, status)) Queue.offerUnsafe(session.cronWakes, undefined)
  const known = new Map(session.held)
  session.status = status
  const listed = new Map<string, number>(status.lists.map(({ revision, service }) => [service, revision]))
  for (const service of session.held.keys()) if (!listed.has(service)) session.held.delete(service)
  // An ack may have overtaken the answer of an older question.
  for (const [service, revision] of listed)
    session.held.set(service, Math.max(revision, session.held.get(service) ?? 0))
  const names = new Set([...known.keys(), ...session.held.keys()])
  const sameLists = [...names].every((name) => {
    const at = session.held.get(name)
    return at === known.get(name) || at === session.sending.get(name)
  })
  return (
    !sameLists ||
    before?.processesRevision !== status.processesRevision ||
    before.trustRevision !== status.trustRevision
  )
}

const poll = Effect.fnUntraced(function* (session: SessionState, link: NodeLink, duties: SessionDuties) {
  let seq = session.status?.seq ?? 0
  for (;;) {
    const status = yield* link.nextStatus(seq)
    yield* duties.seen(session, yield* Clock.currentTimeMillis)
    if (status.seq === seq) continue
    seq = status.seq
    const surprising = adopt(session, status)
    yield* duties.changed(session, "status")
    if (surprising) yield* Queue.offer(session.wakes, undefined)
  }
})

/** Compares again and again: when it is woken, and after a failure. */
const compareCron = Effect.fnUntraced(function* (session: SessionState, duties: SessionDuties) {
  let failures = 0
  for (;;) {
    const done = yield* duties.reconcileCron(session)
    failures = done ? 0 : failures + 1
    if (done) yield* Queue.take(session.cronWakes)
    else {
      const delayMs = backoffDelay({ ...sessionBackoff, capMs: 30_000 }, failures, yield* Random.next)
      yield* Effect.timeoutOption(Queue.take(session.cronWakes), delayMs)
    }
  }
})

const compare = Effect.fnUntraced(function* (session: SessionState, duties: SessionDuties) {
  let failures = 0
  for (;;) {
    const done = yield* duties.reconcile(session)
    failures = done ? 0 : failures + 1
    if (done) yield* Queue.take(session.wakes)
    else {
      const delayMs = backoffDelay({ ...sessionBackoff, capMs: 30_000 }, failures, yield* Random.next)
      session.nextTryAt = (yield* Clock.currentTimeMillis) + delayMs
      yield* duties.changed(session, "status")
      yield* Effect.timeoutOption(Queue.take(session.wakes), delayMs)
      session.nextTryAt = null
    }
  }
})

/** From connecting to the end of the connection; always ends with the reason. */
const oneConnection = Effect.fnUntraced(function* (session: SessionState, duties: SessionDuties) {
  const link = yield* openLink(session.node, yield* duties.tls)
  const status = yield* link.status
  if (status.nodeId !== session.node.id)
    return yield* new NodeCallError({
      code: "failed_precondition",
      message: `It says it is node ${status.nodeId}`,
      details: null,
      is: { _tag: "OtherNode", at: endpointKey(session.node), nodeId: status.nodeId },
    })
  session.held.clear()
  session.processesProblem = null
  // What failed since the last connection may be stored over what was told then: all is told again.
  session.reported.clear()
  adopt(session, status)
  const broken = yield* Deferred.make<never, NodeCallError>()
  Object.assign(session, { link, broken, connection: "connected", problem: null, nextTryAt: null })
  session.since = yield* Clock.currentTimeMillis
  yield* Deferred.succeed(session.reached, undefined)
  yield* duties.seen(session, session.since)
  yield* duties.changed(session, "connection")
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => Object.assign(session, { link: undefined, broken: undefined, status: undefined })),
  )
  return yield* Effect.raceAllFirst([
    poll(session, link, duties),
    compare(session, duties),
    compareCron(session, duties),
    Deferred.await(broken),
  ])
}, Effect.scoped)

/** A fault of this program, or of the database, must not end the care for a node. */
const asCallError = (session: SessionState) =>
  Effect.fnUntraced(function* (defect: unknown) {
    yield* Effect.logError(`The session with node ${session.node.id} failed, and starts again`, defect)
    return yield* new NodeCallError({
      code: "internal",
      message: "The manager failed",
      details: null,
      is: { _tag: "ManagerFailed" },
    })
  })

/** Keeps one node as it should be, for ever: connect, compare, send the difference, listen, and again after a break. */
export const runSession = Effect.fnUntraced(function* (session: SessionState, duties: SessionDuties) {
  let failures = 0
  for (;;) {
    const from = yield* Clock.currentTimeMillis
    const cause = yield* Effect.flip(Effect.catchDefect(oneConnection(session, duties), asCallError(session)))
    const now = yield* Clock.currentTimeMillis
    failures = now - from >= sessionBackoff.resetAfterMs ? 1 : failures + 1
    const delayMs = backoffDelay(sessionBackoff, failures, yield* Random.next)
    if (session.connection === "connected") session.since = now
    session.connection = session.connection === "never" ? "never" : "away"
    session.problem =
      cause._tag === "NodeAway"
        ? cause.problem
        : (cause.is ?? { _tag: "NoConnection", at: endpointKey(session.node), detail: cause.message })
    session.nextTryAt = now + delayMs
    yield* duties.changed(session, "connection")
    yield* Effect.sleep(delayMs)
  }
})
