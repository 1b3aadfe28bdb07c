import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The text of all log files in a folder; empty when there is none yet. */
export const saidIn = (folder: string) => {
  let names: ReadonlyArray<string> = []
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".log"))
  } catch {
    // Nothing was said yet.
  }
  return names
    .toSorted()
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("")
}
