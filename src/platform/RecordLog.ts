import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs"

const headBytes = 4

const framed = (record: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(headBytes + record.length)
  new DataView(bytes.buffer).setUint32(0, record.length, true)
  bytes.set(record, headBytes)
  return bytes
}

/** The whole records of a file; of one that was cut off the rest is left out. */
const recordsOf = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const records: Array<Uint8Array> = []
  for (let at = 0; at + headBytes <= bytes.length;) {
    const end = at + headBytes + view.getUint32(at, true)
    if (end > bytes.length) break
    records.push(bytes.subarray(at + headBytes, end))
    at = end
  }
  return records
}

const contents = (path: string): Uint8Array => {
  try {
    return readFileSync(path)
  } catch {
    return new Uint8Array()
  }
}

/**
 * Records in the order in which they came, in a file that outlives this process, but not a power loss: one write for
 * each, and none waits for the disk. There is no file before the first. Throws what the disk says.
 */
export class RecordLog {
  readonly #path: string
  #fd: number | undefined
  #bytes = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Of the whole file. */
  get bytes(): number {
    return this.#bytes
  }

  /** What an earlier process has written. */
  read(): ReadonlyArray<Uint8Array> {
    return recordsOf(contents(this.#path))
  }

  append(record: Uint8Array): void {
    this.#fd ??= openSync(this.#path, "a", 0o600)
    this.#bytes += writeSync(this.#fd, framed(record))
  }

  /** Replaces all of them at once. */
  rewrite(records: ReadonlyArray<Uint8Array>): void {
    const bytes = Buffer.concat(records.map(framed))
    writeFileSync(`${this.#path}.new`, bytes, { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
    this.close()
    this.#bytes = bytes.length
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  remove(): void {
    this.close()
    rmSync(this.#path, { force: true })
  }
}
