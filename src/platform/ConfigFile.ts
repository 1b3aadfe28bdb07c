import { existsSync, globSync } from "node:fs"
import { createInterface } from "node:readline/promises"
import { resolve } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { describeLoadError } from "./UserModule.ts"

/** What a configuration that is a program exports. It runs with the rights of whoever asks for it. */
export const loadConfig = async (path: string): Promise<unknown> => {
  try {
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown }
    return module.default ?? module
  } catch (error) {
    throw new Error(describeLoadError(error, path), { cause: error })
  }
}

export const exists = (path: string): boolean => existsSync(path)

/** The files that a pattern means, as seen from a folder, in the order of their names. */
export const filesLike = (pattern: string, folder: string): ReadonlyArray<string> =>
  globSync(pattern, { cwd: folder })
    .map((path) => resolve(folder, path))
    .toSorted()

/** Asks the person at the terminal; undefined: there is none. */
export const confirm = async (question: string): Promise<boolean | undefined> => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}
