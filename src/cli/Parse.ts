import { UsageError } from "./Failure.ts"
import { type AnyFlag, type Flag, variableOf } from "./Flag.ts"
import { suggestion } from "./Suggestion.ts"

export type Flags = Readonly<Record<string, AnyFlag>>

export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer A> ? A : never }

/** What a command is called, and its flags. */
export type OwnFlags = { readonly title: string; readonly flags: ReadonlyArray<AnyFlag> }

/** The command line taken apart, before it is known what it means. */
export interface Line {
  /** What is no flag. */
  readonly words: ReadonlyArray<string>
  /** The text given for each flag, by name; the last one counts. */
  readonly texts: ReadonlyMap<string, string>
  readonly help: boolean
}

/**
 * Takes a command line apart. Flags may stand anywhere before a `--`; `--name=value` and `--name value` are the same.
 * A word like `-5` is no flag. `known` are the flags of all commands: whether a value follows must not depend on which
 * command it is. `ownOf`: the command that begins with these words, whose flags a mistyped one was most likely meant for.
 */
export const splitLine = (
  args: ReadonlyArray<string>,
  known: ReadonlyArray<AnyFlag>,
  ownOf: (words: ReadonlyArray<string>) => OwnFlags = () => ({ title: "muster", flags: known }),
): Line => {
  const words: Array<string> = []
  const texts = new Map<string, string>()
  let help = false
  let index = 0
  while (index < args.length) {
    const arg = args[index++] ?? ""
    if (arg === "--") return { words: [...words, ...args.slice(index)], texts, help }
    if (arg === "--help" || arg === "-h") help = true
    else if (!isFlag(arg)) words.push(arg)
    else {
      const { name, text } = readFlag(arg, args[index], known) ?? unknownFlag(arg.replace(/=.*$/s, ""), ownOf(words))
      if (text.from === "next") index++
      texts.set(name, text.value)
    }
  }
  return { words, texts, help }
}

const isFlag = (arg: string) => /^-(?:-|[A-Za-z])/.test(arg)

const readFlag = (arg: string, next: string | undefined, known: ReadonlyArray<AnyFlag>) => {
  const [, given = "", value] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? []
  const isLong = arg.startsWith("--")
  const flag = known.find((candidate) => (isLong ? candidate.name : candidate.short) === given)
  if (flag === undefined) return undefined
  const { name } = flag
  if (value !== undefined) return { name, text: { value: nonEmpty(name, value), from: "same" } }
  if (flag.placeholder === undefined) return { name, text: { value: "true", from: "same" } }
  if (next === undefined || isFlag(next)) {
    throw new UsageError({ message: `--${name} has no value, expected ${flag.expected}` })
  }
  return { name, text: { value: nonEmpty(name, next), from: "next" } }
}

const nonEmpty = (name: string, value: string) => {
  if (value === "") throw new UsageError({ message: `--${name} is empty` })
  return value
}

const unknownFlag = (shown: string, { flags, title }: OwnFlags): never => {
  const meant = suggestion(
    shown,
    flags.map(({ name }) => `--${name}`),
  )
  throw new UsageError({ message: `Unknown flag ${shown}${meant === "" ? `; ${title} --help lists them` : meant}` })
}

/** Where a variable of the environment comes from. */
export type Environment = (name: string) => string | undefined

/** The values of a command's flags: from the line, else the environment, else the default. */
export const readFlags = <F extends Flags>(flags: F, line: Line, environment: Environment): Values<F> => {
  const values = Object.entries(flags).map(([key, flag]) => [key, readValue(flag, line, environment)] as const)
  return Object.fromEntries(values) as Values<F>
}

const readValue = (flag: AnyFlag, line: Line, environment: Environment): unknown => {
  const given = line.texts.get(flag.name)
  const text = given ?? environment(variableOf(flag)) ?? flag.default
  if (text === undefined) return undefined
  const value = flag.read(text)
  if (value !== undefined) return value
  const source = given === undefined ? variableOf(flag) : `--${flag.name}`
  const shown = flag.secret === true ? "not usable" : JSON.stringify(text)
  throw new UsageError({ message: `${source} is ${shown}, expected ${flag.expected}` })
}

/** Refuses flags that this command doesn't have, though another one does. */
export const refuseForeign = (title: string, flags: Flags, line: Line) => {
  const names = Object.values(flags).map(({ name }) => name)
  for (const name of line.texts.keys()) {
    if (names.includes(name)) continue
    const meant = suggestion(name, names).replace('"', '"--')
    throw new UsageError({
      message: `${title} takes no --${name}${meant === "" ? `; ${title} --help lists its flags` : meant}`,
    })
  }
}
