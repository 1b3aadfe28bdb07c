import { args, env, exit, writeError, writeOut } from "../platform/Env.ts"
import { version } from "../platform/Version.ts"
import { nodesCommand, pushCommand, servicesCommand, tokenCommand } from "./AdminCommands.ts"
import { callCommand } from "./call/CallCommand.ts"
import { type Command, command, titleOf } from "./Command.ts"
import { crashesCommand } from "./CrashCommand.ts"
import { cronCommands } from "./cron/CronCommands.ts"
import { cronEditCommands } from "./cron/CronEdit.ts"
import { previewCommand } from "./cron/CronPreview.ts"
import { CommandFailed, exitCodes, UsageError } from "./Failure.ts"
import { helpOf } from "./Help.ts"
import { importCommand } from "./import/ImportCommand.ts"
import { logsCommand } from "./logs/LogsCommand.ts"
import { type Line, type OwnFlags, refuseForeign, splitLine } from "./Parse.ts"
import { restartCommand, scaleCommand, startCommand, stopCommand } from "./processes/ActionCommands.ts"
import { statusCommand } from "./processes/StatusCommand.ts"
import { reloadCommand } from "./ReloadCommand.ts"
import { roleCommand } from "./RoleCommand.ts"
import { statsCommand } from "./stats/StatsCommand.ts"
import { suggestion } from "./Suggestion.ts"
import { systemdCommand } from "./systemd/SystemdCommand.ts"
import { discardCommand, requeueCommand, tasksCommand } from "./TaskCommands.ts"
import { methodsCommand } from "./types/MethodsCommand.ts"
import { typesCommand } from "./types/TypesCommand.ts"

const versionCommand = command({
  words: ["version"],
  summary: "print the version of this executable",
  arguments: [],
  flags: {},
  examples: [["muster version", "such as 0.1.0"]],
  notes: [],
  run: () => {
    writeOut(`${version}\n`)
    return Promise.resolve(exitCodes.done)
  },
})

const commands: ReadonlyArray<Command> = [
  roleCommand,
  callCommand,
  methodsCommand,
  typesCommand,
  statsCommand,
  servicesCommand,
  statusCommand,
  startCommand,
  stopCommand,
  restartCommand,
  reloadCommand,
  scaleCommand,
  logsCommand,
  pushCommand,
  crashesCommand,
  importCommand,
  tasksCommand,
  requeueCommand,
  discardCommand,
  ...cronCommands,
  ...cronEditCommands,
  previewCommand,
  nodesCommand,
  tokenCommand,
  systemdCommand,
  versionCommand,
]

/** Does what the command line says, then ends the process with its exit code. */
export const runCli = async (): Promise<never> => {
  try {
    return exit(await dispatch(args))
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof CommandFailed)) throw error
    // One line, whatever the reason was made of.
    writeError(`muster: ${error.message.replaceAll(/\s*\n\s*/g, " ")}\n`)
    return exit(error instanceof UsageError ? exitCodes.usage : exitCodes.failed)
  }
}

const dispatch = async (given: ReadonlyArray<string>): Promise<number> => {
  if (given.length === 1 && given[0] === "--version") return await versionCommand.run(nothing, [], env)
  const line = splitLine(
    given,
    commands.flatMap(({ flags }) => Object.values(flags)),
    ownFlagsOf,
  )
  const chosen = find(line)
  if (line.help) {
    writeOut(helpOf(chosen, commands))
    return exitCodes.done
  }
  refuseForeign(titleOf(chosen), chosen.flags, line)
  chosen.check?.(line)
  const words = line.words.slice(chosen.words.length)
  checkArguments(chosen, words)
  return await chosen.run(line, words, env)
}

const nothing: Line = { words: [], texts: new Map(), help: false }

/** Of `tasks` and `tasks requeue`, the one that says more. */
const startingWith = (words: ReadonlyArray<string>): Command | undefined => {
  if (words.length === 0) return roleCommand
  return commands
    .filter((one) => one.words.length > 0 && one.words.every((word, index) => word === words[index]))
    .toSorted((one, other) => other.words.length - one.words.length)[0]
}

const ownFlagsOf = (words: ReadonlyArray<string>): OwnFlags => {
  const chosen = startingWith(words) ?? roleCommand
  return { title: titleOf(chosen), flags: Object.values(chosen.flags) }
}

const find = ({ words }: Line): Command => {
  const chosen = startingWith(words)
  if (chosen !== undefined) return chosen
  const names = commands.map((one) => one.words.join(" ")).filter((name) => name !== "")
  const sameStart = names.find((name) => name.startsWith(`${words[0]} `))
  const typed = sameStart === undefined ? (words[0] ?? "") : words.slice(0, 2).join(" ")
  const meant = suggestion(typed, names)
  throw new UsageError({
    message: `Unknown command "${typed}"${meant === "" ? "; muster --help lists them" : meant}`,
  })
}

const checkArguments = (chosen: Command, words: ReadonlyArray<string>) => {
  const wanted = chosen.arguments.filter(({ kind }) => kind === "one")
  const missing = wanted[words.length]
  if (missing !== undefined) {
    throw new UsageError({
      message: `${missing.name} is missing: ${missing.about}; ${titleOf(chosen)} --help tells more`,
    })
  }
  const isOpen = chosen.arguments.some(({ kind }) => kind === "rest")
  const extra = words[wanted.length]
  if (extra !== undefined && !isOpen) {
    throw new UsageError({ message: `"${extra}" is one argument too many; ${titleOf(chosen)} --help tells more` })
  }
}
