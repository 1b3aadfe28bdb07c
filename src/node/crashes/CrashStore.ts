import { Effect } from "effect"
import { newId, idTime } from "../../platform/Ids.ts"
import { join } from "../../platform/Paths.ts"
import { CrashReport, type CrashSummary } from "../../protocol/ProcessMessages.ts"
import { Disk, readState } from "../Disk.ts"

/** Of each process set; the oldest go first. */
export const reportsMax = 20
const filePattern = /^([0-9A-HJKMNP-TV-Z]{26})\.json$/
const folderPattern = /^[A-Za-z][A-Za-z0-9_.-]{0,62}(?:@\d{1,5})?$/

/** Reports of a process set that the node runs no more are kept so long after the last one. */
const keepMs = 30 * 86_400_000

const summaryOf = ({ log: _, openCallCount: _1, openCalls: _2, samples: _3, ...summary }: CrashReport): CrashSummary =>
  summary

/**
 * Crash reports on the disk: `<folder>/<process set>/<id>.json`, one file each. What there is, and since when, is known
 * from the names alone, so that many reports do not hold up the agent's start.
 */
export const makeCrashStore = Effect.fnUntraced(function* (folder: string) {
  const disk = yield* Disk
  /** Ids by process set, the oldest first. */
  const known = new Map<string, ReadonlyArray<string>>()
  const pathOf = (name: string, id: string) => join(folder, name, `${id}.json`)

  yield* disk.makeFolder(folder)
  for (const name of yield* disk.list(folder)) {
    if (!folderPattern.test(name)) continue
    const files = yield* Effect.orElseSucceed(disk.list(join(folder, name)), () => [])
    known.set(
      name,
      files.flatMap((file) => filePattern.exec(file)?.[1] ?? []),
    )
  }

  const read = (name: string, id: string) => Effect.provideService(readState(pathOf(name, id), CrashReport), Disk, disk)

  const forget = Effect.fnUntraced(function* (name: string, ids: ReadonlyArray<string>) {
    known.set(
      name,
      idsOf(name).filter((id) => !ids.includes(id)),
    )
    for (const id of ids) yield* disk.remove(pathOf(name, id))
  })

  const idsOf = (name: string) => known.get(name) ?? []

  return {
    /** Writes it down, and lets the oldest one go when there are too many. */
    add: Effect.fnUntraced(function* (report: Omit<CrashReport, "id">) {
      const { name } = report
      const id = newId()
      yield* disk.makeFolder(join(folder, name))
      yield* disk.write(pathOf(name, id), `${JSON.stringify({ id, ...report })}\n`)
      known.set(name, [...idsOf(name), id])
      yield* forget(name, idsOf(name).slice(0, -reportsMax))
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
      const name = [...known].find(([, ids]) => ids.includes(id))?.[0]
      return name === undefined ? undefined : yield* read(name, id)
    }),

    /** How many there are, and when the last one was; milliseconds since 1970. */
    count: (name: string): { readonly count: number; readonly lastAt: number | null } => {
      const ids = idsOf(name)
      const last = ids.at(-1)
      return { count: ids.length, lastAt: last === undefined ? null : idTime(last) }
    },

    /** Lets those go whose process set is run no more, and was long ago. `names`: what is run. */
    prune: Effect.fnUntraced(function* (names: ReadonlySet<string>, now: number) {
      for (const [name, ids] of known) {
        const last = ids.at(-1)
        if (names.has(name) || (last !== undefined && idTime(last) + keepMs > now)) continue
        known.delete(name)
        yield* disk.removeFolder(join(folder, name))
      }
    }),

    /** The process set has another name now, and its past goes with it. */
    rename: Effect.fnUntraced(function* (from: string, to: string) {
      const ids = idsOf(from)
      if (ids.length === 0 || from === to) return
      for (const id of ids) {
        const report = yield* read(from, id)
        if (report === undefined) continue
        yield* disk.makeFolder(join(folder, to))
        yield* disk.write(pathOf(to, id), `${JSON.stringify({ ...report, name: to })}\n`)
      }
      known.set(to, [...idsOf(to), ...ids].toSorted().slice(-reportsMax))
      known.delete(from)
      yield* disk.removeFolder(join(folder, from))
    }),
  }
})
export type CrashStore = Effect.Success<ReturnType<typeof makeCrashStore>>
