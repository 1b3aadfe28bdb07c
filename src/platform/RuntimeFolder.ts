import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256Hex } from "./Hash.ts"
import { fitsSocket } from "./SocketFile.ts"

/**
 * Where the agent of a data folder listens for its workers: `<data>/run/agent.sock`, or below the temporary folder
 * when that is too long for a socket. The folder is the agent's to make, for its own user only.
 */
export const agentSocketPath = (dataDir: string): { readonly folder: string; readonly path: string } => {
  const folder = join(dataDir, "run")
  const path = join(folder, "agent.sock")
  if (fitsSocket(path)) return { folder, path }
  const short = join(tmpdir(), `muster-${sha256Hex(dataDir).slice(0, 24)}`)
  return { folder: short, path: join(short, "agent.sock") }
}

const journalEnd = ".journal"

/** Makes a file of zeros, to be mapped into the memory of the process that `name` says. Throws when it can't. */
export const makeJournalFile = (folder: string, name: string, bytes: number): string => {
  const path = journalPath(folder, name)
  const file = openSync(path, "w", 0o600)
  try {
    ftruncateSync(file, bytes)
  } finally {
    closeSync(file)
  }
  return path
}

/** Reads it, and removes it: its process has ended. Empty when it is gone already. */
export const takeJournalFile = (path: string): Uint8Array => {
  try {
    return readFileSync(path)
  } catch {
    return new Uint8Array()
  } finally {
    rmSync(path, { force: true })
  }
}

/** Where the journal of the process with this name lies, if it keeps one. */
export const journalPath = (folder: string, name: string): string => join(folder, `${name}${journalEnd}`)

/** Those of processes that are not among `names`. */
export const removeJournalFiles = (folder: string, names: ReadonlySet<string>): void => {
  for (const name of readdirSync(folder))
    if (name.endsWith(journalEnd) && !names.has(name.slice(0, -journalEnd.length)))
      rmSync(join(folder, name), { force: true })
}
