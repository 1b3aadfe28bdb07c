import { Clock, Context, Effect, Fiber, FiberMap, Layer, Semaphore } from "effect"
import type { Problem } from "../../domain/Problem.ts"
import { type Client, ClientsRepo } from "../store/ClientsRepo.ts"
import { DeliveriesRepo } from "../store/DeliveriesRepo.ts"
import { ServicesRepo } from "../store/ServicesRepo.ts"
import { ListsRepo } from "../store/ListsRepo.ts"
import { Deliveries } from "./Deliveries.ts"
import { Desired } from "./Desired.ts"
import { NotFound, NothingToPush, PushRunning } from "./Errors.ts"
import { awayError, deliver, type Delivery, firstTries } from "./NodeSession.ts"
import { Sessions } from "./Sessions.ts"
import type { PushJob } from "./Views.ts"

/** Lists that are being written to connections at a time; a node that is slow to answer gives its place away. */
const sendsAtOnce = 64
const placeMs = 500

const make = Effect.gen(function* () {
  const clients = yield* ClientsRepo
  const deliveries = yield* Deliveries
  const desired = yield* Desired
  const lists = yield* ListsRepo
  const repo = yield* DeliveriesRepo
  const services = yield* ServicesRepo
  const sessions = yield* Sessions
  const jobs = yield* FiberMap.make<string, void>()
  const starting = yield* Semaphore.make(1)
  /** Services whose job a person has cancelled: a job that ends with the manager is not. */
  const cancelling = new Set<string>()

  const failed = (client: Client, problem: Problem, nextTryAt: number | null) => {
    const { id: clientId, ip, serviceId } = client
    return deliveries.failed({ clientId, serviceId, nodeId: sessions.at(ip)?.node.id, problem, nextTryAt })
  }

  const send = Effect.fnUntraced(function* (client: Client, delivery: Delivery) {
    const { id: clientId, ip, serviceId } = client
    const session = sessions.at(ip)
    if (session === undefined) return yield* failed(client, { _tag: "NotJoined", ip }, null)
    yield* firstTries(session)
    if (session.link === undefined) {
      const away = awayError(session)
      return yield* failed(client, away.problem, away.nextTryAt)
    }
    yield* deliveries.enter(serviceId, clientId, "sending")
    const { service } = delivery.list
    return yield* deliver(session, delivery).pipe(
      Effect.flatMap((sent) => sessions.settle(session, { clientId, serviceId, service }, sent)),
      Effect.catch((error) => failed(client, error.problem, session.nextTryAt)),
    )
  })

  /** Holds a place only as long as an answer is to be expected: nodes that hang must not hold up the others. */
  const inPlace = Effect.fnUntraced(function* (places: Semaphore.Semaphore, sending: Effect.Effect<void>) {
    yield* places.take(1)
    const fiber = yield* Effect.forkChild(sending, { startImmediately: true })
    yield* Effect.timeoutOption(Fiber.await(fiber), placeMs).pipe(Effect.ensuring(places.release(1)))
    yield* Fiber.join(fiber)
  })

  const cancelled = Effect.fnUntraced(function* (
    { serviceId, revision }: { readonly serviceId: string; readonly revision: number },
    chosen: ReadonlyArray<Client>,
    before: ReadonlyMap<string, number | null>,
  ) {
    // The manager stops: what is left is owed to the clients, and sent by the next one.
    if (!cancelling.has(serviceId)) return
    const open = chosen.filter(({ id }) => {
      const { state } = deliveries.ofClient(serviceId, id)
      return state === "queued" || state === "sending"
    })
    for (const { id } of open) yield* deliveries.enter(serviceId, id, "cancelled")
    const queued = new Set(open.map(({ id }) => id))
    yield* repo.unpush(new Map([...before].filter(([id]) => queued.has(id))), revision)
  })

  const run = Effect.fnUntraced(function* (
    delivery: Delivery,
    chosen: ReadonlyArray<Client>,
    before: ReadonlyMap<string, number | null>,
  ) {
    const serviceId = chosen[0]?.serviceId ?? ""
    const places = yield* Semaphore.make(sendsAtOnce)
    yield* Effect.forEach(chosen, (client) => inPlace(places, send(client, delivery)), {
      concurrency: "unbounded",
      discard: true,
    }).pipe(
      Effect.onInterrupt(() => cancelled({ serviceId, revision: delivery.list.revision }, chosen, before)),
      Effect.tapCause((cause) => Effect.logError("A push ended early", cause)),
      Effect.ensuring(Effect.andThen(deliveries.flushed, deliveries.end(serviceId))),
    )
    // Who could not be reached is tried again by its own session.
    const left = chosen.filter(({ id }) => deliveries.ofClient(serviceId, id).state !== "ok")
    yield* sessions.wake(left.map((client) => client.ip))
  })

  const choose = Effect.fnUntraced(function* (serviceId: string, clientIds: "all" | ReadonlyArray<string>) {
    const all = yield* clients.of(serviceId)
    if (clientIds === "all") return all
    const wanted = new Set(clientIds)
    const found = all.filter((client) => wanted.has(client.id))
    const missing = clientIds.find((id) => !found.some((client) => client.id === id))
    return missing === undefined ? found : yield* new NotFound({ what: "client", id: missing })
  })

  const begin = Effect.fnUntraced(function* (serviceId: string, clientIds: "all" | ReadonlyArray<string>, by: string) {
    const running = deliveries.job(serviceId)
    if (running !== undefined && running.endedAt === null)
      return yield* new PushRunning({ revision: running.revision, by: running.by, startedAt: running.startedAt })
    const service = yield* services.get(serviceId)
    const chosen = yield* choose(serviceId, clientIds)
    const released = yield* lists.released(serviceId)
    if (released === undefined) return yield* new NothingToPush({ reason: "nothing-released" })
    if (chosen.length === 0) return yield* new NothingToPush({ reason: "no-clients" })
    const { revision } = released
    const delivery = yield* desired.delivery(serviceId, revision)
    if (delivery === undefined) return yield* new NotFound({ what: "service", id: service.id })
    const chosenIds = chosen.map((client) => client.id)
    const before = yield* repo.push(serviceId, chosenIds, revision)
    const job = { serviceId, revision, by, startedAt: yield* Clock.currentTimeMillis, clientIds: chosenIds }
    yield* deliveries.begin(job)
    yield* FiberMap.remove(jobs, serviceId)
    yield* FiberMap.run(jobs, serviceId, run(delivery, chosen, before))
    return deliveries.job(serviceId) ?? { ...job, endedAt: null, total: chosen.length, ok: 0, failed: 0, left: 0 }
  })

  const start = Effect.fn("Pushes.start")((serviceId: string, clientIds: "all" | ReadonlyArray<string>, by: string) =>
    starting.withPermit(begin(serviceId, clientIds, by)),
  )

  const settled = Effect.fn("Pushes.settled")(function* (serviceId: string) {
    const fiber = yield* FiberMap.get(jobs, serviceId)
    if (fiber._tag === "Some") yield* Fiber.await(fiber.value)
    return deliveries.job(serviceId)
  })

  const follow = Effect.fn("Pushes.follow")(function* (serviceId: string, by: string) {
    const attempt = start(serviceId, "all", by).pipe(
      Effect.as(true),
      Effect.catchTag(["NotFound", "NothingToPush"], () => Effect.succeed(true)),
      Effect.catchTag("PushRunning", () => Effect.as(settled(serviceId), false)),
    )
    const untilStarted = Effect.gen(function* () {
      while (!(yield* attempt)) yield* Effect.yieldNow
    })
    if (!(yield* Effect.sync(() => deliveries.job(serviceId)?.endedAt === null))) return yield* untilStarted
    // The newest release is sent when the running job has ended, and whoever asked does not wait for it.
    yield* FiberMap.run(
      jobs,
      `${serviceId} next`,
      Effect.catchCause(untilStarted, (cause) => Effect.logError("A push after a change was not started", cause)),
    )
  })

  return Pushes.of({
    start,
    follow,
    settled,
    current: (serviceId) => Effect.sync(() => deliveries.job(serviceId)),
    cancel: Effect.fn("Pushes.cancel")(function* (serviceId: string) {
      cancelling.add(serviceId)
      yield* Effect.ensuring(
        FiberMap.remove(jobs, serviceId),
        Effect.sync(() => cancelling.delete(serviceId)),
      )
    }),
    close: Effect.fn("Pushes.close")((serviceId: string) => deliveries.forget(serviceId)),
  })
})

/** Push (下发): delivers the released revision to clients now, and collects their durable acks. One job per service. */
export class Pushes extends Context.Service<
  Pushes,
  {
    /** Starts and returns at once; progress is in `current` and in the topic `service:<id>`. */
    readonly start: (
      serviceId: string,
      clientIds: "all" | ReadonlyArray<string>,
      by: string,
    ) => Effect.Effect<PushJob, NotFound | PushRunning | NothingToPush>
    /** After an operational change: the newest release to all clients, behind a job that is running. */
    readonly follow: (serviceId: string, by: string) => Effect.Effect<void>
    /** The running job, or the last one until it is closed or the next one starts. */
    readonly current: (serviceId: string) => Effect.Effect<PushJob | undefined>
    /** Waits until the service's job has ended and all its acks are stored. */
    readonly settled: (serviceId: string) => Effect.Effect<PushJob | undefined>
    /** What is not sent yet stays unsent, but for an operational change, which each client gets in any case. */
    readonly cancel: (serviceId: string) => Effect.Effect<void>
    /** Forgets a job that has ended. */
    readonly close: (serviceId: string) => Effect.Effect<void>
  }
>()("muster/manager/fleet/Pushes") {
  static readonly layer = Layer.effect(Pushes, make)
}
