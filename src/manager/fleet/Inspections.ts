import { Context, Deferred, Effect, Layer, type Scope } from "effect"
import type { CrashDetail, CrashLine, InspectionView } from "../../domain/Inspection.ts"
import type { Problem } from "../../domain/Problem.ts"
import type { ProcessInspection } from "../../protocol/ProcessMessages.ts"
import { Changes } from "./Changes.ts"
import { NotFound } from "./Errors.ts"
import type { NodeCallError, NodeLink } from "./NodeLink.ts"
import { askNode, NodeAway } from "./NodeSession.ts"
import { Services } from "./Services.ts"
import { Sessions } from "./Sessions.ts"
import type { InstanceView } from "./Views.ts"
import { makeWatch } from "./Watch.ts"

type Whose = { readonly nodeId: string; readonly nodeName: string; readonly name: string }
type Silent = Whose & { readonly problem: Problem }

/** What one process set told, or why it did not. */
export type Inspected = Whose &
  (
    | { readonly inspection: ProcessInspection; readonly problem?: never }
    | { readonly inspection?: never; readonly problem: Problem }
  )

type Listed = { readonly crashes: ReadonlyArray<CrashLine>; readonly silent: ReadonlyArray<Silent> }

type Kept = {
  inspected: ReadonlyArray<Inspected>
  crashes: ReadonlyArray<CrashLine>
  /** What the nodes said of their crashes when these were read. */
  mark: string
  known: boolean
  readonly first: Deferred.Deferred<void>
}

const lookEveryMs = 2_000
const lingerMs = 10_000
const firstLookMs = 1_000
const nodesAtOnce = 16

const whoseOf = ({ name, nodeId, nodeName }: InstanceView): Whose => ({ nodeId, nodeName, name })

const byNewest = (a: CrashLine, b: CrashLine) => b.at - a.at

/** Changes when there is another crash to be read. */
const markOf = (instances: ReadonlyArray<InstanceView>) =>
  JSON.stringify(instances.map(({ name, nodeId, status }) => [nodeId, name, status?.crashes]))

/** What a page shows of the readings. */
const viewOf = ({ crashes, inspected, known }: Kept): InspectionView => {
  const told = inspected.flatMap(({ inspection, nodeId, nodeName, name }) =>
    inspection === undefined ? [] : [{ whose: { nodeId, nodeName, name }, inspection }],
  )
  return {
    known,
    instances: told.flatMap(({ inspection, whose }) => inspection.instances.map((one) => ({ ...whose, ...one }))),
    portHolders: told.flatMap(({ inspection: { portHolder }, whose }) =>
      portHolder === null ? [] : [{ ...whose, holder: portHolder }],
    ),
    crashes,
    silent: inspected.flatMap(({ nodeName, problem }) => (problem === undefined ? [] : [{ nodeName, problem }])),
  }
}

