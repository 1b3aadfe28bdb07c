import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const temporaryEnd = ".new"

/**
 * Replaces a file at once: whatever ends this process, it is the old one or the new one, whole. Not through a power
 * loss: for what is of no worth after one. Throws when it can't be written.
 */
export const writeWhole = (path: string, text: string): void => {
  writeFileSync(`${path}${temporaryEnd}`, text, { mode: 0o600 })
  renameSync(`${path}${temporaryEnd}`, path)
}

export const removeFile = (path: string): void => rmSync(path, { force: true })

/** The files of a folder whose names end so, with their texts. What writes that were cut off have left is removed. */
export const readWhole = (
  folder: string,
  end: string,
): ReadonlyArray<{ readonly path: string; readonly text: string }> =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (name.endsWith(`${end}${temporaryEnd}`)) removeFile(path)
    return name.endsWith(end) ? [{ path, text: readFileSync(path, "utf8") }] : []
  })
