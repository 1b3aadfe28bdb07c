import { chmodSync, closeSync, constants, lstatSync, openSync, rmSync } from "node:fs"
import { type Libc, libc } from "./Libc.ts"

const F_SETPIPE_SZ = 1031
const O_CLOEXEC = 0o2000000
const SPLICE_F_NONBLOCK = 2
const POLLIN = 1
const POLLHUP = 16
const EAGAIN = 11
const EINVAL = 22
/** As much as any user may ask for; what a process says while no agent takes it. */
const pipeBytes = 1024 * 1024
/** As little as a pipe may hold. */
const pageBytes = 4096

const errnoNames: Readonly<Record<number, readonly [code: string, text: string]>> = {
  5: ["EIO", "the disk has an error"],
  27: ["EFBIG", "the file is as large as it may be"],
  28: ["ENOSPC", "no space left on the disk"],
  30: ["EROFS", "the disk can only be read"],
  122: ["EDQUOT", "the disk quota is used up"],
}

/** Bytes could not be moved. `isRefused`: not between these two kinds of files, rather than not now. */
export class MoveFailed extends Error {
  override readonly name = "MoveFailed"
  readonly isRefused: boolean
  constructor(errno: number) {
    const [code, text] = errnoNames[errno] ?? [`errno ${errno}`, "it can't be written"]
    super(`${text} (${code})`)
    this.isRefused = errno === EINVAL
  }
}

/** `isEnded`: nobody can write to it any more, and it is empty or will be when it was read. */
export type Readiness = { readonly hasBytes: boolean; readonly isEnded: boolean }

/** Named pipes, as the agent takes from them what processes say. */
export class Fifos {
  readonly #c: Libc
  readonly #nothing: number
  #polled = new Uint8Array(0)
  #view = new DataView(this.#polled.buffer)

  private constructor(c: Libc) {
    this.#c = c
    this.#nothing = openSync("/dev/null", constants.O_WRONLY | O_CLOEXEC)
  }

  static async load(): Promise<Fifos> {
    return new Fifos(await libc())
  }

  /** Throws when something else is there. */
  isThere(path: string): boolean {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined || found.isFIFO()) return found !== undefined
    throw new Error(`${path} is in the way: it is no named pipe`)
  }

  /** Makes it where it is not there. Whoever has it as /dev/stdout may open it; its folder keeps others out. */
  make(path: string): void {
    if (this.isThere(path)) return
    if (this.#c.mkfifo(new TextEncoder().encode(`${path}\0`), 0o600) !== 0)
      throw new Error(`the named pipe ${path} can't be made (errno ${this.#c.errno()})`)
    chmodSync(path, 0o622)
  }

  remove(path: string): void {
    rmSync(path, { force: true })
  }

  /**
   * The end that a process writes to, to be inherited. It can also be read from, so that the process is not ended by
   * SIGPIPE while no agent has the other end.
   */
  openWriter(path: string): number {
    return openSync(path, constants.O_RDWR | O_CLOEXEC)
  }

  /** The agent's end. It only reads, so that it hears when the last process has closed its own. */
  openReader(path: string): number {
    const fd = this.openHolder(path)
    // Refused where the user has many pipes: then it has what it has.
    this.#c.fcntl(fd, F_SETPIPE_SZ, pipeBytes)
    // A pipe counts as left by its last writer only after it has seen one.
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | O_CLOEXEC))
    return fd
  }

  /** An end by which what is in it stays there, as long as somebody has it open. */
  openHolder(path: string): number {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC)
  }

  /** Nobody writes to it any more, and it is empty: who still has it open holds next to nothing. */
  closeEnded(fd: number): void {
    this.#c.fcntl(fd, F_SETPIPE_SZ, pageBytes)
    closeSync(fd)
  }

  /** The pipes that `poll` is to ask about. */
  watch(fds: ReadonlyArray<number>): void {
    this.#polled = new Uint8Array(fds.length * 8)
    this.#view = new DataView(this.#polled.buffer)
    for (const [index, fd] of fds.entries()) {
      this.#view.setInt32(index * 8, fd, true)
      this.#view.setInt16(index * 8 + 4, POLLIN, true)
    }
  }

  /** Whether there is anything to tell of any of them, in one question to the kernel. */
  poll(): boolean {
    return this.#polled.length > 0 && this.#c.poll(this.#polled, BigInt(this.#polled.length / 8), 0) > 0
  }

  /** What the last `poll` has found. */
  readiness(index: number): Readiness {
    const events = this.#view.getInt16(index * 8 + 6, true)
    return { hasBytes: (events & POLLIN) !== 0, isEnded: (events & POLLHUP) !== 0 }
  }

  /**
   * Moves at most so many bytes into a file from `offset` on, within the kernel: whatever becomes of this process, each
   * byte is in the pipe or in the file. 0: there is nothing now. Throws MoveFailed.
   */
  move(from: number, to: number, offset: number, bytesMax: number): number {
    const at = new Uint8Array(8)
    new DataView(at.buffer).setBigUint64(0, BigInt(offset), true)
    return this.#moved(this.#c.splice(from, 0n, to, at, bytesMax, SPLICE_F_NONBLOCK))
  }

  /** Takes bytes and forgets them. */
  discard(from: number, bytesMax: number): number {
    return this.#moved(this.#c.splice(from, 0n, this.#nothing, null, bytesMax, SPLICE_F_NONBLOCK))
  }

  close(): void {
    closeSync(this.#nothing)
  }

  #moved(count: number): number {
    if (count >= 0) return count
    const errno = this.#c.errno()
    if (errno === EAGAIN) return 0
    throw new MoveFailed(errno)
  }
}
