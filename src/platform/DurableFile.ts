import { closeSync, constants, fsync, openSync, renameSync, writeFileSync } from "node:fs"
import { access, chmod, lstat, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { randomHex } from "./Ids.ts"

const temporaryPattern = /^\..+\.[0-9a-f]{16}\.tmp$/

/** The one step that waits for the disk. All others are done at once: each hop to a thread takes longer than they do. */
const flush = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => fsync(fd, (error) => (error === null ? resolve() : reject(error))))

const syncFolder = async (folder: string) => {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await flush(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Replaces a file so that after a crash at any moment it is whole: the old text or the new one. Resolves when the
 * new text is on the disk. `mode` (default 0600) holds from the first byte on.
 */
export const writeDurably = async (path: string, text: string, mode = 0o600): Promise<void> => {
  const folder = dirname(path)
  const temporary = join(folder, `.${basename(path)}.${randomHex(8)}.tmp`)
  const fd = openSync(temporary, "wx", mode)
  try {
    try {
      writeFileSync(fd, text)
      await flush(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT"

/** The file's text, or undefined when there is no such file. */
export const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Removes a file for good; a file that is not there is no error. */
export const removeDurably = async (path: string): Promise<void> => {
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** Removes a folder with all that is in it; one that is not there is no error. */
export const removeFolder = async (path: string): Promise<void> => {
  await rm(path, { recursive: true, force: true })
  await syncFolder(dirname(path))
}

/**
 * For the data folder itself, and what programs of other users read in it. What is secret lies in folders and files
 * that only their owner may open.
 */
export const publicFolderMode = 0o755

/**
 * Makes a folder and its parents. An existing folder keeps its mode. Resolves when those that are new are on the disk in
 * what holds them: else a loss of power could take them, with all that was written durably in them since.
 */
export const makeFolder = async (path: string, mode = 0o700, sync = syncFolder): Promise<void> => {
  const first = await mkdir(path, { recursive: true, mode })
  if (first !== undefined) {
    const { length } = resolve(first)
    for (let made = resolve(path); made.length >= length; made = dirname(made)) await sync(dirname(made))
  }
  await access(path, constants.W_OK)
}

/**
 * Makes a folder that only this user may enter. Rejects when it is there and somebody else's: below the temporary
 * folder anybody could have made it first.
 */
export const makePrivateFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const found = await lstat(path)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${path} is not a folder of this user: remove it`)
  }
  await chmod(path, 0o700)
}

/** Names of the files in a folder, sorted. What a write that was cut off has left behind is removed on the way. */
export const listFolder = async (path: string): Promise<ReadonlyArray<string>> => {
  const names = (await readdir(path)).toSorted()
  for (const name of names.filter((name) => temporaryPattern.test(name))) await rm(join(path, name), { force: true })
  return names.filter((name) => !temporaryPattern.test(name))
}

/** Renames a file that can't be used to `<path>.corrupt`, for a person to look at. Gives the new path. */
export const setAside = async (path: string): Promise<string> => {
  await rename(path, `${path}.corrupt`)
  await syncFolder(dirname(path))
  return `${path}.corrupt`
}

/** A text that changes when the file is replaced; undefined when there is none. Cheap enough to ask each second. */
export const fileVersion = async (path: string): Promise<string | undefined> => {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return `${ino}.${mtimeMs}.${size}`
  } catch {
    return undefined
  }
}