const make = Effect.gen(function* () {
  const changes = yield* Changes
  const services = yield* Services
  const sessions = yield* Sessions
  const kept = new Map<string, Kept>()

  const keptOf = (serviceId: string): Kept => {
    const known = kept.get(serviceId)
    if (known !== undefined) return known
    const made: Kept = { inspected: [], crashes: [], mark: "", known: false, first: Deferred.makeUnsafe<void>() }
    kept.set(serviceId, made)
    return made
  }

  const placesOf = Effect.fnUntraced(function* (serviceId: string) {
    const { process } = yield* services.get(serviceId)
    return process?.instances ?? []
  })

  const askOf = <A>(instance: InstanceView, use: (link: NodeLink) => Effect.Effect<A, NodeCallError>) => {
    const session = sessions.get(instance.nodeId)
    const away = new NodeAway({ problem: { _tag: "NotReachedYet" }, nextTryAt: null })
    return session === undefined ? Effect.fail(away) : askNode(session, use)
  }

  const inspectOne = (instance: InstanceView) =>
    askOf(instance, (link) => link.inspectProcess(instance.name)).pipe(
      Effect.map((inspection): Inspected => ({ ...whoseOf(instance), inspection })),
      Effect.catch(({ problem }) => Effect.succeed<Inspected>({ ...whoseOf(instance), problem })),
    )

  const crashesOne = (instance: InstanceView) =>
    askOf(instance, (link) => link.listCrashes(instance.name)).pipe(
      Effect.map(({ crashes }): Listed => ({
        crashes: crashes.map((crash) => ({ ...crash, ...whoseOf(instance) })),
        silent: [],
      })),
      Effect.catch(({ problem }) =>
        Effect.succeed<Listed>({ crashes: [], silent: [{ ...whoseOf(instance), problem }] }),
      ),
    )

  const inspectAll = (instances: ReadonlyArray<InstanceView>) =>
    Effect.forEach(instances, inspectOne, { concurrency: nodesAtOnce })

  const crashesOf = (instances: ReadonlyArray<InstanceView>) =>
    Effect.map(Effect.forEach(instances, crashesOne, { concurrency: nodesAtOnce }), (all): Listed => ({
      crashes: all.flatMap(({ crashes }) => crashes).toSorted(byNewest),
      silent: all.flatMap(({ silent }) => silent),
    }))

  const look = Effect.fnUntraced(function* (serviceId: string) {
    const instances = yield* placesOf(serviceId).pipe(Effect.catch(() => Effect.succeed([])))
    const mine = keptOf(serviceId)
    mine.inspected = yield* inspectAll(instances)
    const mark = markOf(instances)
    if (mark !== mine.mark) {
      const { crashes, silent } = yield* crashesOf(instances)
      mine.crashes = crashes
      // Who did not tell is asked again at the next look.
      mine.mark = silent.length === 0 ? mark : ""
    }
    mine.known = true
    yield* Deferred.succeed(mine.first, undefined)
    yield* changes.publish(`care:${serviceId}`)
  })

  const watch = yield* makeWatch({
    everyMs: lookEveryMs,
    lingerMs,
    look,
    forget: (serviceId) => kept.delete(serviceId),
  })

  /** An id is of one node only; the others say that they don't have it. */
  const crash = Effect.fn("Inspections.crash")(function* (serviceId: string, id: string) {
    const instances = yield* placesOf(serviceId)
    const asked = new Map(instances.map((instance) => [instance.nodeId, instance]))
    const found = yield* Effect.forEach(
      asked.values(),
      (instance) => Effect.option(askOf(instance, (link) => link.getCrash(id))),
      { concurrency: nodesAtOnce },
    )
    const owners = [...asked.values()]
    for (const [index, report] of found.entries()) {
      const owner = owners[index]
      if (report._tag === "None" || owner === undefined) continue
      const { nodeId, nodeName } = owner
      return { ...report.value, nodeId, nodeName } satisfies CrashDetail
    }
    return yield* new NotFound({ what: "crash report", id, among: "of this service on the nodes that answer" })
  })

  return Inspections.of({
    watch: watch.watch,
    view: Effect.fn("Inspections.view")(function* (serviceId: string) {
      yield* watch.touch(serviceId)
      const mine = keptOf(serviceId)
      yield* Effect.timeoutOption(Deferred.await(mine.first), firstLookMs)
      return viewOf(mine)
    }),
    inspect: Effect.fn("Inspections.inspect")(function* (serviceId: string) {
      return yield* inspectAll(yield* placesOf(serviceId))
    }),
    crashes: Effect.fn("Inspections.crashes")(function* (serviceId: string) {
      return yield* crashesOf(yield* placesOf(serviceId))
    }),
    crash,
  })
})

/** What the processes of services use, what those that end wait for, and how they crashed: asked of their nodes. */
export class Inspections extends Context.Service<
  Inspections,
  {
    /** Has the nodes asked each two seconds until the scope ends, and a little longer; told as `care:<id>`. */
    readonly watch: (serviceId: string) => Effect.Effect<void, never, Scope.Scope>
    /** What is known now; asks when nothing is. */
    readonly view: (serviceId: string) => Effect.Effect<InspectionView>
    /** Asks each node once. */
    readonly inspect: (serviceId: string) => Effect.Effect<ReadonlyArray<Inspected>, NotFound>
    readonly crashes: (serviceId: string) => Effect.Effect<Listed, NotFound>
    readonly crash: (serviceId: string, id: string) => Effect.Effect<CrashDetail, NotFound>
  }
>()("muster/manager/fleet/Inspections") {
  static readonly layer = Layer.effect(Inspections, make)
}
