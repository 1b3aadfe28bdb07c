import { Effect, Schema } from "effect"
import { Revision } from "../../domain/EndpointList.ts"
import { join } from "../../platform/Paths.ts"
import { Disk, readState, stateText } from "../Disk.ts"
import { folderOf } from "./CrashStore.ts"

const Good = Schema.Struct({ revision: Revision })

/**
 * With which revision of its spec a process set ran well last: `<folder>/<id of the process set>/good.json`. Written once
 * for each revision that did.
 */
export const makeLastGood = Effect.fnUntraced(function* (folder: string) {
  const disk = yield* Disk
  const known = new Map<string, number | undefined>()
  const pathOf = (set: string) => join(folder, folderOf(set), "good.json")

  /** A service that was made anew under a former name counts from 1 again. */
  const of = Effect.fnUntraced(function* (set: string, newest: number) {
    if (!known.has(set)) {
      const stored = yield* Effect.provideService(readState(pathOf(set), Good), Disk, disk)
      known.set(set, stored?.revision)
    }
    const revision = known.get(set)
    return revision !== undefined && revision <= newest ? revision : null
  })

  return {
    /** Its folder is gone. */
    forget: (set: string) => known.delete(set),
    /** null: none did. `newest`: the revision that the set has now. */
    of,
    /** One of this revision has run for a minute, or ended well. */
    ranWell: Effect.fnUntraced(function* (set: string, revision: number, newest: number) {
      const before = yield* of(set, newest)
      if (before !== null && before >= revision) return
      known.set(set, revision)
      yield* disk.makeFolder(join(folder, folderOf(set)))
      yield* disk.write(pathOf(set), stateText({ revision }))
    }),
  }
})
