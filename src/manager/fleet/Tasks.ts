import { Context, Deferred, Effect, Layer, type Scope } from "effect"
import { problemSentence, type Problem } from "../../domain/Problem.ts"
import { type DeadLetter, lettersShownMax, type TaskCounts, type TasksView } from "../../domain/TaskFigures.ts"
import type { TaskPage, TasksChange, TasksRequest } from "../../protocol/NodeManager.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Calls, type Place } from "./Calls.ts"
import { Changes } from "./Changes.ts"
import { NodeUnavailable, NotFound } from "./Errors.ts"
import type { NodeCallError, NodeLink } from "./NodeLink.ts"
import { askNode, type NodeAway } from "./NodeSession.ts"
import { makeWatch } from "./Watch.ts"

type Whose = { readonly nodeId: string; readonly nodeName: string; readonly name: string }
/** What one process set told of its tasks, or why it did not. */
export type TaskReading = Whose &
  ({ readonly page: TaskPage; readonly problem?: never } | { readonly page?: never; readonly problem: Problem })

export type TasksAsked = Omit<typeof TasksRequest.Type, "name"> & { readonly node: string | undefined }
export type TasksChanged = {
  /** Tasks that were changed, on all nodes together. */
  readonly changed: number
  readonly failed: ReadonlyArray<Whose & { readonly problem: Problem; readonly message: string }>
}
type Change = {
  readonly what: "requeue" | "discard"
  /** Id, name or address; undefined: all nodes. */
  readonly node: string | undefined
  readonly ids: (typeof TasksChange.Type)["ids"]
}

type Kept = { readings: ReadonlyArray<TaskReading>; known: boolean; readonly first: Deferred.Deferred<void> }

const lookEveryMs = 2_000
const lingerMs = 10_000
const firstLookMs = 1_000
const nodesAtOnce = 16

const none: TaskPage = { tasks: [], counts: { waiting: 0, running: 0, dead: 0 } }

const whoseOf = ({ name, nodeName, session }: Place): Whose => ({ nodeId: session.node.id, nodeName, name })

const sum = (all: ReadonlyArray<TaskCounts>): TaskCounts => ({
  waiting: all.reduce((total, { waiting }) => total + waiting, 0),
  running: all.reduce((total, { running }) => total + running, 0),
  dead: all.reduce((total, { dead }) => total + dead, 0),
})

