import { realpathSync, statSync } from "node:fs"
import { pathToFileURL } from "node:url"

/** Why a service's module can't be used. The message says where: `file:line:column: what`. */
export class ModuleFailed extends Error {
  override readonly name = "ModuleFailed"
}

type Position = { readonly file?: string; readonly line?: number; readonly column?: number }

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))

const withPosition = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null || !("position" in error)) return undefined
  const position = error.position as Position | null
  if (position === null || position.file === undefined) return undefined
  return `${position.file}:${position.line ?? 0}:${position.column ?? 0}: ${text(error)}`
}

const placePattern = /(?:file:\/\/)?(\/[^\s():]+):(\d+):(\d+)/

/** The first place in the stack that is not the runtime's or ours. */
const fromStack = (error: Error): string | undefined => {
  // Compiled, ours lie in several files of one folder that exists nowhere else.
  const ours = [import.meta.url.replace("file://", ""), "/$bunfs/", "node:"]
  const lines = (error.stack ?? "").split("\n").filter((line) => !ours.some((mark) => line.includes(mark)))
  const place = lines.map((line) => placePattern.exec(line)).find((match) => match !== null)
  if (place === null || place === undefined) return undefined
  const message = error.message.replace(/\s+at (?:file:\/\/)?\S+:\d+:\d+$/, "")
  return `${decodeURI(place[1] ?? "")}:${place[2]}:${place[3]}: ${error.name}: ${message.split("\n")[0]}`
}

const fromMessage = (error: Error): string | undefined => {
  const place = placePattern.exec(error.message)
  if (place === null) return undefined
  const what = error.message.split("\n")[0]?.replace(/\s+at (?:file:\/\/)?\S+:\d+:\d+$/, "") ?? ""
  return `${decodeURI(place[1] ?? "")}:${place[2]}:${place[3]}: ${what}`
}

/** An error of loading a module, as `file:line:column: what` where the runtime tells the place. */
export const describeLoadError = (error: unknown, path: string): string => {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((one) => describeLoadError(one, path)).join("; ")
  }
  const found = withPosition(error) ?? (error instanceof Error ? (fromMessage(error) ?? fromStack(error)) : undefined)
  return found ?? `${path}: ${text(error)}`
}

type Plugin = {
  Bun?: {
    plugin(plugin: {
      name: string
      setup(build: {
        module(name: string, load: () => { exports: Readonly<Record<string, unknown>>; loader: "object" }): void
      }): void
    }): void
  }
}

/**
 * Lets user code import `name` without having it in its node_modules. Bun only: on Deno the import map of deno.json
 * does it.
 */
export const provideModule = (name: string, exports: Readonly<Record<string, unknown>>): void => {
  ;(globalThis as Plugin).Bun?.plugin({
    name,
    setup: (build) => build.module(name, () => ({ exports: { ...exports }, loader: "object" })),
  })
}

/** The exports of a user's module. Its own files and node_modules are found from where it really lies. */
export const loadUserModule = async (path: string): Promise<Readonly<Record<string, unknown>>> => {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new ModuleFailed(`${path}: there is no such file`)
  try {
    return (await import(pathToFileURL(realpathSync(path)).href)) as Record<string, unknown>
  } catch (error) {
    throw new ModuleFailed(describeLoadError(error, path), { cause: error })
  }
}
