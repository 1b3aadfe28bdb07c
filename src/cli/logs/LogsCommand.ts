import { Option, Schema } from "effect"
import { logLevels } from "../../domain/LogLevel.ts"
import { isOutColourful, outColumns, writeError, writeOut } from "../../platform/Env.ts"
import { askLines } from "../Api.ts"
import { command } from "../Command.ts"
import { CommandFailed, exitCodes, UsageError } from "../Failure.ts"
import { alsoShort, choice, moment, optional, text, toggle, whole } from "../Flag.ts"
import { interruption, unread } from "../Interruption.ts"
import { oneLine } from "../OneLine.ts"
import { dataFlag, pageFlag } from "../SharedFlags.ts"
import { LinePrinter } from "./LinePrinter.ts"

const tailDefault = 100
/** A search may have to read much before the first line is found. */
const headTimeoutMs = 60_000

const LogLine = Schema.Struct({
  at: Schema.Finite,
  node: Schema.String,
  process: Schema.String,
  place: Schema.String,
  stream: Schema.Literals(["out", "err"]),
  text: Schema.String,
})

const LogEvent = Schema.Struct({
  event: Schema.String,
  node: Schema.optionalKey(Schema.String),
  process: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String),
  lines: Schema.optionalKey(Schema.Int),
})

const read = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([LogLine, LogEvent])))

const flags = {
  follow: alsoShort(toggle("follow", "Go on with what comes, until Ctrl-C"), "f"),
  node: optional("node", text("NODE"), "Of this node only, by its name, address or id (default: of all that run it)"),
  instance: optional(
    "instance",
    text("LIST"),
    "Of these instances only, as muster status names them: 0,2 or tasks/0 (default: all)",
  ),
  output: optional("output", choice("out", "err"), "Standard output or standard error only (default: both)"),
  since: optional("since", moment, "From this time on: how long ago, or a time such as 2026-11-26T04:17:51Z"),
  until: optional("until", moment, "Up to this time"),
  tail: optional("tail", whole("N", 0, 100_000), `The last N lines (default: ${tailDefault}, or all with --since)`),
  search: optional("search", text("TEXT"), "Lines with this text only, in capitals or not"),
  level: optional(
    "level",
    choice(...logLevels),
    "Lines at least so grave only; one that says no level counts as info, on standard error as warn (default: all)",
  ),
  url: pageFlag,
  data: dataFlag,
  json: toggle("json", "Print a JSON object for each line, and for what else happens"),
}

export const logsCommand = command({
  words: ["logs"],
  summary: "show what the processes of a service print, of all nodes in the order of time",
  arguments: [{ name: "SERVICE", about: "the name of the service", kind: "one" }],
  flags,
  examples: [
    ["muster logs greeter", `the last ${tailDefault} lines of all its instances`],
    ["muster logs greeter -f --level warn", "what goes wrong, as it does"],
    ["muster logs greeter --since 10m --node web-01 --instance 0", "one instance in the last ten minutes"],
    ["muster logs greeter --since 2026-11-26T04:00:00Z --until 2026-11-26T05:00:00Z --json | jq .text", "for a script"],
  ],
  notes: [
    "Each line has its time, its node and its instance. The time is that of the line itself where our own workers have written it, else that at which the node's agent got it; local on a terminal and in a file, milliseconds since 1970 with --json.",
    "A node that is away is named, and the others go on; with --follow it goes on where it was when it comes back. Lines that came too fast to be shown are counted.",
    "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS. The logs themselves are on the nodes, in DATA/logs/PROCESS/.",
    "Exit codes: 0 done, 1 a node was away, or the manager refused or did not answer, 2 the command line is wrong, 130 ended by Ctrl-C, 141 nobody reads stdout any more.",
  ],
  run: async (values, [service = ""]) => {
    const { data, follow, json, url } = values
    if (follow && values.until !== undefined)
      throw new UsageError({ message: "--follow and --until exclude each other: one has no end" })
    const stop = interruption()
    const path = `/services/${encodeURIComponent(service)}/logs?${queryOf(values)}`
    const lines = await askLines({ method: "GET", path }, { url, dataDir: data, timeoutMs: headTimeoutMs }, stop.signal)
    const printer = new LinePrinter({ colours: isOutColourful(), isTerminal: outColumns() !== undefined })
    let isWhole = true
    for await (const line of lines) {
      const got = Option.getOrUndefined(read(line))
      if (got === undefined)
        throw new CommandFailed({ message: `The manager sent something else than a line: ${line}` })
      if ("event" in got) isWhole = tell(got) && isWhole
      if (json ? !writeOut(`${line}\n`) : "text" in got && !writeOut(printer.line(got))) return unread
    }
    const code = stop.code()
    if (code !== undefined) return code
    if (follow) throw new CommandFailed({ message: "The manager has ended the answer: it stops, or was restarted" })
    return isWhole ? exitCodes.done : exitCodes.failed
  },
})

type Wanted = {
  readonly [K in "follow" | "node" | "instance" | "output" | "since" | "until" | "tail" | "search" | "level"]:
    | string
    | number
    | boolean
    | undefined
}

const queryOf = ({ follow, instance, level, node, output, search, since, tail, until }: Wanted) => {
  const wanted = { node, place: instance, stream: output, from: since, to: until, search, level }
  const last = tail ?? (since === undefined ? tailDefault : undefined)
  const given = Object.entries({ ...wanted, tail: last, follow: follow === true ? 1 : undefined })
  return new URLSearchParams(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]])))
}

/** Says on stderr what is no line. False: something is missing from what is shown. */
const tell = ({ event, lines, message, node, process }: typeof LogEvent.Type): boolean => {
  const whose = `${node} (${process})`
  if (event === "away") writeError(`muster: ${oneLine(`${whose}: ${message}`)}\n`)
  if (event === "back") writeError(`muster: ${oneLine(`${whose} is back`)}\n`)
  if (event === "dropped") writeError(`muster: ${oneLine(`${whose}: ${lines} lines came too fast to be shown`)}\n`)
  return event !== "away"
}
