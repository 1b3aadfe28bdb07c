import { DateTime } from "effect"
import { type Fifos, MoveFailed } from "../../platform/Fifo.ts"
import { factsOf, readNow, renameFile, removeFile, WritableFile } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { freshStamp, nextBase, recover } from "./LogFolder.ts"
import { LogIndex } from "./LogIndex.ts"
import { currentIndex, currentLog, nextLog, type Output, outputBase, rotatedIndex, rotatedLog } from "./LogNames.ts"

/** When a file is put aside. 0: never for its age. */
export type RotationLimits = { readonly maxBytes: number; readonly maxAgeMs: number }

export type LogWriterOptions = {
  readonly folder: string
  readonly output: Output
  readonly fifos: Fifos
  readonly limits: () => RotationLimits
  /** A file was put aside. */
  readonly rotated: () => void
}

/** Why nothing can be written, and what was lost of it. Times are milliseconds since 1970. */
export type WriterFailure = { readonly reason: string; readonly since: number; dropped: number }

/** A line that is longer is divided when its file is put aside. */
const lineBytesMax = 1024 * 1024
const moveBytesMax = 1024 * 1024
const copyBytesMax = 64 * 1024
/** What one process may say before the others have their turn. */
const turnBytesMax = 4 * 1024 * 1024
const pageBytes = 4_096
const retryMs = 5_000
const newline = 10

const isoOf = (ms: number) => DateTime.formatIso(DateTime.makeUnsafe(ms))
const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Whether it is time for the next try. A clock that is put back does not put it off. */
const isDue = (at: number, now: number) => now >= at || at - now > retryMs

type Open = { readonly file: WritableFile; index: LogIndex | undefined; bytes: number }

/**
 * Writes what one output says to its log file, and puts the file aside when it is large or old. Whoever kills the agent
 * at whatever point: when the next one has opened the file, each byte is there once, and each line whole.
 */
export class LogWriter {
  /** Undefined: all is well. */
  get failure(): WriterFailure | undefined {
    return this.#failure
  }

