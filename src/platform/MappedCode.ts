import { readFileSync } from "node:fs"
import { libc } from "./Libc.ts"

const MADV_DONTNEED = 4

/** Where the code of a file is mapped: no other part of it is for certain as it is in the file. Addresses. */
const codeOf = (path: string): ReadonlyArray<{ readonly from: bigint; readonly to: bigint }> =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, from, to, mapped] = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +(.*)$/.exec(line) ?? []
      return from === undefined || mapped !== path ? [] : [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }]
    })

/**
 * Lets go of the pages of the running executable that are mapped now: most of them only the start has needed. What is needed
 * again is mapped again, from the page cache.
 */
export const releaseCode = async (): Promise<void> => {
  const c = await libc()
  for (const { from, to } of codeOf(process.execPath)) c.madvise(from, to - from, MADV_DONTNEED)
}
