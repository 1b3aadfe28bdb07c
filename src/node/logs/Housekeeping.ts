import { type AsideFile, expiredLogs, type RetentionLimits } from "../../domain/LogRetention.ts"
import { gzipFile } from "../../platform/GzipLog.ts"
import {
  type FileFacts,
  filesIn,
  namesIn,
  removeFile,
  removeLater,
  renameFile,
  WritableFile,
} from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { memberBytes, writeMembers } from "./LogMembers.ts"
import { type LogName, outputBase, readLogName, rotatedGzip, rotatedLog, rotatedMembers, stampOf } from "./LogNames.ts"

type Found = FileFacts & LogName & { readonly name: string }
type Aside = AsideFile & {
  readonly stamp: string
  readonly names: ReadonlyArray<string>
  readonly plain: Found | undefined
}

const read = (file: FileFacts & { readonly name: string }): ReadonlyArray<Found> => {
  const name = readLogName(file.name)
  return name === undefined ? [] : [{ ...file, ...name }]
}

const asideOf = (files: ReadonlyArray<Found>): ReadonlyArray<Aside> => {
  const groups = Map.groupBy(
    files.filter(({ stamp }) => stamp !== undefined),
    (file) => `${outputBase(file)} ${file.stamp}`,
  )
  return [...groups].map(([key, group]) => {
    const [output = "", stamp = ""] = key.split(" ")
    return {
      output,
      stamp,
      bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
      names: group.map(({ name }) => name),
      plain: group.find(({ kind }) => kind === "log"),
    }
  })
}

const partEnd = ".part"

/** Removes what is too old or too much of one process set's log files, and what was left of one half compressed. */
export const retain = async (folder: string, limits: RetentionLimits): Promise<void> => {
  const all = await filesIn(folder)
  const files = all.flatMap(read)
  const current = files.filter(({ stamp }) => stamp === undefined).reduce((sum, { bytes }) => sum + bytes, 0)
  const expired = expiredLogs(asideOf(files), current, limits).flatMap(({ names }) => names)
  const parts = all.map(({ name }) => name).filter((name) => name.endsWith(partEnd))
  await Promise.all([...expired, ...parts].map((name) => removeLater(join(folder, name))))
}

/** The plain files that were put aside, oldest first. */
export const uncompressed = async (folder: string): Promise<ReadonlyArray<LogName & { readonly stamp: string }>> =>
  asideOf((await filesIn(folder)).flatMap(read))
    .flatMap(({ plain, stamp }) => (plain === undefined ? [] : [{ ...plain, stamp }]))
    .toSorted((a, b) => (a.stamp === b.stamp ? 0 : a.stamp < b.stamp ? -1 : 1))

/** Compresses one of them. Whenever the agent ends meanwhile: one of the two is whole and there. */
export const compress = async (folder: string, file: LogName & { readonly stamp: string }): Promise<void> => {
  const base = outputBase(file)
  const from = join(folder, rotatedLog(base, file.stamp))
  const to = join(folder, rotatedGzip(base, file.stamp))
  const { bytes, offsets } = await gzipFile(from, `${to}${partEnd}`, memberBytes)
  const members = WritableFile.open(join(folder, rotatedMembers(base, file.stamp)))
  members.truncate(0)
  members.write(writeMembers(bytes, offsets), 0)
  members.close()
  renameFile(`${to}${partEnd}`, to)
  removeFile(from)
}

/** Removes the whole folder when nothing was written to it for `ms`. Gives whether it did. */
export const removeIdle = async (folder: string, now: number, ms: number): Promise<boolean> => {
  const files = await filesIn(folder)
  if (files.length === 0 || files.some(({ modifiedAt }) => now - modifiedAt < ms)) return false
  await removeLater(folder)
  return true
}

/** Gives a folder another name. What has that name already is kept beside it, under one that says when. */
export const renameFolder = (from: string, to: string, now: number): void => {
  if (namesIn(from).length === 0) return
  if (namesIn(to).length > 0) renameFile(to, `${to}.${stampOf(now)}`)
  renameFile(from, to)
}
