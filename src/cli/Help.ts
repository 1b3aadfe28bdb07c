import { version } from "../platform/Version.ts"
import { type Argument, type Command, titleOf } from "./Command.ts"
import { type AnyFlag, variableOf } from "./Flag.ts"
import { table, wrap } from "./Table.ts"

const width = 100

/** The help of one command: what it is called with, what each flag means, and where its state is. */
export const helpOf = (shown: Command, commands: ReadonlyArray<Command>): string => {
  const isRoot = shown.words.length === 0
  const others = commands.filter((other) => other !== shown)
  return [
    isRoot ? `muster ${version}: ${shown.summary}` : `${titleOf(shown)}: ${shown.summary}`,
    section("Usage", [
      usageOf(shown),
      ...(isRoot ? others.map(usageOf).map((line) => line.replace(/ \[flags\]$/, "")) : []),
    ]),
    ...(isRoot
      ? [
          section(
            "Commands (muster COMMAND --help tells more)",
            table(others.map((other) => [other.words.join(" "), other.summary])),
          ),
        ]
      : []),
    section("Arguments", table(shown.arguments.map(({ about, name }) => [name, about]))),
    section(
      "Flags (each is also a variable: flag, else variable, else default)",
      flagTable(Object.values(shown.flags)),
    ),
    section(
      "Examples",
      shown.examples.flatMap(([line, about]) => [`# ${about}`, line]),
    ),
    ...shown.notes.map((note) => wrap(note, width).join("\n")),
  ]
    .filter((text) => text !== "")
    .join("\n\n")
    .concat("\n")
}

const usageOf = (shown: Command): string => {
  const role = shown.words.length === 0 ? " --role=manager|node|standalone" : ""
  return [`${titleOf(shown)}${role}`, ...shown.arguments.map(argumentOf), "[flags]"].join(" ")
}

const argumentOf = ({ kind, name }: Argument) => (kind === "rest" ? `[${name}…]` : name)

const flagTable = (flags: ReadonlyArray<AnyFlag>): ReadonlyArray<string> =>
  flags.flatMap((flag) => {
    const short = flag.short === undefined ? "" : `-${flag.short}, `
    const shown = `${short}--${flag.name}${flag.placeholder === undefined ? "" : ` ${flag.placeholder}`}`
    const fallback = flag.default === undefined || flag.placeholder === undefined ? "" : ` Default: ${flag.default}.`
    return [
      `${shown}   (${variableOf(flag)})`,
      ...wrap(`${flag.about}.${fallback}`, width - 8).map((line) => `    ${line}`),
    ]
  })

const section = (title: string, lines: ReadonlyArray<string>): string =>
  lines.length === 0 ? "" : [`${title}:`, ...lines.map((line) => `  ${line}`)].join("\n")
