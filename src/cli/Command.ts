import { type Environment, type Flags, type Line, readFlags, type Values } from "./Parse.ts"

export interface Argument {
  readonly name: string
  readonly about: string
  /** `rest`: none or several, at the end. */
  readonly kind: "one" | "rest"
}

/** One command: all that its help says, and what it does. */
export interface Command {
  /** The words after `muster`; none for the command that runs a role. */
  readonly words: ReadonlyArray<string>
  readonly summary: string
  readonly arguments: ReadonlyArray<Argument>
  readonly flags: Flags
  readonly examples: ReadonlyArray<readonly [line: string, about: string]>
  /** Paragraphs at the end of the help. */
  readonly notes: ReadonlyArray<string>
  /** Refuses flags that don't go together, before any is read. */
  readonly check?: (line: Line) => void
  /** Answers the exit code; rejects with UsageError or CommandFailed. `words`: the arguments. */
  readonly run: (line: Line, words: ReadonlyArray<string>, environment: Environment) => Promise<number>
}

type Definition<F extends Flags> = Omit<Command, "run" | "flags"> & {
  readonly flags: F
  readonly run: (values: Values<F>, words: ReadonlyArray<string>) => Promise<number>
}

/** A command whose `run` gets the values of its flags, each of its own type. */
export const command = <const F extends Flags>(definition: Definition<F>): Command => ({
  ...definition,
  run: (line, words, environment) => definition.run(readFlags(definition.flags, line, environment), words),
})

/** `muster token create`: how a command is called in texts. */
export const titleOf = ({ words }: Pick<Command, "words">): string => ["muster", ...words].join(" ")
