import { exists, filesLike, loadConfig } from "../../platform/ConfigFile.ts"
import { readText } from "../../platform/DurableFile.ts"
import { cpuCount, env, hostname } from "../../platform/Env.ts"
import { dirname } from "../../platform/Paths.ts"
import { UsageError } from "../Failure.ts"
import { fromEcosystem } from "./Ecosystem.ts"
import { fromProcfile } from "./Procfile.ts"
import { type Imported, ImportFailed, type Surroundings, withUniqueNames } from "./Program.ts"
import { fromSupervisord, includesOf, type SourceFile } from "./Supervisord.ts"

export const kinds = ["supervisord", "pm2", "procfile"] as const
export type Kind = (typeof kinds)[number]

/** What a file is, by its name; undefined: it does not tell. */
export const kindOf = (path: string): Kind | undefined => {
  const name = path.split("/").at(-1) ?? ""
  if (/^procfile/i.test(name)) return "procfile"
  if (/\.(?:conf|ini)$/.test(name)) return "supervisord"
  return /\.(?:[cm]?js|json)$/.test(name) ? "pm2" : undefined
}

const textOf = async (path: string): Promise<string> => {
  const text = await readText(path)
  if (text === undefined) throw new UsageError({ message: `${path} does not exist` })
  return text
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new ImportFailed(error instanceof Error ? error.message : String(error))
  }
}

const read = async (path: string, kind: Kind, around: Surroundings): Promise<Imported> => {
  if (kind === "procfile") return fromProcfile(await textOf(path), around)
  if (kind === "pm2")
    return fromEcosystem(path.endsWith(".json") ? jsonOf(await textOf(path)) : await loadConfig(path), around)
  const main: SourceFile = { name: path, text: await textOf(path) }
  const patterns = includesOf(main).map((pattern) => pattern.replaceAll("%(here)s", around.folder))
  const paths = patterns.flatMap((pattern) => filesLike(pattern, around.folder))
  const others = await Promise.all(paths.map(async (name) => ({ name, text: await textOf(name) })))
  return fromSupervisord([main, ...others], around)
}

/** The services that a file's programs would be. */
export const readImport = async (path: string, kind: Kind): Promise<Imported> => {
  const around = { folder: dirname(path), variable: env, hostname: hostname(), cpus: cpuCount(), exists }
  try {
    const { programs, warnings } = await read(path, kind, around)
    if (programs.length === 0) throw new ImportFailed("there is no program in it")
    return { programs: withUniqueNames(programs), warnings }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError({ message: `${path}: ${error instanceof Error ? error.message : String(error)}` })
  }
}
