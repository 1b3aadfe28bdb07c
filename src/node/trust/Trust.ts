import { Context, Effect, Layer, Semaphore } from "effect"
import { ApplyTrustRequest } from "../../protocol/NodeManager.ts"
import { type DiskFailed, Disk, readState, stateText } from "../Disk.ts"
import { NodeChanges } from "../NodeChanges.ts"

type TrustState = typeof ApplyTrustRequest.Type

/** Which certificates of the cluster are not to be trusted any more. Workers read the same file. */
export class Trust extends Context.Service<
  Trust,
  {
    /** An older or equal revision is ignored; answers the revision the node has now. */
    readonly apply: (next: TrustState) => Effect.Effect<number, DiskFailed>
    readonly revision: Effect.Effect<number>
    /** Plain, because each new connection asks it. */
    readonly isRevoked: (serial: string) => boolean
  }
>()("muster/node/Trust") {
  static readonly layer = (path: string) =>
    Layer.effect(
      Trust,
      Effect.gen(function* () {
        const disk = yield* Disk
        const changes = yield* NodeChanges
        const oneAtATime = yield* Semaphore.make(1)
        const stored = yield* readState(path, ApplyTrustRequest)
        let revision = stored?.revision ?? 0
        let revoked: ReadonlySet<string> = new Set(stored?.revoked)

        const apply = Effect.fn("Trust.apply")(function* (next: TrustState) {
          if (next.revision <= revision) return revision
          yield* disk.write(path, stateText(next))
          revision = next.revision
          revoked = new Set(next.revoked)
          yield* changes.announce
          yield* Effect.logInfo(`trust is now revision ${revision} with ${revoked.size} revoked certificates`)
          return revision
        })

        return Trust.of({
          // Not to be cut off by a caller that went away: the write would go on, and race with the next one.
          apply: (next) => oneAtATime.withPermit(Effect.uninterruptible(apply(next))),
          revision: Effect.sync(() => revision),
          isRevoked: (serial) => revoked.has(serial),
        })
      }),
    )
}
