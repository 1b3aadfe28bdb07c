import { type Cause, Context, Effect, Layer, Queue, Stream } from "effect"
import { problemSentence, type Problem } from "../../domain/Problem.ts"
import type { LogFiles, LogsRequest } from "../../protocol/LogMessages.ts"
import { Calls, type Place } from "./Calls.ts"
import { NotFound } from "./Errors.ts"
import {
  LastLines,
  type LogEvent,
  type LogSide,
  MergeSide,
  type ServiceLogLine,
  type SideEvent,
  takeMerged,
} from "./LogMerge.ts"
import type { NodeCallError } from "./NodeLink.ts"
import { askNode, awayError, type NodeAway } from "./NodeSession.ts"

export type { LogEvent } from "./LogMerge.ts"

/** As LogsRequest, of one service. `node`: id, name or address; undefined: all that run it. */
export type ServiceLogsRequest = Omit<LogsRequest, "name" | "after"> & { readonly node: string | undefined }

export type NodeFiles = LogSide &
  (
    | { readonly files: LogFiles["files"]; readonly problem?: never; readonly message?: never }
    | { readonly files?: never; readonly problem: Problem; readonly message: string }
  )

/** A node that is away is looked at again so often. */
const againMs = 500
/** Of a node that has said nothing of this process set yet. */
const noneAgainMs = 2_000
const nodesAtOnce = 16
const linesInOneEvent = 2_000

type Failure = NodeCallError | NodeAway

const sideOf = ({ name, nodeName, session }: Place): LogSide => ({ nodeId: session.node.id, nodeName, name })

const isMissing = (error: Failure) => error._tag === "NodeCallError" && error.code === "not_found"

/** Tells what one node has to say, into `queue`, and for a follower goes on where it was when the node comes back. */
const readSide = Effect.fnUntraced(function* (
  { name, session }: Place,
  request: Omit<ServiceLogsRequest, "node">,
  queue: Queue.Queue<SideEvent>,
) {
  const follows = request.follow === true && request.to === undefined
  let after: Record<string, number> | undefined
  let isAway = false
  const take = (link: NonNullable<Place["session"]["link"]>) =>
    Stream.runForEach(
      link.readLogs({ ...request, name, ...(after === undefined ? {} : { after }) }),
      Effect.fnUntraced(function* (batch) {
        if (isAway) yield* Queue.offer(queue, { _tag: "Back" })
        isAway = false
        yield* Queue.offer(queue, { _tag: "Batch", batch })
        after = { ...after, ...batch.positions }
      }),
    )
  for (;;) {
    const outcome = yield* Effect.result(askNode(session, take))
    const error = outcome._tag === "Failure" ? outcome.failure : follows ? awayError(session) : undefined
    // The node runs none of it, or does not yet.
    const isNone = error !== undefined && isMissing(error)
    if (error !== undefined && !isNone && !isAway) {
      isAway = true
      yield* Queue.offer(queue, { _tag: "Away", problem: error.problem })
    }
    if (!follows) return yield* Queue.offer(queue, { _tag: "End" })
    if (isNone && after === undefined) yield* Queue.offer(queue, nothingYet)
    yield* Effect.sleep(isNone ? noneAgainMs : againMs)
  }
})

const nothingYet: SideEvent = { _tag: "Batch", batch: { lines: [], caughtUp: true, dropped: 0, positions: {} } }

type Side = { readonly merge: MergeSide; readonly queue: Queue.Queue<SideEvent> }

/** Tells lines, at most `limit` of them. Gives how many may still be told. */
const teller = (out: Queue.Queue<LogEvent, Cause.Done>, limit = Number.POSITIVE_INFINITY) => {
  let left = limit
  return Effect.fnUntraced(function* (lines: ReadonlyArray<ServiceLogLine>) {
    const told = lines.slice(0, left)
    left -= told.length
    for (let from = 0; from < told.length; from += linesInOneEvent)
      yield* Queue.offer(out, { _tag: "Lines", lines: told.slice(from, from + linesInOneEvent) })
    return left
  })
}
type Tell = ReturnType<typeof teller>

const isBehind = ({ isCaughtUp, isEnded, next }: MergeSide) => next !== undefined || (!isCaughtUp && !isEnded)

/** What there was, in one order: it waits for the slowest. Gives how many lines may still be told. */
const mergeBefore = Effect.fnUntraced(function* (
  sides: ReadonlyArray<Side>,
  { out, tail, tell }: { readonly out: Queue.Queue<LogEvent, Cause.Done>; tail: number | undefined; tell: Tell },
) {
  const merges = sides.map(({ merge }) => merge)
  // Each node has sent as many as were asked for of all.
  const last = tail === undefined || sides.length < 2 ? undefined : new LastLines(tail)
  let left = yield* tell([])
  while (left > 0 && merges.some(isBehind)) {
    for (const { merge, queue } of sides)
      while (merge.isOwing) yield* Queue.offerAll(out, merge.hear(yield* Queue.take(queue)))
    const lines = takeMerged(merges)
    if (last === undefined) left = yield* tell(lines)
    else last.add(lines)
  }
  return yield* tell(last?.take() ?? [])
})