  readonly #options: LogWriterOptions
  readonly #base: string
  #open: Open | undefined
  /** The open file was where it belongs when something came last, a moment ago. */
  #isInPlace = false
  #failure: WriterFailure | undefined
  #retryAt = 0
  #rotateAt = 0
  /** The kernel does not move bytes to this kind of file by itself. */
  #copies = false

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#base = outputBase(options.output)
  }

  /** Takes what the process has said. Gives how many bytes that were; what can't be written is counted and forgotten. */
  take(from: number, now: number): number {
    if (this.#failure !== undefined) return this.#forget(from, this.#failure)
    let taken = 0
    try {
      this.#leaveMoved()
      this.#look(this.#opened(now), now)
      while (taken < turnBytesMax) {
        const open = this.#opened(now)
        open.index?.note(open.bytes, now)
        const moved = this.#move(from, open, now)
        if (moved === 0) break
        taken += moved
        if (open.bytes < this.#options.limits().maxBytes) continue
        this.#rotate(now)
        // Files come no faster than those that are too many are removed.
        break
      }
      return taken
    } catch (error) {
      return taken + this.#forget(from, this.#fail(error, now))
    }
  }

  /** To be called once a second or so: puts an old file aside, and tries again what did not work. */
  settle(now: number): void {
    try {
      if (this.#failure !== undefined) return this.#resume(this.#failure, now)
      const { maxAgeMs } = this.#options.limits()
      this.#isInPlace = false
      const open = this.#open
      if (open === undefined) return
      const { firstAt } = open.index ?? {}
      // As far before its time: the clock was ahead then, and nobody knows how old it is.
      if (maxAgeMs > 0 && firstAt !== undefined && Math.abs(now - firstAt) >= maxAgeMs) this.#rotate(now)
    } catch (error) {
      this.#fail(error, now)
    }
  }

  /** Ends what an agent before this one had begun, and has the file there to be read. */
  prepare(now: number): void {
    try {
      this.#opened(now)
    } catch (error) {
      this.#fail(error, now)
    }
  }

  close(): void {
    this.#open?.file.close()
    this.#open?.index?.close()
    this.#open = undefined
  }

  #path(name: (base: string) => string): string {
    return join(this.#options.folder, name(this.#base))
  }

  #opened(now: number): Open {
    if (this.#open !== undefined) return this.#open
    recover(this.#options.folder, this.#base, now)
    const file = WritableFile.open(this.#path(currentLog))
    const { bytes, modifiedAt } = file.facts()
    const open: Open = { file, index: this.#indexOf(file), bytes }
    if (bytes > 0 && open.index?.firstAt === undefined) open.index?.note(0, Math.floor(modifiedAt))
    this.#open = open
    return open
  }

  #indexOf(file: WritableFile): LogIndex | undefined {
    const path = this.#path(currentIndex)
    const facts = file.facts()
    try {
      return LogIndex.reopen(path, facts) ?? LogIndex.create(path, facts, nextBase(this.#options.folder, this.#base))
    } catch {
      // The disk is full. The log goes on without its times.
      return undefined
    }
  }

  /** Somebody may have moved the file, or removed it: what comes belongs into a new one. */
  #leaveMoved(): void {
    const open = this.#open
    if (open === undefined || this.#isInPlace) return
    if (factsOf(this.#path(currentLog))?.inode === open.file.facts().inode) this.#isInPlace = true
    else this.close()
  }

  /** Somebody may have emptied the file, or written to it. */
  #look(open: Open, now: number): void {
    const { bytes, ...facts } = open.file.facts()
    if (bytes < open.bytes && open.index !== undefined) {
      const base = open.index.base + open.bytes
      open.index.close()
      open.index = LogIndex.create(this.#path(currentIndex), { bytes, ...facts }, base)
      if (bytes > 0) open.index.note(0, now)
    }
    open.bytes = bytes
  }

  #move(from: number, open: Open, now: number): number {
    const room = Math.max(pageBytes, this.#options.limits().maxBytes - open.bytes)
    if (this.#copies) return this.#copy(from, open, { room, now })
    try {
      const moved = this.#options.fifos.move(from, open.file.fd, open.bytes, Math.min(moveBytesMax, room))
      open.bytes += moved
      return moved
    } catch (error) {
      if (!(error instanceof MoveFailed) || !error.isRefused) throw error
      this.#copies = true
      return this.#copy(from, open, { room, now })
    }
  }

  #copy(from: number, open: Open, { now, room }: { readonly room: number; readonly now: number }): number {
    const bytes = readNow(from, Math.min(copyBytesMax, room))
    try {
      open.file.write(bytes, open.bytes)
    } catch (error) {
      this.#fail(error, now).dropped += bytes.length
      throw error
    }
    open.bytes += bytes.length
    return bytes.length
  }

  /** The order of the steps is what `recover` counts on. */
  #rotate(now: number): void {
    const open = this.#opened(now)
    if (!isDue(this.#rotateAt, now)) return
    const start = Math.max(0, open.bytes - lineBytesMax)
    const tail = open.file.read(start, open.bytes - start)
    const lineEnd = tail.lastIndexOf(newline) + 1
    const isOneLine = lineEnd === 0
    if (isOneLine && open.bytes < lineBytesMax) return
    const rest = isOneLine ? tail.subarray(0, 0) : tail.subarray(lineEnd)
    const { folder } = this.#options
    try {
      if (rest.length > 0) {
        this.#write(this.#path(nextLog), rest)
        open.file.truncate(open.bytes - rest.length)
      }
    } catch {
      // The disk is full: the file goes on growing, which costs no more.
      removeFile(this.#path(nextLog))
      this.#rotateAt = now + retryMs
      return
    }
    const stamp = freshStamp(folder, this.#base, now)
    renameFile(this.#path(currentLog), join(folder, rotatedLog(this.#base, stamp)))
    if (factsOf(this.#path(currentIndex)) !== undefined)
      renameFile(this.#path(currentIndex), join(folder, rotatedIndex(this.#base, stamp)))
    if (rest.length > 0) renameFile(this.#path(nextLog), this.#path(currentLog))
    this.close()
    this.#opened(now)
    this.#options.rotated()
  }

  #write(path: string, bytes: Uint8Array): void {
    const file = WritableFile.open(path)
    try {
      file.truncate(0)
      file.write(bytes, 0)
    } finally {
      file.close()
    }
  }

  #fail(error: unknown, now: number): WriterFailure {
    this.#failure ??= { reason: sentence(error), since: now, dropped: 0 }
    this.#retryAt = now + retryMs
    this.close()
    return this.#failure
  }

  #forget(from: number, failure: WriterFailure): number {
    let bytes = 0
    try {
      while (bytes < turnBytesMax) {
        const discarded = this.#options.fifos.discard(from, moveBytesMax)
        if (discarded === 0) break
        bytes += discarded
      }
    } catch {
      // Tried again at the next turn.
    }
    failure.dropped += bytes
    return bytes
  }

  /** Whether it works again shows when it has taken the line that says what is missing. */
  #resume(failure: WriterFailure, now: number): void {
    if (!isDue(this.#retryAt, now)) return
    this.#retryAt = now + retryMs
    const open = this.#opened(now)
    const before = open.bytes === 0 || open.file.read(open.bytes - 1, 1)[0] === newline ? "" : "\n"
    const { dropped, reason, since } = failure
    const text = `${before}${isoOf(now)} WARN  [agent] ${dropped} bytes were dropped here since ${isoOf(since)}: ${reason}\n`
    const bytes = new TextEncoder().encode(text)
    try {
      open.index?.note(open.bytes, now)
      open.file.write(bytes, open.bytes)
    } catch {
      return this.close()
    }
    open.bytes += bytes.length
    this.#failure = undefined
  }
}
