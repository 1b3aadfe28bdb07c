import { continues, isAtLeast, lineLevel, type LogLevel } from "../../domain/LogLevel.ts"
import type { LogSource } from "./LogSource.ts"

/** One line of an output. `start` and `end`: its place among all bytes of the output, `end` behind its newline. */
export type Line = {
  readonly start: number
  readonly end: number
  /** When its end was got, milliseconds since 1970. */
  readonly at: number
  /** By what it is merged with lines of other outputs: never less than that of the line before. */
  readonly key: number
  readonly text: string
}

export type LineFilter = {
  readonly from: number
  readonly to: number
  readonly level: LogLevel | undefined
  readonly search: string | undefined
}

const lineBytesMax = 64 * 1024
const blockBytes = 128 * 1024
/** So far back a beginning of a line is looked for. */
const backBytesMax = 1024 * 1024
const newline = 10

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const textOf = (bytes: Uint8Array): string => {
  const text = decoder.decode(bytes)
  return text.endsWith("\r") ? text.slice(0, -1) : text
}

/** A line's own time may be so much before that of its arrival. */
const ownTimeMs = 10_000
const isoLength = 24

/** Lines of our workers say when they were written: finer than when they came. */
const keyOf = (text: string, at: number, before: number): number => {
  // The stack of an error stays with it.
  if (before > 0 && (text.startsWith(" ") || text.startsWith("\t"))) return before
  if (text[10] !== "T" || text[23] !== "Z") return Math.max(before, at)
  const own = Date.parse(text.slice(0, isoLength))
  return Math.max(before, own <= at && at - own < ownTimeMs ? own : at)
}

const passes = ({ from, search, to }: Omit<LineFilter, "level">, { at, text }: Pick<Line, "at" | "text">): boolean =>
  at >= from && at <= to && (search === undefined || text.toLowerCase().includes(search))

/** Reads the lines of one output onward, a block at a time. */
export class LineReader {
  readonly source: LogSource
  /** Lines that were read and not taken. */
  readonly lines: Array<Line> = []
  /** Bytes that were gone before they were read. */
  lostBytes = 0
  readonly #filter: LineFilter
  #taken = 0
  #position: number
  #pending: Uint8Array = new Uint8Array()
  #pendingStart: number
  #key = 0
  /** Of the line before; undefined: not known yet, or there is none. */
  #level: LogLevel | undefined

  constructor(source: LogSource, position: number, filter: LineFilter) {
    this.source = source
    this.#position = position
    this.#pendingStart = position
    this.#filter = filter
  }

