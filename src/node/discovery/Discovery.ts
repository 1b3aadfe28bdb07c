import { Clock, Context, Data, Effect, Layer, Schema, Semaphore } from "effect"
import { EndpointList } from "../../domain/EndpointList.ts"
import { guard, guardReason, type GuardVerdict } from "../../domain/Guard.ts"
import type { ServiceName } from "../../domain/ServiceName.ts"
import { join } from "../../platform/Paths.ts"
import type { ApplyListRequest, ListAck } from "../../protocol/NodeManager.ts"
import { type DiskFailed, Disk, readState, stateText } from "../Disk.ts"
import { NodeChanges } from "../NodeChanges.ts"

/** The list would take away too much, and nobody let it pass by name. */
export class GuardRefused extends Data.TaggedError("GuardRefused")<{
  readonly service: string
  readonly revision: number
  readonly verdict: GuardVerdict
}> {
  override get message() {
    return `revision ${this.revision} of ${this.service} is refused: ${guardReason(this.verdict)}`
  }
}

const suffix = ".json"
const publicMode = 0o644
const encode = Schema.encodeEffect(EndpointList)

const readAll = Effect.fnUntraced(function* (folder: string) {
  const disk = yield* Disk
  const lists = new Map<ServiceName, EndpointList>()
  for (const name of (yield* disk.list(folder)).filter((name) => name.endsWith(suffix))) {
    const path = join(folder, name)
    const list = yield* readState(path, EndpointList)
    if (list === undefined) continue
    if (`${list.service}${suffix}` === name) {
      lists.set(list.service, list)
      continue
    }
    const aside = yield* disk.setAside(path)
    yield* Effect.logError(`${path} is the list of ${list.service}, not of its own name; it was set aside as ${aside}`)
  }
  return lists
})

/**
 * The endpoint lists that were pushed to this node: on disk for every client on this host, in memory for the answers.
 * What is acked stands durably on the disk.
 */
export class Discovery extends Context.Service<
  Discovery,
  {
    readonly apply: (request: typeof ApplyListRequest.Type) => Effect.Effect<ListAck, GuardRefused | DiskFailed>
    readonly remove: (service: ServiceName) => Effect.Effect<void, DiskFailed>
    readonly lists: Effect.Effect<ReadonlyArray<EndpointList>>
  }
>()("muster/node/Discovery") {
  static readonly layer = (folder: string) =>
    Layer.effect(
      Discovery,
      Effect.gen(function* () {
        const disk = yield* Disk
        const changes = yield* NodeChanges
        const lists = yield* readAll(folder)
        // One change at a time: two revisions of a service must not race to the disk.
        const oneAtATime = yield* Semaphore.make(1)
        const pathOf = (service: ServiceName) => join(folder, `${service}${suffix}`)

        const apply = Effect.fn("Discovery.apply")(function* (request: typeof ApplyListRequest.Type) {
          const { list, override } = request
          const { service, revision } = list
          const mine = lists.get(service)
          if (mine !== undefined && mine.revision >= revision) {
            return { service, revision: mine.revision, applied: false, durableMs: 0 }
          }
          const verdict = guard(mine?.endpoints, list.endpoints)
          if (verdict._tag !== "Pass" && override === undefined) {
            return yield* new GuardRefused({ service, revision, verdict })
          }
          const began = yield* Clock.monotonicTimeNanos
          yield* disk.write(pathOf(service), stateText(yield* encode(list).pipe(Effect.orDie)), publicMode)
          const durableMs = Number((yield* Clock.monotonicTimeNanos) - began) / 1e6
          lists.set(service, list)
          yield* changes.announce
          const past = verdict._tag === "Pass" || override === undefined ? "" : `, let past the guard by ${override.by}`
          yield* Effect.logInfo(`list of ${service} is now revision ${revision}${past}`)
          return { service, revision, applied: true, durableMs }
        })

        const remove = Effect.fn("Discovery.remove")(function* (service: ServiceName) {
          yield* disk.remove(pathOf(service))
          if (!lists.delete(service)) return
          yield* changes.announce
          yield* Effect.logInfo(`list of ${service} removed`)
        })

        return Discovery.of({
          // Not to be cut off by a caller that went away: the write would go on, and race with the next one.
          apply: (request) => oneAtATime.withPermit(Effect.uninterruptible(apply(request))),
          remove: (service) => oneAtATime.withPermit(Effect.uninterruptible(remove(service))),
          lists: Effect.sync(() => [...lists.values()]),
        })
      }),
    )
}
