import { namesIn } from "../../platform/LogFile.ts"
import { sleep } from "../../platform/Time.ts"
import type { LogBatch, LogLine, LogsRequest } from "../../protocol/LogMessages.ts"
import { BackwardReader, type Line, type LineFilter, lineStart, LineReader } from "./LineReader.ts"
import { type Output, outputKey, readLogName } from "./LogNames.ts"
import { LogSource } from "./LogSource.ts"

export type ReadingOptions = {
  /** The log folder of the process set. */
  readonly folder: string
  readonly request: LogsRequest
  /** Resolves when lines of the process set have come. */
  readonly came: () => Promise<void>
}

const batchLines = 512
const batchBytes = 256 * 1024
/** A follower that is so far behind goes on near the end; it is told how much it has missed. */
const lagBytesMax = 16 * 1024 * 1024
const lagBytesAfter = 1024 * 1024
/** New instances are looked for so often, and lines whose coming nobody has told. */
const lookMs = 1_000
const endless = Number.POSITIVE_INFINITY

const outputsIn = (folder: string, { places, stream }: LogsRequest): ReadonlyArray<Output> => {
  const found = new Map<string, Output>()
  for (const name of namesIn(folder)) {
    const read = readLogName(name)
    if (read === undefined || (read.kind !== "log" && read.kind !== "gz")) continue
    if (stream !== undefined && read.stream !== stream) continue
    if (places !== undefined && !places.includes(read.place)) continue
    found.set(outputKey(read), { place: read.place, stream: read.stream })
  }
  // Of what came at once, standard output is told first.
  return [...found.values()].toSorted((a, b) => (a.stream === b.stream ? 0 : a.stream === "out" ? -1 : 1))
}

/** The one of them whose next line comes first. */
const first = <R extends { readonly next: Line | undefined }>(readers: Iterable<R>, isLast: boolean): R | undefined => {
  let best: R | undefined
  for (const reader of readers) {
    if (reader.next === undefined) continue
    const other = best?.next
    if (other === undefined || (isLast ? reader.next.key >= other.key : reader.next.key < other.key)) best = reader
  }
  return best
}

type Fillable = { readonly next: () => Line | undefined; readonly fill: () => Promise<boolean> }

/** Reads on until there is a line that passes. */
const hasNext = async ({ fill, next }: Fillable, over: AbortSignal): Promise<boolean> => {
  while (next() === undefined) if (over.aborted || !(await fill())) return false
  return true
}

/**
 * The answer to one LogsRequest. It reads the files at the speed of whoever takes the batches: nothing is kept for a slow
 * reader, and nobody waits for one.
 */
export class LogReading implements AsyncIterableIterator<LogBatch, undefined> {
  readonly #options: ReadingOptions
  readonly #batches: AsyncGenerator<LogBatch, undefined>
  readonly #over = new AbortController()
  readonly #sources: Array<LogSource> = []
  readonly #readers = new Map<string, LineReader>()
  readonly #told = new Map<string, number>()
  readonly #filter: LineFilter
  #left: number

  constructor(options: ReadingOptions) {
    const { after, level, limit = endless, search, to = endless } = options.request
    const from = after === undefined ? (options.request.from ?? -endless) : -endless
    this.#options = options
    this.#filter = { from, to, level, search: search === undefined || search === "" ? undefined : search.toLowerCase() }
    this.#left = limit
    this.#batches = this.#run()
  }

  next(): Promise<IteratorResult<LogBatch, undefined>> {
    return this.#batches.next()
  }

