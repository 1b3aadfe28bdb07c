import { expandMember } from "../../platform/GzipLog.ts"
import { factsOf, filesIn, ReadableFile } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { entryAt, headBytes, type IndexEntries, readEntries, readHead } from "./LogIndex.ts"
import { memberBytes, readMembers } from "./LogMembers.ts"
import {
  currentIndex,
  currentLog,
  type Output,
  outputBase,
  readLogName,
  rotatedIndex,
  rotatedMembers,
  stampTime,
} from "./LogNames.ts"

/** One file of an output. `base`: the place of its first byte among all bytes that the output ever had. */
export type Segment = {
  readonly name: string
  readonly stamp: string | undefined
  readonly inode: number
  readonly base: number
  readonly bytes: number
  /** On the disk: fewer when it is compressed. */
  readonly fileBytes: number
  readonly modifiedAt: number
  /** Of a compressed one: where its members begin. */
  readonly members: ReadonlyArray<number> | undefined
}

const triesMax = 5
const firstEntryBytes = headBytes + 16

/**
 * All bytes that an output has said and that are still there, as one row, over rotations and compression. It is read
 * while the agent writes, rotates and compresses.
 */
export class LogSource {
  readonly output: Output
  readonly #folder: string
  readonly #base: string
  #segments: ReadonlyArray<Segment> = []
  #file: { readonly segment: Segment; readonly handle: ReadableFile } | undefined
  #member: { readonly key: string; readonly bytes: Uint8Array } | undefined
  #index: { readonly inode: number; readonly stamp: string | undefined; bytes: Uint8Array } | undefined

  constructor(folder: string, output: Output) {
    this.#folder = folder
    this.output = output
    this.#base = outputBase(output)
  }

  get segments(): ReadonlyArray<Segment> {
    return this.#segments
  }

  /** The place of the first byte that is still there. */
  get start(): number {
    return this.#segments[0]?.base ?? 0
  }

  /** The place behind the last byte, as of the last look. */
  get end(): number {
    const last = this.#segments.at(-1)
    return last === undefined ? 0 : last.base + last.bytes
  }

