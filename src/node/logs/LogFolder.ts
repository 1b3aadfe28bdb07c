import { factsOf, namesIn, removeFile, renameFile, WritableFile } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { headBytes, readHead } from "./LogIndex.ts"
import { membersHead } from "./LogMembers.ts"
import {
  currentIndex,
  currentLog,
  nextLog,
  readLogName,
  rotatedGzip,
  rotatedIndex,
  rotatedLog,
  rotatedMembers,
  stampOf,
  stampTime,
} from "./LogNames.ts"

const newline = 10

/** The stamps of an output's files that were put aside, oldest first. */
export const stampsOf = (folder: string, base: string): ReadonlyArray<string> => {
  const stamps = namesIn(folder).flatMap((name) => {
    const read = name.startsWith(`${base}.`) ? readLogName(name) : undefined
    return read?.stamp !== undefined && (read.kind === "log" || read.kind === "gz") ? [read.stamp] : []
  })
  return [...new Set(stamps)].toSorted()
}

/** One that no file has, later than all of them, whatever the clock says. */
export const freshStamp = (folder: string, base: string, now: number): string => {
  const newest = stampsOf(folder, base).at(-1)
  return stampOf(newest === undefined ? now : Math.max(now, stampTime(newest) + 1))
}

const readStart = (path: string, bytes: number): Uint8Array => {
  if (factsOf(path) === undefined) return new Uint8Array()
  const file = WritableFile.open(path)
  try {
    return file.read(0, bytes)
  } finally {
    file.close()
  }
}

const bytesOf = (folder: string, base: string, stamp: string): number =>
  factsOf(join(folder, rotatedLog(base, stamp)))?.bytes ??
  membersHead(readStart(join(folder, rotatedMembers(base, stamp)), 8)) ??
  0

/** Where the bytes of the next file begin among all that an output ever had, as its files that were put aside tell it. */
export const nextBase = (folder: string, base: string): number => {
  let bytes = 0
  for (const stamp of stampsOf(folder, base).toReversed()) {
    bytes += bytesOf(folder, base, stamp)
    const head = readHead(readStart(join(folder, rotatedIndex(base, stamp)), headBytes))
    if (head !== undefined) return head.base + bytes
  }
  return bytes
}

const endsALine = (path: string): boolean => {
  const file = WritableFile.open(path)
  try {
    const { bytes } = file.facts()
    return bytes === 0 || file.read(bytes - 1, 1)[0] === newline
  } finally {
    file.close()
  }
}

/** Gives an index that was left behind to the file that it is of: the agent ended between the two renamings. */
const settleIndex = (folder: string, base: string): void => {
  const path = join(folder, currentIndex(base))
  const head = readHead(readStart(path, headBytes))
  if (head === undefined || factsOf(join(folder, currentLog(base)))?.inode === head.inode) return
  const owner = stampsOf(folder, base)
    .toReversed()
    .find((stamp) => factsOf(join(folder, rotatedLog(base, stamp)))?.inode === head.inode)
  if (owner === undefined || factsOf(join(folder, rotatedIndex(base, owner))) !== undefined) return
  renameFile(path, join(folder, rotatedIndex(base, owner)))
}

/**
 * Ends what an agent that was killed had begun. A file is put aside in the order: what it has of an unfinished line is
 * written to `next`; it is cut there; it is renamed; `next` is renamed. So while the file does not end a line, `next`
 * says it twice, and when it does, `next` alone has the rest.
 */
export const recover = (folder: string, base: string, now: number): void => {
  const current = join(folder, currentLog(base))
  const next = join(folder, nextLog(base))
  if (factsOf(next) !== undefined) {
    if (factsOf(current) === undefined) renameFile(next, current)
    else if (endsALine(current)) {
      renameFile(current, join(folder, rotatedLog(base, freshStamp(folder, base, now))))
      renameFile(next, current)
    } else removeFile(next)
  }
  settleIndex(folder, base)
  for (const stamp of stampsOf(folder, base)) {
    // The compressed file got its name when it was whole.
    const plain = join(folder, rotatedLog(base, stamp))
    if (factsOf(join(folder, rotatedGzip(base, stamp))) !== undefined && factsOf(plain) !== undefined) removeFile(plain)
  }
}
