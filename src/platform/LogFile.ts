import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"

const O_CLOEXEC = 0o2000000

export type FileFacts = {
  readonly inode: number
  readonly bytes: number
  readonly modifiedAt: number
}

/** A file that is written to at places of our choice. Synchronous, as what is written is small and in memory. */
export class WritableFile {
  readonly fd: number
  readonly path: string

  private constructor(path: string, fd: number) {
    this.path = path
    this.fd = fd
  }

  /** Made where it is not there, and its folder too. */
  static open(path: string): WritableFile {
    const flags = constants.O_RDWR | constants.O_CREAT | O_CLOEXEC
    try {
      return new WritableFile(path, openSync(path, flags, 0o640))
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error
      mkdirSync(join(path, ".."), { recursive: true, mode: 0o750 })
      return new WritableFile(path, openSync(path, flags, 0o640))
    }
  }

  facts(): FileFacts {
    const { ino, mtimeMs, size } = fstatSync(this.fd)
    return { inode: ino, bytes: size, modifiedAt: mtimeMs }
  }

  /** What there is from `position` on, at most so many bytes. */
  read(position: number, bytesMax: number): Uint8Array {
    const bytes = new Uint8Array(bytesMax)
    let read = 0
    while (read < bytesMax) {
      const count = readSync(this.fd, bytes, read, bytesMax - read, position + read)
      if (count === 0) break
      read += count
    }
    return bytes.subarray(0, read)
  }

  /** All of it; what was written of it before a failure is taken away again. */
  write(bytes: Uint8Array, position: number): void {
    let written = 0
    try {
      while (written < bytes.length)
        written += writeSync(this.fd, bytes, written, bytes.length - written, position + written)
    } catch (error) {
      if (written > 0) ftruncateSync(this.fd, position)
      throw error
    }
  }

  truncate(bytes: number): void {
    ftruncateSync(this.fd, bytes)
  }

  close(): void {
    closeSync(this.fd)
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)

/** Takes what a descriptor that does not block has now; empty: nothing. */
export const readNow = (fd: number, bytesMax: number): Uint8Array => {
  const bytes = new Uint8Array(bytesMax)
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytesMax, null))
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return bytes.subarray(0, 0)
    throw error
  }
}

/** Undefined: there is no such file. */
export const factsOf = (path: string): FileFacts | undefined => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true ? { inode: found.ino, bytes: found.size, modifiedAt: found.mtimeMs } : undefined
}

export const renameFile = (from: string, to: string): void => renameSync(from, to)

export const removeFile = (path: string): void => rmSync(path, { force: true })

export const closeDescriptor = (fd: number): void => closeSync(fd)

/** The names in a folder; none when it is not there. */
export const namesIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return []
    throw error
  }
}

/** The same without making anybody wait, with what is known of each file. */
export const filesIn = async (folder: string): Promise<ReadonlyArray<FileFacts & { readonly name: string }>> => {
  const names = await readdir(folder).catch(() => [])
  const all = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined)
      if (found?.isFile() !== true) return []
      return [{ name, inode: found.ino, bytes: found.size, modifiedAt: found.mtimeMs }]
    }),
  )
  return all.flat()
}

/** Large files take their time to go. */
export const removeLater = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** A file that is read at places of our choice. */
export class ReadableFile {
  readonly #handle: FileHandle

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** Undefined: there is none. */
  static async open(path: string): Promise<ReadableFile | undefined> {
    try {
      return new ReadableFile(await open(path, constants.O_RDONLY | O_CLOEXEC))
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  }

  async facts(): Promise<FileFacts> {
    const { ino, mtimeMs, size } = await this.#handle.stat()
    return { inode: ino, bytes: size, modifiedAt: mtimeMs }
  }

  /** Fewer bytes than asked for: that is its end. */
  async read(position: number, bytesMax: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(bytesMax)
    let read = 0
    while (read < bytesMax) {
      const { bytesRead } = await this.#handle.read(bytes, read, bytesMax - read, position + read)
      if (bytesRead === 0) break
      read += bytesRead
    }
    return bytes.subarray(0, read)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