  /** All before it was taken, or did not pass the filter. */
  get position(): number {
    return this.lines[this.#taken]?.start ?? this.#pendingStart
  }

  get next(): Line | undefined {
    return this.lines[this.#taken]
  }

  take(): void {
    this.#taken++
    if (this.#taken < this.lines.length) return
    this.lines.length = 0
    this.#taken = 0
  }

  /** Reads a block of what stands before `until`. false: there is nothing more now. */
  async fill(until: number): Promise<boolean> {
    if (this.#position < this.source.start) this.#skipTo(this.source.start)
    const room = Math.min(blockBytes, until - this.#position, this.source.end - this.#position)
    if (room <= 0) return false
    if (this.#filter.level !== undefined) this.#level ??= await levelBefore(this.source, this.#pendingStart)
    const bytes = await this.source.read(this.#position, room)
    if (bytes.length === 0) return false
    if (this.#position < this.source.start) return true
    const timeAt = await this.source.timesAt(this.#position)
    this.#split(bytes, timeAt)
    return true
  }

  /** What stands at the end without a newline. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return
    const timeAt = await this.source.timesAt(this.#position - 1)
    this.#add(this.#pending, this.#position, timeAt(this.#position - 1))
  }

  /** Goes on at a later place, the beginning of a line. */
  jump(position: number): void {
    this.lines.length = 0
    this.#taken = 0
    this.#position = position
    this.#pendingStart = position
    this.#pending = new Uint8Array()
    this.#level = undefined
  }

  #skipTo(position: number): void {
    this.lostBytes += Math.max(0, position - this.#pendingStart)
    this.jump(position)
  }

  #split(bytes: Uint8Array, timeAt: (position: number) => number): void {
    let from = 0
    for (;;) {
      const at = bytes.indexOf(newline, from)
      if (at < 0) break
      const part = bytes.subarray(from, at)
      const line = this.#pending.length === 0 ? part : joined(this.#pending, part)
      const position = this.#position + at
      this.#add(line, position + 1, timeAt(position))
      from = at + 1
    }
    const rest = bytes.subarray(from)
    this.#pending = this.#pending.length === 0 ? rest.slice(0, lineBytesMax) : joined(this.#pending, rest)
    this.#position += bytes.length
  }

  #add(bytes: Uint8Array, end: number, at: number): void {
    const start = this.#pendingStart
    this.#pendingStart = end
    this.#pending = new Uint8Array()
    const text = textOf(bytes.subarray(0, lineBytesMax))
    this.#key = keyOf(text, at, this.#key)
    const line = { start, end, at, key: this.#key, text }
    if (this.#isGrave(text) && passes(this.#filter, line)) this.lines.push(line)
  }

  /** Each line is asked, as the next may go on with it. */
  #isGrave(text: string): boolean {
    const { level } = this.#filter
    if (level === undefined) return true
    this.#level = lineLevel(text, this.source.output.stream, this.#level)
    return isAtLeast(this.#level, level)
  }
}

/** Never more than what is shown of a line. */
const joined = (head: Uint8Array, tail: Uint8Array): Uint8Array => {
  if (head.length >= lineBytesMax) return head
  const all = new Uint8Array(Math.min(lineBytesMax, head.length + tail.length))
  all.set(head)
  all.set(tail.subarray(0, all.length - head.length), head.length)
  return all
}

/** The beginning of the line that a place is in. */
export const lineStart = async (source: LogSource, position: number): Promise<number> => {
  const least = Math.max(source.start, position - backBytesMax)
  let end = position
  while (end > least) {
    const start = Math.max(least, end - blockBytes)
    const bytes = await readAll(source, start, end)
    const at = bytes.lastIndexOf(newline)
    if (at >= 0) return start + at + 1
    end = start
  }
  return least
}

const readAll = async (source: LogSource, start: number, end: number): Promise<Uint8Array> => {
  const all = new Uint8Array(Math.max(0, end - start))
  let read = 0
  while (read < all.length) {
    const bytes = await source.read(start + read, all.length - read)
    if (bytes.length === 0) break
    all.set(bytes, read)
    read += bytes.length
  }
  return all.subarray(0, read)
}

const levelBytes = 4 * 1024

/** The level of the line that ends at `position`: so a reader that begins amid a stack knows whose it is. */
const levelBefore = async (source: LogSource, position: number): Promise<LogLevel | undefined> => {
  const least = Math.max(source.start, position - backBytesMax)
  let start = position
  for (let back = levelBytes; start > least; back *= 8) {
    start = Math.max(least, position - back)
    const lines = decoder
      .decode(await readAll(source, start, position))
      .split("\n")
      .slice(0, -1)
    // The first may lack its beginning.
    const whole = start === source.start ? lines : lines.slice(1)
    const head = whole.findLast((text) => !continues(text))
    if (head !== undefined) return lineLevel(head, source.output.stream, undefined)
  }
  return undefined
}

/** Reads the lines of one output backward, from `end` on, a block at a time. */
export class BackwardReader {
  readonly source: LogSource
  /** The newest last. */
  #lines: Array<Line> = []
  #end: number
  readonly #least: number
  readonly #filter: LineFilter

  constructor(source: LogSource, range: { readonly start: number; readonly end: number }, filter: LineFilter) {
    this.source = source
    this.#least = range.start
    this.#end = range.end
    this.#filter = filter
  }

  get next(): Line | undefined {
    return this.#lines.at(-1)
  }

  take(): void {
    this.#lines.pop()
  }

  /** false: there is nothing before. */
  async fill(): Promise<boolean> {
    if (this.#end <= this.#least) return false
    const from = Math.max(this.#least, this.#end - blockBytes)
    const start = from === this.#least ? from : await lineStart(this.source, from)
    const reader = new LineReader(this.source, Math.max(this.#least, start), this.#filter)
    while (await reader.fill(this.#end));
    await reader.flush()
    this.#lines = [...reader.lines]
    this.#end = Math.max(this.#least, start)
    return true
  }
}