/** What a page shows of the readings, which are of dead letters. */
export const tasksView = (known: boolean, readings: ReadonlyArray<TaskReading>): TasksView => {
  const told = readings.flatMap(({ page, ...whose }) => (page === undefined ? [] : [{ ...whose, page }]))
  const letters = told.flatMap(({ nodeId, nodeName, page }) =>
    page.tasks.map(({ attempts, attemptsMax, error, id, payload, queuedAt, task }): DeadLetter => ({
      nodeId,
      nodeName,
      id,
      task,
      attempts,
      attemptsMax,
      payload,
      queuedAt,
      error,
    })),
  )
  const counts = sum(told.map(({ page }) => page.counts))
  return {
    known,
    counts,
    nodes: told.map(({ name, nodeName, page }) => ({ nodeName, name, counts: page.counts })),
    silent: readings.flatMap(({ nodeName, problem }) => (problem === undefined ? [] : [{ nodeName, problem }])),
    letters,
    more: Math.max(0, counts.dead - letters.length),
  }
}

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const calls = yield* Calls
  const changes = yield* Changes
  const kept = new Map<string, Kept>()

  const keptOf = (serviceId: string): Kept => {
    const known = kept.get(serviceId)
    if (known !== undefined) return known
    const made: Kept = { readings: [], known: false, first: Deferred.makeUnsafe<void>() }
    kept.set(serviceId, made)
    return made
  }

  const placesOf = Effect.fnUntraced(function* (serviceId: string, node: string | undefined) {
    const places = yield* calls.places(serviceId)
    if (node === undefined) return places
    const chosen = places.filter(({ meant }) => meant.includes(node))
    return chosen.length === 0
      ? yield* new NotFound({ what: "node", id: node, among: "that runs the service" })
      : chosen
  })

  /** A set that never had a task knows of none. */
  const readOne = (place: Place, { after, limit, state }: TasksAsked) =>
    askNode(place.session, (link) =>
      link.listTasks({ name: place.name, state, limit, ...(after === undefined ? {} : { after }) }),
    ).pipe(
      Effect.map((page): TaskReading => ({ ...whoseOf(place), page })),
      Effect.catch((error: NodeCallError | NodeAway) =>
        Effect.succeed<TaskReading>(
          error._tag === "NodeCallError" && error.code === "not_found"
            ? { ...whoseOf(place), page: none }
            : { ...whoseOf(place), problem: error.problem },
        ),
      ),
    )

  const list = Effect.fn("Tasks.list")(function* (serviceId: string, asked: TasksAsked) {
    const places = yield* placesOf(serviceId, asked.node)
    return yield* Effect.forEach(places, (place) => readOne(place, asked), { concurrency: nodesAtOnce })
  })

  const look = Effect.fnUntraced(function* (serviceId: string) {
    const asked = { state: "dead", limit: lettersShownMax, node: undefined } as const
    const readings = yield* list(serviceId, asked).pipe(Effect.catch(() => Effect.succeed([])))
    const mine = keptOf(serviceId)
    mine.readings = readings
    mine.known = true
    yield* Deferred.succeed(mine.first, undefined)
    yield* changes.publish(`tasks:${serviceId}`)
  })

  const watch = yield* makeWatch({
    everyMs: lookEveryMs,
    lingerMs,
    look,
    forget: (serviceId) => kept.delete(serviceId),
  })

  const changeOne = (place: Place, { ids, what }: Change) => {
    const request = { name: place.name, ids: ids === "all" ? ids : [...ids] } as const
    const use = (link: NodeLink) => (what === "requeue" ? link.requeueTasks(request) : link.discardTasks(request))
    return askNode(place.session, use).pipe(
      Effect.map(({ changed }) => ({ changed, problem: undefined })),
      Effect.catch((error: NodeCallError | NodeAway) =>
        Effect.succeed(
          error._tag === "NodeCallError" && error.code === "not_found"
            ? { changed: 0, problem: undefined }
            : { changed: 0, problem: error.problem },
        ),
      ),
      Effect.map((outcome) => ({ ...whoseOf(place), ...outcome })),
    )
  }

  const change = Effect.fn("Tasks.change")(function* (serviceId: string, wanted: Change, by: string) {
    const places = yield* placesOf(serviceId, wanted.node)
    const { ids, node, what } = wanted
    const detail = { ids: ids === "all" ? ids : [...ids], node: node ?? null }
    yield* audit.add({ who: by, what: `task.${what}`, object: `service:${serviceId}`, detail })
    const outcomes = yield* Effect.forEach(places, (place) => changeOne(place, wanted), { concurrency: nodesAtOnce })
    const failed = outcomes.flatMap(({ name, nodeId, nodeName, problem }) =>
      problem === undefined ? [] : [{ nodeId, nodeName, name, problem, message: problemSentence(problem) }],
    )
    const [first] = failed
    if (first !== undefined && failed.length === outcomes.length) return yield* new NodeUnavailable(first)
    if (kept.has(serviceId)) yield* look(serviceId)
    return { changed: outcomes.reduce((total, { changed }) => total + changed, 0), failed }
  })

  return Tasks.of({
    watch: watch.watch,
    list,
    change,
    view: Effect.fn("Tasks.view")(function* (serviceId: string) {
      yield* watch.touch(serviceId)
      const mine = keptOf(serviceId)
      yield* Effect.timeoutOption(Deferred.await(mine.first), firstLookMs)
      return tasksView(mine.known, mine.readings)
    }),
  })
})

/** The queued work of services, which their nodes keep: asked while somebody looks at it. */
export class Tasks extends Context.Service<
  Tasks,
  {
    /** Has the nodes asked each two seconds until the scope ends, and a little longer; told as `tasks:<id>`. */
    readonly watch: (serviceId: string) => Effect.Effect<void, never, Scope.Scope>
    /** Counts and dead letters as they are now. */
    readonly view: (serviceId: string) => Effect.Effect<TasksView>
    readonly list: (serviceId: string, asked: TasksAsked) => Effect.Effect<ReadonlyArray<TaskReading>, NotFound>
    /** Queues dead letters again, or throws them away. Fails when none of the nodes could be asked. */
    readonly change: (
      serviceId: string,
      wanted: Change,
      by: string,
    ) => Effect.Effect<TasksChanged, NotFound | NodeUnavailable>
  }
>()("muster/manager/fleet/Tasks") {
  static readonly layer = Layer.effect(Tasks, make)
}