  /** Ends it, also while it waits. */
  return(): Promise<IteratorResult<LogBatch, undefined>> {
    this.#over.abort()
    return this.#batches.return(undefined)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async *#run(): AsyncGenerator<LogBatch, undefined> {
    const { follow = false, to } = this.#options.request
    try {
      const ends = await this.#begin()
      for (;;) {
        const { isOver, lines } = await this.#collect((key) => ends.get(key) ?? 0)
        if (lines.length > 0) yield this.#batch(lines, false)
        if (isOver) break
      }
      const rest = follow ? [] : await this.#flush()
      yield this.#batch(rest, true)
      if (!follow || to !== undefined) return undefined
      yield* this.#follow()
      return undefined
    } finally {
      for (const source of this.#sources) await source.close()
    }
  }

  /** To be closed at the end, whatever becomes of it. */
  #source(output: Output): LogSource {
    const source = new LogSource(this.#options.folder, output)
    this.#sources.push(source)
    return source
  }

  /** What stands at the ends without a newline. */
  async #flush(): Promise<Array<LogLine>> {
    for (const reader of this.#readers.values()) await reader.flush()
    return (await this.#collect(() => 0)).lines
  }

  async *#follow(): AsyncGenerator<LogBatch, undefined> {
    let lookedAt = performance.now()
    while (this.#left > 0 && !this.#over.signal.aborted) {
      const came = this.#options.came()
      if (performance.now() - lookedAt >= lookMs) {
        lookedAt = performance.now()
        await this.#findNew()
      }
      const dropped = await this.#catchUp()
      const { lines } = await this.#collect(() => endless)
      const lost = dropped + this.#lost()
      if (lines.length > 0 || lost > 0) yield this.#batch(lines, true, lost)
      else await Promise.race([came, sleep(lookMs, this.#over.signal)])
    }
    return undefined
  }

  /** Where each output is read from; gives where they end now. */
  async #begin(): Promise<ReadonlyMap<string, number>> {
    const { after, follow = false, from, tail, to } = this.#options.request
    const ends = new Map<string, number>()
    const starts = new Map<string, number>()
    const sources = new Map<string, LogSource>()
    for (const output of outputsIn(this.#options.folder, this.#options.request)) {
      const source = this.#source(output)
      const key = outputKey(output)
      await source.look()
      sources.set(key, source)
      const end = to === undefined ? source.end : await source.endFor(to)
      // Whoever follows gets the end of a line that is not whole yet with its beginning.
      ends.set(key, follow ? await lineStart(source, end) : end)
      starts.set(key, after === undefined ? await startOf(source, from) : (after[key] ?? source.start))
    }
    if (tail !== undefined && after === undefined) await this.#seekTail(sources, { starts, ends, tail })
    for (const [key, source] of sources)
      this.#readers.set(key, new LineReader(source, starts.get(key) ?? 0, this.#filter))
    return ends
  }

  /** Moves the starts so that `tail` lines of all outputs together are left. */
  async #seekTail(
    sources: ReadonlyMap<string, LogSource>,
    range: { readonly starts: Map<string, number>; readonly ends: ReadonlyMap<string, number>; readonly tail: number },
  ): Promise<void> {
    const readers = [...sources].map(([key, source]) => {
      const [start, end] = [range.starts.get(key) ?? 0, range.ends.get(key) ?? 0]
      range.starts.set(key, Math.max(start, end))
      return new BackwardReader(source, { start, end }, this.#filter)
    })
    const left = new Set(readers)
    for (let count = 0; count < range.tail && !this.#over.signal.aborted; count++) {
      for (const reader of left)
        if (!(await hasNext({ next: () => reader.next, fill: () => reader.fill() }, this.#over.signal)))
          left.delete(reader)
      const last = first(readers, true)
      if (last?.next === undefined) return
      range.starts.set(outputKey(last.source.output), last.next.start)
      last.take()
    }
  }

  /** The next lines of all outputs, in the order of time. `isOver`: nothing stands before the ends any more. */
  async #collect(endOf: (key: string) => number): Promise<{ lines: Array<LogLine>; isOver: boolean }> {
    const lines: Array<LogLine> = []
    const empty = new Set<LineReader>()
    let bytes = 0
    while (lines.length < Math.min(batchLines, this.#left) && bytes < batchBytes) {
      for (const [key, reader] of this.#readers) {
        if (empty.has(reader)) continue
        const { signal } = this.#over
        if (!(await hasNext({ next: () => reader.next, fill: () => reader.fill(endOf(key)) }, signal)))
          empty.add(reader)
      }
      const reader = first(this.#readers.values(), false)
      const line = reader?.next
      if (reader === undefined || line === undefined) return { lines, isOver: true }
      reader.take()
      lines.push({ at: line.at, ...reader.source.output, text: line.text })
      bytes += line.text.length
    }
    this.#left -= lines.length
    return { lines, isOver: this.#left <= 0 }
  }

  #batch(lines: Array<LogLine>, caughtUp: boolean, dropped = 0): LogBatch {
    const positions: Record<string, number> = {}
    for (const [key, { position }] of this.#readers) {
      if (this.#told.get(key) === position) continue
      this.#told.set(key, position)
      positions[key] = position
    }
    return { lines, caughtUp, dropped, positions }
  }

  async #findNew(): Promise<void> {
    for (const output of outputsIn(this.#options.folder, this.#options.request)) {
      const key = outputKey(output)
      if (this.#readers.has(key)) continue
      const source = this.#source(output)
      await source.look()
      const reader = new LineReader(source, source.start, this.#filter)
      // It has begun since the last look, and may have said more than is kept.
      reader.lostBytes = source.start
      this.#readers.set(key, reader)
    }
  }

  /** Leaves out what a follower could not take in time. Gives how many lines that were. */
  async #catchUp(): Promise<number> {
    let dropped = 0
    for (const reader of this.#readers.values()) {
      const { source } = reader
      await source.lookAgain()
      // Somebody has removed the files: what comes is counted anew.
      if (reader.position > source.end) reader.jump(source.start)
      if (source.end - reader.position <= lagBytesMax) continue
      const to = await lineStart(source, source.end - lagBytesAfter)
      dropped += await linesBetween(source, reader.position, to)
      reader.jump(to)
    }
    return dropped
  }

  /** Lines of files that were removed before they were read, by their bytes: nobody can count them any more. */
  #lost(): number {
    let lines = 0
    for (const reader of this.#readers.values()) {
      lines += linesIn(reader.lostBytes)
      reader.lostBytes = 0
    }
    return lines
  }
}

const usualLineBytes = 100
/** Of bytes that are not there any more, by their number. */
const linesIn = (bytes: number) => Math.ceil(Math.max(0, bytes) / usualLineBytes)

const startOf = async (source: LogSource, from: number | undefined): Promise<number> =>
  from === undefined ? source.start : await lineStart(source, await source.startFor(from))

const linesBetween = async (source: LogSource, from: number, to: number): Promise<number> => {
  let position = Math.max(from, source.start)
  let count = linesIn(position - from)
  while (position < to) {
    const bytes = await source.read(position, Math.min(lagBytesAfter, to - position))
    // Removed at this moment: what nobody can count is not to be taken for nothing.
    if (bytes.length === 0) return count + linesIn(to - position)
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++
    position += bytes.length
  }
  return count
}
