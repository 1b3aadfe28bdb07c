import { Effect } from "effect"
import { newId, idTime } from "../../platform/Ids.ts"
import { join } from "../../platform/Paths.ts"
import { CrashReport, CrashSummary } from "../../protocol/ProcessMessages.ts"
import { Disk, readState } from "../Disk.ts"

/** Of each process set; the oldest go first. */
const reportsMax = 20
const filePattern = /^([0-9A-HJKMNP-TV-Z]{26})\.json$/

/** An id may be any text: what is no letter, digit, `_`, `-` or `@` is written as %XX, so that it can't lead elsewhere. */
export const folderOf = (set: string) =>
  encodeURIComponent(set)
    .replaceAll(/[.!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
    .replaceAll("%40", "@")
const setIn = (name: string) => {
  try {
    return decodeURIComponent(name)
  } catch {
    return undefined
  }
}

/** Reports of a process set that the node runs no more are kept so long after the last one. */
const keepMs = 30 * 86_400_000

const summaryFields = Object.keys(CrashSummary.fields)
const summaryOf = (report: CrashReport) =>
  Object.fromEntries(Object.entries(report).filter(([name]) => summaryFields.includes(name))) as CrashSummary

/**
 * Crash reports on the disk: `<folder>/<id of the process set>/<id>.json`, one file each. What there is, and since when, is
 * known from the names alone, so that many reports do not hold up the agent's start.
 */
export const makeCrashStore = Effect.fnUntraced(function* (folder: string) {
  const disk = yield* Disk
  /** Ids by the id of their process set, the oldest first. */
  const known = new Map<string, ReadonlyArray<string>>()
  const pathOf = (set: string, id: string) => join(folder, folderOf(set), `${id}.json`)

  yield* disk.makeFolder(folder)
  for (const name of yield* disk.list(folder)) {
    const set = setIn(name)
    if (set === undefined) continue
    const files = yield* Effect.orElseSucceed(disk.list(join(folder, name)), () => [])
    known.set(
      set,
      files.flatMap((file) => filePattern.exec(file)?.[1] ?? []),
    )
  }

  const read = (set: string, id: string) => Effect.provideService(readState(pathOf(set, id), CrashReport), Disk, disk)

  const forget = Effect.fnUntraced(function* (set: string, ids: ReadonlyArray<string>) {
    known.set(
      set,
      idsOf(set).filter((id) => !ids.includes(id)),
    )
    for (const id of ids) yield* disk.remove(pathOf(set, id))
  })

  const idsOf = (set: string) => known.get(set) ?? []

  return {
    /** Writes it down, and lets the oldest one go when there are too many. */
    add: Effect.fnUntraced(function* (set: string, report: Omit<CrashReport, "id">) {
      const id = newId()
      yield* disk.makeFolder(join(folder, folderOf(set)))
      yield* disk.write(pathOf(set, id), `${JSON.stringify({ id, ...report })}\n`)
      known.set(set, [...idsOf(set), id])
      yield* forget(set, idsOf(set).slice(0, -reportsMax))
      return id
    }),

    /** The newest first. One that is damaged is set aside, and left out. */
    list: Effect.fnUntraced(function* (name: string) {
      const reports: Array<CrashSummary> = []
      for (const id of idsOf(name).toReversed()) {
        const report = yield* read(name, id)
        if (report === undefined)
          known.set(
            name,
            idsOf(name).filter((one) => one !== id),
          )
        else reports.push(summaryOf(report))
      }
      return reports
    }),

    get: Effect.fnUntraced(function* (id: string) {
      const set = [...known].find(([, ids]) => ids.includes(id))?.[0]
      return set === undefined ? undefined : yield* read(set, id)
    }),

    /** How many there are, and when the last one was; milliseconds since 1970. */
    count: (set: string): { readonly count: number; readonly lastAt: number | null } => {
      const ids = idsOf(set)
      const last = ids.at(-1)
      return { count: ids.length, lastAt: last === undefined ? null : idTime(last) }
    },

    /** Lets those go whose process set is run no more, and was long ago, and answers which. `sets`: what is run. */
    prune: Effect.fnUntraced(function* (sets: ReadonlySet<string>, now: number) {
      const gone: Array<string> = []
      for (const [set, ids] of known) {
        const last = ids.at(-1)
        if (sets.has(set) || (last !== undefined && idTime(last) + keepMs > now)) continue
        known.delete(set)
        yield* disk.removeFolder(join(folder, folderOf(set)))
        gone.push(set)
      }
      return gone
    }),
  }
})