  /** Looks at what there is now. */
  async look(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const segments = await this.#list()
      const isWhole = segments.every(({ base }, index) => {
        const before = segments[index - 1]
        return before === undefined || before.base + before.bytes === base
      })
      this.#segments = segments
      // A file was put aside between two questions; or somebody has removed one.
      if (isWhole || tries === triesMax) return
    }
  }

  /** The same where most often nothing but the newest file has grown: a look that costs nearly nothing. */
  async lookAgain(): Promise<void> {
    const last = this.#segments.at(-1)
    const facts = last?.stamp === undefined ? factsOf(join(this.#folder, currentLog(this.#base))) : undefined
    if (last === undefined || facts?.inode !== last.inode || facts.bytes < last.bytes) return await this.look()
    if (facts.bytes === last.bytes && facts.modifiedAt === last.modifiedAt) return
    // Somebody has emptied it, and as much has come since as it had, or more.
    if (await this.#isCountedAnew(last)) return await this.look()
    this.#segments = [
      ...this.#segments.slice(0, -1),
      { ...last, bytes: facts.bytes, fileBytes: facts.bytes, modifiedAt: facts.modifiedAt },
    ]
  }

  /** What stands at `position`, at most so many bytes and of one file; empty at the end. */
  async read(position: number, bytesMax: number): Promise<Uint8Array> {
    for (let tries = 1; tries <= triesMax; tries++) {
      const segment = this.#segments.findLast(({ base }) => base <= position)
      const left = segment === undefined ? 0 : segment.base + segment.bytes - position
      if (segment !== undefined && left > 0) {
        const bytes = await this.#readOf(segment, position - segment.base, Math.min(left, bytesMax))
        if (bytes !== undefined) return bytes
      } else if (tries > 1) break
      await this.look()
    }
    return new Uint8Array()
  }

  /** The times of the file that a position is in, to be asked for positions of that file. */
  async timesAt(position: number): Promise<(position: number) => number> {
    const segment = this.#segments.findLast(({ base }) => base <= position)
    if (segment === undefined) return () => 0
    const entries = await this.#entries(segment)
    const otherwise = segment.stamp === undefined ? Math.floor(segment.modifiedAt) : stampTime(segment.stamp)
    return (at) => {
      const entry = entryAt(entries, at - segment.base)
      return entry < 0 ? otherwise : entries.time(entry)
    }
  }

  /** Before it nothing came at `time` or later. */
  async startFor(time: number): Promise<number> {
    const index = await this.#lastBegunBy(time)
    const segment = this.#segments[Math.max(0, index)]
    if (segment === undefined) return 0
    const entries = await this.#entries(segment)
    for (let entry = 0; entry < entries.count; entry++)
      if (entries.time(entry) >= time) return segment.base + entries.offset(entry)
    return segment.base + segment.bytes
  }

  /** From it on nothing came at `time` or before. */
  async endFor(time: number): Promise<number> {
    const index = await this.#lastBegunBy(time)
    const segment = this.#segments[index]
    if (segment === undefined) return this.start
    const entries = await this.#entries(segment)
    for (let entry = entries.count - 1; entry >= 0; entry--)
      if (entries.time(entry) <= time)
        return segment.base + (entry + 1 < entries.count ? entries.offset(entry + 1) : segment.bytes)
    return segment.base + segment.bytes
  }

  /** When the first and the last bytes of a file were got; null: there are none. */
  async span(segment: Segment): Promise<{ readonly from: number | null; readonly to: number | null }> {
    const entries = await this.#entries(segment)
    if (entries.count === 0 || segment.bytes === 0) return { from: null, to: null }
    return { from: entries.time(0), to: entries.time(entries.count - 1) }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close()
    this.#file = undefined
  }

  async #list(): Promise<ReadonlyArray<Segment>> {
    const files = await filesIn(this.#folder)
    const known = new Map(this.#segments.map((segment) => [segment.name, segment]))
    const segments: Array<Segment> = []
    const mine = files.flatMap((file) => {
      const read = file.name.startsWith(`${this.#base}.`) ? readLogName(file.name) : undefined
      return read?.kind === "log" || read?.kind === "gz" ? [{ ...file, stamp: read.stamp, kind: read.kind }] : []
    })
    for (const { bytes, inode, kind, modifiedAt, name, stamp } of mine) {
      const isTwice =
        kind === "log" && stamp !== undefined && mine.some((one) => one.kind === "gz" && one.stamp === stamp)
      if (isTwice) continue
      const same = known.get(name)
      if (stamp !== undefined && same?.inode === inode && same.fileBytes === bytes) segments.push(same)
      else segments.push(await this.#segment({ bytes, inode, kind, modifiedAt, name, stamp }))
    }
    return placed(segments)
  }

  async #segment(file: {
    readonly name: string
    readonly inode: number
    readonly bytes: number
    readonly modifiedAt: number
    readonly stamp: string | undefined
    readonly kind: "log" | "gz"
  }): Promise<Segment> {
    const { inode, kind, modifiedAt, name, stamp } = file
    const head = readHead(await this.#wholeOf(this.#indexName(stamp), headBytes))
    // A head of another file: an agent has ended, or is, between two renamings.
    const base = head === undefined || (kind === "log" && head.inode !== inode) ? -1 : head.base
    if (kind === "log" || stamp === undefined)
      return { name, stamp, inode, base, bytes: file.bytes, fileBytes: file.bytes, modifiedAt, members: undefined }
    const members = await this.#wholeOf(rotatedMembers(this.#base, stamp))
    const [bytes = 0] = members.length < 8 ? [] : [new DataView(members.buffer, members.byteOffset).getFloat64(0, true)]
    return { name, stamp, inode, base, bytes, fileBytes: file.bytes, modifiedAt, members: readMembers(members) }
  }

  /** Its first byte has another place by now. */
  async #isCountedAnew({ base, inode, stamp }: Segment): Promise<boolean> {
    const head = readHead(await this.#wholeOf(this.#indexName(stamp), headBytes))
    return head !== undefined && head.inode === inode && head.base !== base
  }

  #indexName(stamp: string | undefined): string {
    return stamp === undefined ? currentIndex(this.#base) : rotatedIndex(this.#base, stamp)
  }

  async #wholeOf(name: string, bytesMax = Number.POSITIVE_INFINITY, position = 0): Promise<Uint8Array> {
    const file = await ReadableFile.open(join(this.#folder, name))
    if (file === undefined) return new Uint8Array()
    try {
      const { bytes } = await file.facts()
      return await file.read(position, Math.max(0, Math.min(bytesMax, bytes - position)))
    } finally {
      await file.close()
    }
  }

  /** Undefined: it is not there any more under this name. */
  async #readOf(segment: Segment, offset: number, bytesMax: number): Promise<Uint8Array | undefined> {
    const handle = await this.#opened(segment)
    if (handle === undefined) return undefined
    if (segment.members === undefined) {
      const bytes = await handle.read(offset, bytesMax)
      return bytes.length === 0 ? undefined : bytes
    }
    const member = Math.floor(offset / memberBytes)
    const bytes = await this.#memberOf(segment, handle, member)
    const within = offset - member * memberBytes
    return bytes.subarray(within, within + bytesMax)
  }

  async #opened(segment: Segment): Promise<ReadableFile | undefined> {
    if (this.#file?.segment.inode === segment.inode) return this.#file.handle
    await this.close()
    const handle = await ReadableFile.open(join(this.#folder, segment.name))
    if (handle === undefined) return undefined
    // Held at once, so that whatever becomes of it is closed.
    this.#file = { segment, handle }
    if ((await handle.facts()).inode === segment.inode) return handle
    await this.close()
    return undefined
  }

  async #memberOf(segment: Segment, handle: ReadableFile, member: number): Promise<Uint8Array> {
    const key = `${segment.inode} ${member}`
    if (this.#member?.key === key) return this.#member.bytes
    const [from = 0, to = 0] = segment.members?.slice(member, member + 2) ?? []
    const bytes = await expandMember(await handle.read(from, to - from))
    this.#member = { key, bytes }
    return bytes
  }

  /** The index of a file that is written to grows. */
  async #entries(segment: Segment): Promise<IndexEntries> {
    const known = this.#index
    const name = this.#indexName(segment.stamp)
    if (known?.inode === segment.inode && known.stamp === segment.stamp) {
      const more = segment.stamp === undefined ? await this.#wholeOf(name, undefined, known.bytes.length) : []
      if (more.length > 0) known.bytes = Buffer.concat([known.bytes, Uint8Array.from(more)])
      return readEntries(known.bytes.subarray(headBytes))
    }
    const bytes = await this.#wholeOf(name)
    const isOfIt = segment.members !== undefined || readHead(bytes)?.inode === segment.inode
    if (!isOfIt) return readEntries(new Uint8Array())
    this.#index = { inode: segment.inode, stamp: segment.stamp, bytes }
    return readEntries(bytes.subarray(headBytes))
  }

  /** The newest file whose first bytes came at `time` or before; -1: none. */
  async #lastBegunBy(time: number): Promise<number> {
    for (let index = this.#segments.length - 1; index >= 0; index--) {
      const { stamp } = this.#segments[index] ?? { stamp: undefined }
      const first = await this.#wholeOf(this.#indexName(stamp), firstEntryBytes)
      const entries = readEntries(first.subarray(headBytes))
      if (entries.count > 0 && entries.time(0) <= time) return index
    }
    return -1
  }
}

/** In the order of time; a file whose index is missing stands behind the one before it. */
const placed = (segments: ReadonlyArray<Segment>): ReadonlyArray<Segment> => {
  let next = 0
  return segments
    .toSorted((a, b) => ((a.stamp ?? "~") < (b.stamp ?? "~") ? -1 : 1))
    .map((segment) => {
      const base = segment.base < 0 ? next : segment.base
      next = base + segment.bytes
      return { ...segment, base }
    })
}
