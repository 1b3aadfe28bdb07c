import { accessSync, constants } from "node:fs"
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"

type Runtime = { Bun?: { isStandaloneExecutable?: boolean }; Deno?: unknown }

export type Command = { readonly file: string; readonly args: ReadonlyArray<string> }

const runtime = globalThis as Runtime

/** main.ts, as it lies beside this folder: process.argv[1] is something else in tests and benchmarks. */
const sourceEntry = () => resolve(dirname(fileURLToPath(import.meta.url)), "..", "main.ts")

const isReadable = (path: string) => {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/**
 * How to run ourselves once more. Compiled, that is the running executable even when its file was replaced meanwhile;
 * from source it is the same runtime on `entry` (default: MUSTER_ENTRY, then src/main.ts). Nothing is installed, and
 * no .env or bunfig.toml of the current directory is read.
 */
export const selfCommand = (extra: ReadonlyArray<string>, entry?: string): Command => {
  if (runtime.Bun?.isStandaloneExecutable === true && entry === undefined) {
    return { file: isReadable("/proc/self/exe") ? "/proc/self/exe" : process.execPath, args: extra }
  }
  const main = entry ?? process.env["MUSTER_ENTRY"] ?? sourceEntry()
  const flags =
    runtime.Deno === undefined
      ? runtime.Bun === undefined
        ? []
        : ["--no-install", "--no-env-file", "--config=/dev/null"]
      : ["run", "-A", "-q", "--no-prompt", "--unstable-net", "--unstable-sloppy-imports"]
  return { file: process.execPath, args: [...flags, main, ...extra] }
}

/** How somebody else starts this program: compiled, the file that runs; from source, the runtime on main.ts. */
export const startCommand = (): ReadonlyArray<string> => {
  if (runtime.Bun?.isStandaloneExecutable === true) return [process.execPath]
  const flags = runtime.Deno === undefined ? [] : ["run", "-A", "-q", "--unstable-net"]
  return [process.execPath, ...flags, sourceEntry()]
}
