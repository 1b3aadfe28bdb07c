import { closeSync, openSync } from "node:fs"

const open = (): number | undefined => {
  try {
    return openSync("/dev/null", "r")
  } catch {
    return undefined
  }
}

let spare = open()

/** This process, or its host, has as many files open as it may. */
export const isOutOfFiles = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE")

/**
 * Reads what has to be read also when this process has all the files open that it may have: a descriptor that is kept for
 * that is given up meanwhile. `read` opens one at a time, and closes it.
 */
export const withSpareFile = <A>(read: () => A): A => {
  try {
    return read()
  } catch (error) {
    if (!isOutOfFiles(error)) throw error
    if (spare !== undefined) closeSync(spare)
    try {
      return read()
    } finally {
      spare = open()
    }
  }
}
