import { Clock, Context, Deferred, Effect, Layer, type Scope } from "effect"
import type { CallsView } from "../../domain/CallFigures.ts"
import { listensAt, processName } from "../../domain/Placement.ts"
import type { Problem } from "../../domain/Problem.ts"
import { addressesOf, planAt } from "../../domain/ProcessPlan.ts"
import type { ProcessStats } from "../../protocol/NodeManager.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { type CallStep, callStep, stepEveryMs, withStep } from "./CallSteps.ts"
import { callsView, methodsOf } from "./CallsView.ts"
import { Changes } from "./Changes.ts"
import { Desired } from "./Desired.ts"
import { askNode, type SessionState } from "./NodeSession.ts"
import { Sessions } from "./Sessions.ts"
import { makeWatch } from "./Watch.ts"

/** A process set of a service, on a node that has joined. */
export type Place = {
  readonly session: SessionState
  readonly nodeName: string
  /** By which a person may mean the node: id, address, name. */
  readonly meant: ReadonlyArray<string>
  readonly name: string
}

/** What one process set told, or why it did not. */
export type Reading = {
  readonly nodeId: string
  readonly nodeName: string
  readonly name: string
} & ({ readonly stats: ProcessStats; readonly problem?: never } | { readonly stats?: never; readonly problem: Problem })
type Told = Extract<Reading, { readonly stats: ProcessStats }>
type Silent = Extract<Reading, { readonly problem: Problem }>

/** Of one service, while somebody looks. */
type Kept = {
  /** The last that each process set told, to take the difference to. */
  before: Map<string, ProcessStats>
  readings: ReadonlyArray<Reading>
  steps: ReadonlyArray<CallStep>
  at: number
  readonly first: Deferred.Deferred<void>
}

const nodesAtOnce = 16
const lingerMs = 15_000
/** A page waits so long for the first figures, and then shows that there are none yet. */
const firstLookMs = 1_000

const placeOf = ({ name, nodeId }: Reading) => `${nodeId} ${name}`
export const isTold = (reading: Reading): reading is Told => reading.stats !== undefined
export const isSilent = (reading: Reading): reading is Silent => reading.problem !== undefined

type Named = { readonly id: string; readonly ip: string; readonly name: string }

/** Two agents of one host have the same name: their addresses then tell them apart. */
const distinctName = (nodes: ReadonlyArray<Named>, { id, ip, name }: Named) =>
  nodes.some((other) => other.name === name && other.id !== id) ? `${name} (${ip})` : name

const make = Effect.gen(function* () {
  const changes = yield* Changes
  const desired = yield* Desired
  const nodes = yield* NodesRepo
  const sessions = yield* Sessions
  const kept = new Map<string, Kept>()

  const keptOf = (serviceId: string): Kept => {
    const known = kept.get(serviceId)
    if (known !== undefined) return known
    const made: Kept = { before: new Map(), readings: [], steps: [], at: 0, first: Deferred.makeUnsafe<void>() }
    kept.set(serviceId, made)
    return made
  }

  const places = Effect.fn("Calls.places")(function* (serviceId: string) {
    const { released, specs } = yield* desired.index
    const plan = specs.get(serviceId)
    if (plan === undefined) return []
    const endpoints = released.get(serviceId)?.endpoints ?? []
    const known = yield* nodes.list
    return [...addressesOf(plan, endpoints)].flatMap((ip): ReadonlyArray<Place> => {
      const session = sessions.at(ip)
      if (session === undefined) return []
      const spec = planAt(plan, ip)?.spec ?? plan.spec
      const node = known.find(({ id }) => id === session.node.id)
      const nodeName = node === undefined ? ip : distinctName(known, node)
      const meant = [session.node.id, ip, nodeName, ...(node === undefined ? [] : [node.name])]
      return listensAt(ip, { endpoints, spec }).map((listen) => {
        return { session, nodeName, meant, name: processName(spec.service, listen?.port) }
      })
    })
  })

  const readOne = ({ name, nodeName, session }: Place) => {
    const whose = { nodeId: session.node.id, nodeName, name }
    return askNode(session, (link) => link.processStats(name)).pipe(
      Effect.map((stats): Reading => ({ ...whose, stats })),
      Effect.catch(({ problem }) => Effect.succeed<Reading>({ ...whose, problem })),
    )
  }

  const read = Effect.fn("Calls.read")(function* (serviceId: string) {
    return yield* Effect.forEach(yield* places(serviceId), readOne, { concurrency: nodesAtOnce })
  })

  const look = Effect.fnUntraced(function* (serviceId: string) {
    const readings = yield* read(serviceId)
    const at = yield* Clock.currentTimeMillis
    const mine = keptOf(serviceId)
    const told = readings.filter(isTold)
    const after = new Map(told.map((reading) => [placeOf(reading), reading.stats]))
    const step = callStep(mine.before, after, at)
    const there = new Set(readings.map(placeOf))
    mine.before = new Map([...mine.before, ...after].filter(([place]) => there.has(place)))
    mine.readings = readings
    mine.at = at
    if (step !== undefined) mine.steps = withStep(mine.steps, step)
    yield* Deferred.succeed(mine.first, undefined)
    yield* changes.publish(`calls:${serviceId}`)
  })

  const watch = yield* makeWatch({
    everyMs: stepEveryMs,
    lingerMs,
    look,
    forget: (serviceId) => kept.delete(serviceId),
  })

  const settled = Effect.fnUntraced(function* (serviceId: string) {
    yield* watch.touch(serviceId)
    const mine = keptOf(serviceId)
    yield* Effect.timeoutOption(Deferred.await(mine.first), firstLookMs)
    return mine
  })

  return Calls.of({
    watch: watch.watch,
    watched: watch.watched,
    places,
    read,
    view: Effect.fn("Calls.view")(function* (serviceId: string) {
      const { at, readings, steps } = yield* settled(serviceId)
      return callsView({ now: at, steps, places: readings.filter(isTold), silent: readings.filter(isSilent) })
    }),
    methods: Effect.fn("Calls.methods")(function* (serviceId: string) {
      return methodsOf((yield* settled(serviceId)).readings.filter(isTold))
    }),
  })
})

/** The figures of services' calls, asked of their nodes while somebody looks at them, and kept for five minutes. */
export class Calls extends Context.Service<
  Calls,
  {
    /** Has the nodes asked each two seconds until the scope ends, and a little longer; told as `calls:<id>`. */
    readonly watch: (serviceId: string) => Effect.Effect<void, never, Scope.Scope>
    /** Services that are watched now. */
    readonly watched: Effect.Effect<ReadonlyArray<string>>
    /** What is known now; asks when nothing is. */
    readonly view: (serviceId: string) => Effect.Effect<CallsView>
    /** What the nodes say of the service's methods, by name. */
    readonly methods: (serviceId: string) => Effect.Effect<ReadonlyArray<MethodInfo>>
    /** Asks each node once. */
    readonly read: (serviceId: string) => Effect.Effect<ReadonlyArray<Reading>>
    /** Where the service's processes run. */
    readonly places: (serviceId: string) => Effect.Effect<ReadonlyArray<Place>>
  }
>()("muster/manager/fleet/Calls") {
  static readonly layer = Layer.effect(Calls, make)
}