/** What is new, as it comes: it waits for nobody. */
const mergeNew = Effect.fnUntraced(function* (
  sides: ReadonlyArray<Side>,
  { out, tell }: { readonly out: Queue.Queue<LogEvent, Cause.Done>; readonly tell: Tell },
) {
  const merges = sides.map(({ merge }) => merge)
  const news = yield* Queue.bounded<readonly [MergeSide, SideEvent]>(Math.max(1, sides.length))
  for (const { merge, queue } of sides.filter(({ merge }) => !merge.isEnded))
    yield* Queue.take(queue).pipe(
      Effect.flatMap((event) => Queue.offer(news, [merge, event] as const)),
      Effect.forever,
      Effect.forkScoped,
    )
  let left = yield* tell([])
  while (left > 0 && merges.some(({ isEnded }) => !isEnded)) {
    for (const [merge, event] of yield* Queue.takeAll(news)) {
      yield* Queue.offerAll(out, merge.hear(event))
      // It is never waited for any more.
      merge.isCaughtUp = true
    }
    left = yield* tell(takeMerged(merges))
  }
})

const mergeSides = Effect.fnUntraced(function* (
  sides: ReadonlyArray<Side>,
  { limit, tail }: Omit<ServiceLogsRequest, "node">,
  out: Queue.Queue<LogEvent, Cause.Done>,
) {
  const tell = teller(out, limit)
  const left = yield* mergeBefore(sides, { out, tail, tell })
  yield* Queue.offer(out, { _tag: "CaughtUp" })
  if (left > 0) yield* mergeNew(sides, { out, tell })
  yield* Queue.end(out)
})

const make = Effect.gen(function* () {
  const calls = yield* Calls

  const placesOf = Effect.fnUntraced(function* (serviceId: string, node: string | undefined) {
    const places = yield* calls.places(serviceId)
    const meant = places.filter((place) => node === undefined || place.meant.includes(node))
    if (node !== undefined && meant.length === 0) return yield* new NotFound({ what: "node", id: node })
    return meant
  })

  const open = Effect.fnUntraced(function* (
    places: ReadonlyArray<Place>,
    { node: _node, ...request }: ServiceLogsRequest,
  ) {
    const out = yield* Effect.acquireRelease(Queue.bounded<LogEvent, Cause.Done>(2), Queue.shutdown)
    const sides: Array<Side> = []
    for (const place of places) {
      const queue = yield* Queue.bounded<SideEvent>(1)
      sides.push({ merge: new MergeSide(sideOf(place)), queue })
      yield* Effect.forkScoped(readSide(place, request, queue))
    }
    yield* mergeSides(sides, request, out).pipe(
      Effect.catchCause((cause) => Effect.andThen(Effect.logError("Cannot merge logs", cause), Queue.end(out))),
      Effect.forkScoped,
    )
    return Stream.fromQueue(out)
  })

  const filesOf = (place: Place) =>
    askNode(place.session, (link) => link.logFiles(place.name)).pipe(
      Effect.map(({ files }): NodeFiles => ({ ...sideOf(place), files })),
      Effect.catch((error: Failure) =>
        Effect.succeed<NodeFiles>(
          isMissing(error)
            ? { ...sideOf(place), files: [] }
            : { ...sideOf(place), problem: error.problem, message: problemSentence(error.problem) },
        ),
      ),
    )

  return ServiceLogs.of({
    read: Effect.fn("ServiceLogs.read")(function* (serviceId, request) {
      const places = yield* placesOf(serviceId, request.node)
      return Stream.unwrap(open(places, request))
    }),
    files: Effect.fn("ServiceLogs.files")(function* (serviceId, node) {
      return yield* Effect.forEach(yield* placesOf(serviceId, node), filesOf, { concurrency: nodesAtOnce })
    }),
  })
})

/** What the processes of a service have said and say, on all its nodes, merged in the order of time. */
export class ServiceLogs extends Context.Service<
  ServiceLogs,
  {
    /**
     * The stream ends when all was told, or with `follow` never. It may be taken as slowly as its reader likes: the nodes
     * then read as slowly, and a follower is told what it has missed. With `tail`: the last lines of all nodes together.
     */
    readonly read: (serviceId: string, request: ServiceLogsRequest) => Effect.Effect<Stream.Stream<LogEvent>, NotFound>
    readonly files: (serviceId: string, node: string | undefined) => Effect.Effect<ReadonlyArray<NodeFiles>, NotFound>
  }
>()("muster/manager/fleet/ServiceLogs") {
  static readonly layer: Layer.Layer<ServiceLogs, never, Calls> = Layer.effect(ServiceLogs, make)
}
