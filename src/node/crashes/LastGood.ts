import { Effect, Schema } from "effect"
import { Revision } from "../../domain/EndpointList.ts"
import { join } from "../../platform/Paths.ts"
import { Disk, readState, stateText } from "../Disk.ts"

const Good = Schema.Struct({ revision: Revision })

/**
 * With which revision of its spec a process set ran well last: `<folder>/<process set>/good.json`. Written once for each
 * revision that did.
 */
export const makeLastGood = Effect.fnUntraced(function* (folder: string) {
  const disk = yield* Disk
  const known = new Map<string, number | undefined>()
  const pathOf = (name: string) => join(folder, name, "good.json")

  /** A service that was made anew under a former name counts from 1 again. */
  const of = Effect.fnUntraced(function* (name: string, newest: number) {
    if (!known.has(name)) {
      const stored = yield* Effect.provideService(readState(pathOf(name), Good), Disk, disk)
      known.set(name, stored?.revision)
    }
    const revision = known.get(name)
    return revision !== undefined && revision <= newest ? revision : null
  })

  return {
    /** null: none did. `newest`: the revision that the set has now. */
    of,
    /** One of this revision has run for a minute, or ended well. */
    ranWell: Effect.fnUntraced(function* (name: string, revision: number, newest: number) {
      const before = yield* of(name, newest)
      if (before !== null && before >= revision) return
      known.set(name, revision)
      yield* disk.makeFolder(join(folder, name))
      yield* disk.write(pathOf(name), stateText({ revision }))
    }),
    rename: Effect.fnUntraced(function* (from: string, to: string) {
      const stored = yield* Effect.provideService(readState(pathOf(from), Good), Disk, disk)
      known.delete(from)
      if (stored === undefined) return
      known.set(to, stored.revision)
      yield* disk.makeFolder(join(folder, to))
      yield* disk.write(pathOf(to), stateText(stored))
    }),
  }
})
