import { Clock, Context, Deferred, Effect, Exit, Layer, Queue } from "effect"
import { type Problem, writeProblem } from "../../domain/Problem.ts"
import { DeliveriesRepo, type Outcome } from "../store/DeliveriesRepo.ts"
import { Changes } from "./Changes.ts"
import type { DeliveryState, PushJob } from "./Views.ts"

/** Acks that come within this time are stored in one transaction. */
const batchMs = 10
/** The database is away: tried again so often, for some minutes; nodes tell what they have at their next connection. */
const storeAgainMs = 1_000
const storeTriesMax = 300

type Board = {
  readonly job: Omit<PushJob, "total" | "ok" | "failed" | "left">
  readonly states: Map<string, DeliveryState>
  readonly nextTryAt: Map<string, number | null>
  readonly reasons: Map<string, Problem>
}

export type Recorded = {
  readonly clientId: string
  readonly serviceId: string
  readonly nodeId: string
  readonly revision: number
  readonly tookMs: number | null
}

export type Failure = {
  readonly clientId: string
  readonly serviceId: string
  /** `undefined`: no node has this address, so there is nobody to store it for. */
  readonly nodeId: string | undefined
  readonly problem: Problem
  readonly nextTryAt: number | null
}

const countOf = (board: Board): PushJob => {
  let [ok, failed, left] = [0, 0, 0]
  for (const state of board.states.values()) {
    if (state === "ok") ok++
    else if (state === "queued" || state === "sending") left++
    else failed++
  }
  return { ...board.job, total: board.states.size, ok, failed, left }
}

const make = Effect.gen(function* () {
  const repo = yield* DeliveriesRepo
  const changes = yield* Changes
  const boards = new Map<string, Board>()
  const outcomes = yield* Queue.unbounded<Outcome | Deferred.Deferred<void>>()
  /** Taken from the queue, and not stored yet. */
  const batch: Array<Outcome | Deferred.Deferred<void>> = []

  const store = Effect.gen(function* () {
    batch.push(...(yield* Queue.clear(outcomes)))
    const rows = batch.filter((item): item is Outcome => "clientId" in item)
    if (rows.length > 0) yield* repo.record(rows)
    for (const item of batch.splice(0)) if (!("clientId" in item)) yield* Deferred.succeed(item, undefined)
    for (const serviceId of new Set(rows.map((row) => row.serviceId))) yield* changes.publish(`service:${serviceId}`)
  })

  const storeInTheEnd = Effect.gen(function* () {
    for (let tries = 1; tries <= storeTriesMax; tries++) {
      const exit = yield* Effect.exit(store)
      if (Exit.isSuccess(exit)) return
      if (tries === 1) yield* Effect.logError("Cannot store the outcome of deliveries yet", exit.cause)
      yield* Effect.sleep(storeAgainMs)
    }
    for (const item of batch.splice(0)) if (!("clientId" in item)) yield* Deferred.succeed(item, undefined)
  })

  yield* Effect.gen(function* () {
    batch.push(yield* Queue.take(outcomes))
    yield* Effect.sleep(batchMs)
    yield* storeInTheEnd
  }).pipe(Effect.forever, Effect.forkScoped)
  // What was acked is stored, also when the manager is just stopping.
  yield* Effect.addFinalizer(() =>
    Effect.catchCause(store, (cause) => Effect.logError("Cannot store the outcome of deliveries", cause)),
  )

  const enter = Effect.fnUntraced(function* (serviceId: string, clientId: string, state: DeliveryState) {
    const board = boards.get(serviceId)
    if (board?.states.has(clientId) !== true) return
    board.states.set(clientId, state)
    yield* changes.publish(`service:${serviceId}`)
  })

  const acked = Effect.fnUntraced(function* (ack: Recorded) {
    const at = yield* Clock.currentTimeMillis
    const board = boards.get(ack.serviceId)
    if (board !== undefined && ack.revision >= board.job.revision) {
      board.nextTryAt.delete(ack.clientId)
      board.reasons.delete(ack.clientId)
      yield* enter(ack.serviceId, ack.clientId, "ok")
    }
    yield* Queue.offer(outcomes, { ...ack, at, error: null })
  })

  const failed = Effect.fnUntraced(function* (failure: Failure) {
    const { clientId, nextTryAt, nodeId, problem, serviceId } = failure
    const at = yield* Clock.currentTimeMillis
    const board = boards.get(serviceId)
    board?.nextTryAt.set(clientId, nextTryAt)
    board?.reasons.set(clientId, problem)
    const state = board?.states.get(clientId)
    if (state === "queued" || state === "sending") yield* enter(serviceId, clientId, "failed")
    if (nodeId === undefined) return
    const error = writeProblem(problem)
    yield* Queue.offer(outcomes, { clientId, serviceId, nodeId, at, revision: null, tookMs: null, error })
  })

  return Deliveries.of({
    acked,
    failed,
    flushed: Effect.gen(function* () {
      const done = yield* Deferred.make<void>()
      yield* Queue.offer(outcomes, done)
      yield* Deferred.await(done)
    }),
    begin: (job) =>
      Effect.suspend(() => {
        const states = new Map(job.clientIds.map((id) => [id, "queued" as DeliveryState]))
        boards.set(job.serviceId, { job: { ...job, endedAt: null }, states, nextTryAt: new Map(), reasons: new Map() })
        return changes.publish(`service:${job.serviceId}`)
      }),
    enter,
    end: Effect.fnUntraced(function* (serviceId: string) {
      const board = boards.get(serviceId)
      if (board === undefined) return
      boards.set(serviceId, { ...board, job: { ...board.job, endedAt: yield* Clock.currentTimeMillis } })
      yield* changes.publish(`service:${serviceId}`)
      yield* changes.publish("services")
    }),
    forget: (serviceId) =>
      Effect.suspend(() => {
        const board = boards.get(serviceId)
        if (board === undefined || board.job.endedAt === null) return Effect.void
        boards.delete(serviceId)
        return changes.publish(`service:${serviceId}`)
      }),
    job: (serviceId) => {
      const board = boards.get(serviceId)
      return board === undefined ? undefined : countOf(board)
    },
    ofClient: (serviceId, clientId) => {
      const board = boards.get(serviceId)
      return {
        state: board?.states.get(clientId) ?? null,
        nextTryAt: board?.nextTryAt.get(clientId) ?? null,
        reason: board?.reasons.get(clientId) ?? null,
      }
    },
  })
})

/** Outcomes of deliveries: live for those who watch, in batches for the store. Who sends does not wait for it. */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    readonly acked: (ack: Recorded) => Effect.Effect<void>
    readonly failed: (failure: Failure) => Effect.Effect<void>
    /** Waits until all that was told before is stored. */
    readonly flushed: Effect.Effect<void>
    /** A push job begins; all its clients are queued. */
    readonly begin: (job: Omit<PushJob, "total" | "ok" | "failed" | "left" | "endedAt">) => Effect.Effect<void>
    readonly enter: (serviceId: string, clientId: string, state: DeliveryState) => Effect.Effect<void>
    readonly end: (serviceId: string) => Effect.Effect<void>
    readonly forget: (serviceId: string) => Effect.Effect<void>
    readonly job: (serviceId: string) => PushJob | undefined
    readonly ofClient: (
      serviceId: string,
      clientId: string,
    ) => { readonly state: DeliveryState | null; readonly nextTryAt: number | null; readonly reason: Problem | null }
  }
>()("muster/manager/fleet/Deliveries") {
  static readonly layer = Layer.effect(Deliveries, make)
}
