import { writeSync } from "node:fs"
import { availableParallelism, hostname as osHostname } from "node:os"
import { resolve } from "node:path"
import process from "node:process"

/** What follows the program's own name on the command line. */
export const args: ReadonlyArray<string> = process.argv.slice(2)

/** A variable of the environment; one that is set to nothing counts as not set. */
export const env = (name: string): string | undefined => {
  const value = process.env[name]
  return value === "" ? undefined : value
}

export const cpuCount = (): number => availableParallelism()

/** The time on a CPU that this process has had. */
export const cpuMs = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

export const hostname = (): string => osHostname()

/** `path` as seen from the current folder, without a trailing slash. */
export const absolutePath = (path: string): string => resolve(path)

/** Keeps the process alive until the returned function is called, whatever else is open. */
export const keepAlive = (): (() => void) => {
  const timer = setInterval(() => undefined, 1 << 30)
  return () => clearInterval(timer)
}

export const exit = (code: number): never => process.exit(code)

/**
 * Writes all of `text` before it returns: a following exit loses nothing, as it would with a stream. False: nobody reads
 * it any more.
 */
export const writeOut = (text: string): boolean => writeAll(1, text)

export const writeError = (text: string): void => {
  writeAll(2, text)
}

/** Whether stderr is a terminal whose reader wants colours. */
export const isColourful = (): boolean =>
  process.stderr.isTTY && env("NO_COLOR") === undefined && process.env["TERM"] !== "dumb"

/** The same of stdout. */
export const isOutColourful = (): boolean =>
  process.stdout.isTTY && env("NO_COLOR") === undefined && process.env["TERM"] !== "dumb"

/** The width of the terminal that stdout is; undefined when it is a file or a pipe. */
export const outColumns = (): number | undefined =>
  process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : undefined

/** Whether stderr is a terminal that knows how to write a line again. */
export const isErrorTerminal = (): boolean => process.stderr.isTTY && process.env["TERM"] !== "dumb"

/** Its width. */
export const errorColumns = (): number => (process.stderr.columns > 0 ? process.stderr.columns : 80)

const retryMs = 2
const sleeper = new Int32Array(new SharedArrayBuffer(4))

const writeAll = (fd: number, text: string): boolean => {
  let left: Uint8Array = new TextEncoder().encode(text)
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(fd, left))
    } catch (error) {
      // A pipe without a reader has nobody to tell; a full one that doesn't block is tried again.
      if (codeOf(error) !== "EAGAIN") return false
      Atomics.wait(sleeper, 0, 0, retryMs)
    }
  }
  return true
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)
