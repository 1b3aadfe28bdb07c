/** A process spec as it is sent to the manager: what is left out has its default. */
export type SpecInput = Readonly<Record<string, unknown>>

/** What could not be carried over, and what stands in its place. */
export type Warning = { readonly program: string; readonly key: string; readonly message: string }

/** One program of a file, as a service. */
export type Program = { readonly name: string; readonly spec: SpecInput }

export type Imported = { readonly programs: ReadonlyArray<Program>; readonly warnings: ReadonlyArray<Warning> }

/** The file can't be read as what it is. The message names the line or the key. */
export class ImportFailed extends Error {
  override readonly name = "ImportFailed"
}

/** What an importer asks of the host it runs on. */
export type Surroundings = {
  /** The folder of the file, absolute. */
  readonly folder: string
  readonly variable: (name: string) => string | undefined
  readonly hostname: string
  readonly cpus: number
  readonly exists: (path: string) => boolean
}

/** A service's name that is as close as may be. */
export const serviceName = (text: string): string => {
  const name = text.replaceAll(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z]+/, "")
  return (name === "" ? "program" : name).slice(0, 63)
}

/** Names that occur more than once get a number. */
export const withUniqueNames = (programs: ReadonlyArray<Program>): ReadonlyArray<Program> => {
  const taken = new Set<string>()
  return programs.map((program) => {
    let name = serviceName(program.name)
    for (let nth = 2; taken.has(name); nth++) name = `${serviceName(program.name).slice(0, 58)}-${nth}`
    taken.add(name)
    return { ...program, name }
  })
}

/** The same without what is undefined. */
export const defined = (record: Readonly<Record<string, unknown>>): SpecInput =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))

/** Bytes from `300`, `300K`, `50MB`, `1G`; undefined: it is something else. */
export const bytesOf = (text: string): number | undefined => {
  const [, digits, unit = ""] = /^(\d+)\s*([KMG]?)B?$/i.exec(text.trim()) ?? []
  return digits === undefined
    ? undefined
    : Number(digits) * 1024 ** " KMG".indexOf(unit === "" ? " " : unit.toUpperCase())
}

/** The words of a line by the rules of a shell's quotes; undefined: a quotation mark has no partner. */
export const wordsOf = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  const pattern = /\s*((?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+)/gy
  for (let at = 0; line.slice(at).trim() !== ""; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const word = pattern.exec(line)?.[1]
    if (word === undefined) return undefined
    words.push(
      word.replaceAll(/\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'/g, (_, escaped, double, single) =>
        String(escaped ?? single ?? String(double).replaceAll(/\\(["\\$`])/g, "$1")),
      ),
    )
  }
  return words
}

/** `SIGTERM`, `TERM` or `15` by the name that a spec has for it. */
export const stopSignalOf = (text: string): string => {
  const numbers: Readonly<Record<string, string>> = {
    1: "HUP",
    2: "INT",
    3: "QUIT",
    9: "KILL",
    10: "USR1",
    12: "USR2",
    15: "TERM",
  }
  return numbers[text.trim()] ?? text.trim().toUpperCase().replace(/^SIG/, "")
}
