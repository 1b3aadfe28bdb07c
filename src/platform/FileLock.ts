import { closeSync, openSync } from "node:fs"
import { libc } from "./Libc.ts"

const LOCK_EX = 2
const LOCK_NB = 4

/** A lock that this process has on a file. The kernel ends it with the process, however that ends. */
export interface FileLock {
  readonly fd: number
  release(): void
}

/**
 * Takes the only lock on a file, which is made where there is none; undefined: another process has it. What is started
 * meanwhile does not get it.
 */
export const lockFile = async (path: string): Promise<FileLock | undefined> => {
  const c = await libc()
  const fd = openSync(path, "a", 0o600)
  if (c.flock(fd, LOCK_EX | LOCK_NB) === 0) return { fd, release: () => closeSync(fd) }
  closeSync(fd)
  return undefined
}

/** The lock that the program before this one, in the same process, has handed on. */
export const lockOf = async (fd: number): Promise<FileLock> => {
  const c = await libc()
  // By itself Deno closes only what it has opened.
  return { fd, release: () => void c.close(fd) }
}
