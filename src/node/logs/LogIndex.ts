import { type FileFacts, WritableFile } from "../../platform/LogFile.ts"

/**
 * Beside each log file: when its bytes came. A head of 32 bytes (the magic, the log file's inode, the place of its first
 * byte among all bytes this output ever had), then pairs of an offset in the file and a time: what stands from there on
 * was got then. All are float64, little-endian. The log itself stays plain text, and is whole without this.
 */
export const headBytes = 32
export const entryBytes = 16
const magic = 0x4d5553544c4f4731n

export type IndexHead = { readonly inode: number; readonly base: number }

export const writeHead = ({ base, inode }: IndexHead): Uint8Array => {
  const bytes = new Uint8Array(headBytes)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, magic, true)
  view.setFloat64(8, inode, true)
  view.setFloat64(16, base, true)
  return bytes
}

/** Undefined: it is none, or was cut off. */
export const readHead = (bytes: Uint8Array): IndexHead | undefined => {
  if (bytes.length < headBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getBigUint64(0, true) !== magic) return undefined
  return { inode: view.getFloat64(8, true), base: view.getFloat64(16, true) }
}

/** From when on the bytes from an offset on were got, until the next entry's. */
export type IndexEntries = { readonly count: number; offset(entry: number): number; time(entry: number): number }

/** The entries in a part of an index file that begins with one. What was cut off at its end is left out. */
export const readEntries = (bytes: Uint8Array): IndexEntries => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    count: Math.floor(bytes.length / entryBytes),
    offset: (entry) => view.getFloat64(entry * entryBytes, true),
    time: (entry) => view.getFloat64(entry * entryBytes + 8, true),
  }
}

/** The last entry at or before an offset; -1: none. */
export const entryAt = (entries: IndexEntries, offset: number): number => {
  let low = 0
  let high = entries.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries.offset(middle) <= offset) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Lines that came within this time of each other need no entries of their own. */
const everyMs = 50

/** The index of the file that is written to. */
export class LogIndex {
  readonly #file: WritableFile
  readonly base: number
  /** When the first byte of the file was got; undefined: it is empty. */
  firstAt: number | undefined
  #bytes: number
  #lastAt = Number.NEGATIVE_INFINITY

  private constructor(file: WritableFile, base: number, bytes: number) {
    this.#file = file
    this.base = base
    this.#bytes = bytes
  }

  /** The one at `path` if it is of this log file; undefined if it is not. */
  static reopen(path: string, log: FileFacts): LogIndex | undefined {
    const file = WritableFile.open(path)
    const head = readHead(file.read(0, headBytes + entryBytes))
    if (head?.inode !== log.inode) {
      file.close()
      return undefined
    }
    const { bytes } = file.facts()
    const whole = headBytes + Math.floor((bytes - headBytes) / entryBytes) * entryBytes
    const index = new LogIndex(file, head.base, whole)
    if (whole > headBytes) index.firstAt = readEntries(file.read(headBytes, entryBytes)).time(0)
    return index
  }

  static create(path: string, log: FileFacts, base: number): LogIndex {
    const file = WritableFile.open(path)
    file.truncate(0)
    file.write(writeHead({ inode: log.inode, base }), 0)
    return new LogIndex(file, base, headBytes)
  }

  /** To be said before the bytes are there: after a crash in between the next entry is at the same offset, and counts. */
  note(offset: number, now: number): void {
    if (now - this.#lastAt < everyMs && now >= this.#lastAt) return
    const bytes = new Uint8Array(entryBytes)
    const view = new DataView(bytes.buffer)
    view.setFloat64(0, offset, true)
    view.setFloat64(8, now, true)
    this.#lastAt = now
    if (offset === 0) this.firstAt = now
    try {
      this.#file.write(bytes, this.#bytes)
      this.#bytes += entryBytes
    } catch {
      // A full disk: the lines have the time of those before them.
    }
  }

  close(): void {
    this.#file.close()
  }
}
