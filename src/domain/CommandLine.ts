import { Schema } from "effect"

/** A program and its arguments as they are, or a line for `/bin/sh -c`. */
export const CommandLine = Schema.Union([
  Schema.Struct({
    argv: Schema.NonEmptyArray(Schema.String).check(
      Schema.makeFilter((argv: ReadonlyArray<string>) =>
        argv[0]?.trim() === "" ? "must begin with the name of a program" : undefined,
      ),
    ),
  }),
  Schema.Struct({
    shell: Schema.String.check(Schema.isPattern(/\S/, { message: "must not be empty" })),
  }),
])
export type CommandLine = typeof CommandLine.Type

/** For a person: the shell line, or the words, those with blanks in quotes. */
export const commandText = (command: CommandLine): string =>
  "shell" in command
    ? command.shell
    : command.argv
        .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
        .join(" ")
