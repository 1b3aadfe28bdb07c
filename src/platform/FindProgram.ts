import { accessSync, constants, statSync } from "node:fs"
import { isAbsolute, join, resolve } from "node:path"

/** Why something can't be had, by the error's code in the operating system. */
export const whyNot: Readonly<Record<string, string>> = {
  EPERM: "is not permitted",
  ENOENT: "does not exist",
  E2BIG: "can't be started: its arguments and environment are too long",
  ENOEXEC: "is no program: it is neither an executable for this host nor has it a first line such as #!/bin/sh",
  EAGAIN: "can't be started: there are as many processes as may be",
  ENOMEM: "can't be started: there is not enough memory",
  EACCES: "is not permitted",
  ENOTDIR: "is not a folder",
  EISDIR: "is a folder",
  ETXTBSY: "is being written to",
  ELOOP: "leads in a circle",
  ENAMETOOLONG: "is too long a name",
}

/** Where programs are looked for when nothing says where. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error)

/** Throws with the reason when we can't work in a folder. `what`: to call it. */
export const checkFolder = (path: string, what = "cwd"): void => {
  try {
    if (!statSync(path).isDirectory()) throw new Error(`${what} ${path} is not a folder`)
    accessSync(path, constants.X_OK)
  } catch (error) {
    const code = codeOf(error)
    if (!(code in whyNot)) throw error
    throw new Error(`${what} ${path} ${code === "EACCES" ? "can't be entered by its user" : whyNot[code]}`, {
      cause: error,
    })
  }
}

/** undefined: it can be run. */
const objectionTo = (path: string): string | undefined => {
  try {
    if (!statSync(path).isFile()) return whyNot["EISDIR"]
  } catch (error) {
    const code = codeOf(error)
    return code === "EACCES" ? "can't be reached by its user" : (whyNot[code] ?? `can't be used (${code})`)
  }
  try {
    accessSync(path, constants.X_OK)
    return undefined
  } catch {
    return "may not be executed by its user"
  }
}

/**
 * The file that a program's name means: a path, from `cwd` when it is not absolute, or a name to be looked for in the
 * folders of `path`. Throws with the reason when we can't run it.
 */
export const findProgram = (name: string, { cwd, path }: { readonly cwd: string; readonly path: string }): string => {
  if (name.includes("/")) {
    const file = isAbsolute(name) ? name : resolve(cwd, name)
    const objection = objectionTo(file)
    if (objection === undefined) return file
    throw new Error(`command ${file} ${objection}`)
  }
  const files = path.split(":").map((folder) => join(folder === "" ? cwd : resolve(cwd, folder), name))
  const found = files.find((file) => objectionTo(file) === undefined)
  if (found !== undefined) return found
  const blocked = files.find(isFile)
  if (blocked !== undefined) throw new Error(`command ${blocked} ${objectionTo(blocked)}`)
  throw new Error(`command ${name} is in no folder of PATH, ${path}`)
}

const isFile = (path: string) => {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
