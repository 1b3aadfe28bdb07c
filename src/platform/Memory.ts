import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import { libc } from "./Libc.ts"

const MADV_DONTNEED = 4
const pageBytes = 4096n

/** Addresses. */
type Part = { readonly from: bigint; readonly to: bigint }

/** Where the code of a file and its constants are mapped, which is as it is in the file. */
const codeOf = (path: string): ReadonlyArray<Part> =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, from, to, mapped] = /^([0-9a-f]+)-([0-9a-f]+) r-(?:xp \S+|-p 0+) \S+ [1-9]\d* +(.*)$/.exec(line) ?? []
      return from === undefined || mapped !== path ? [] : [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }]
    })

/** What the compiler has put into the executable: our own code. Mapped to be written to, though nobody does. */
const embeddedSection = ".bun"

/** Of an ELF file of 64 bits that is not moved when it is loaded; undefined: it has no such section. */
const sectionOf = (path: string, wanted: string): Part | undefined => {
  const file = openSync(path, "r")
  try {
    const read = (at: number, length: number) => {
      const bytes = Buffer.alloc(length)
      readSync(file, bytes, 0, length, at)
      return bytes
    }
    const header = read(0, 64)
    const isFixed = header.readUInt32BE(0) === 0x7f454c46 && header.readUInt16LE(16) === 2
    if (!isFixed) return undefined
    const [size, count, namesAt] = [header.readUInt16LE(58), header.readUInt16LE(60), header.readUInt16LE(62)]
    const table = read(Number(header.readBigUInt64LE(40)), size * count)
    const word = (row: number, at: number) => table.readBigUInt64LE(row * size + at)
    const names = read(Number(word(namesAt, 24)), Number(word(namesAt, 32))).toString("latin1")
    for (let row = 0; row < count; row++) {
      const start = table.readUInt32LE(row * size)
      if (names.slice(start, names.indexOf("\0", start)) !== wanted) continue
      return { from: word(row, 16), to: word(row, 16) + word(row, 32) }
    }
    return undefined
  } finally {
    closeSync(file)
  }
}

/** The pages that hold nothing else. */
const wholePages = ({ from, to }: Part): Part => ({
  from: ((from + pageBytes - 1n) / pageBytes) * pageBytes,
  to: (to / pageBytes) * pageBytes,
})

let parts: ReadonlyArray<Part> | undefined

const releasable = (): ReadonlyArray<Part> => {
  const embedded = sectionOf(process.execPath, embeddedSection)
  return [...codeOf(process.execPath), ...(embedded === undefined ? [] : [wholePages(embedded)])]
}

/**
 * Lets go of the pages of the running executable that are mapped now: most of them only the start has needed. What is needed
 * again is mapped again, from the page cache.
 */
export const releaseCode = async (): Promise<void> => {
  const c = await libc()
  for (const { from, to } of (parts ??= releasable())) c.madvise(from, to - from, MADV_DONTNEED)
}

/** What this process has in memory that is not in a file; 0 where nobody knows. */
export const anonymousBytes = (): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) * 1024

/** Not in Bun's types, and in no other runtime. */
type Shrinking = { readonly shrink?: () => void }

/**
 * Drops all garbage, and what the engine has made of our code to run it. What is needed again is made again: that costs some
 * tenths of a second in all, where most of it was needed just once.
 */
export const dropCode = (): void => {
  if ("Bun" in globalThis) (Bun as Shrinking).shrink?.()
}
