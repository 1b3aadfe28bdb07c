import { commandText } from "../../domain/CommandLine.ts"
import { runSettings } from "../../domain/RunSetting.ts"
import { parseIni, type Section } from "./Ini.ts"
import {
  bytesOf,
  defined,
  type Imported,
  ImportFailed,
  type Program,
  type SpecInput,
  stopSignalOf,
  type Surroundings,
  type Warning,
  wordsOf,
} from "./Program.ts"

/** A file of a configuration, with the name that messages give it. */
export type SourceFile = { readonly name: string; readonly text: string }

type Values = ReadonlyMap<string, string>
type Expansions = Readonly<Record<string, string | number>>

const defaultPriority = 999

/** Why a key has no counterpart. */
const notCarried: Readonly<Record<string, string>> = {
  stdout_logfile: "Muster keeps the logs of each instance itself: muster logs shows them",
  stderr_logfile: "Muster keeps the logs of each instance itself: muster logs shows them",
  redirect_stderr: "Muster keeps both streams, and merges them in the order of time",
  stderr_logfile_maxbytes: "the limits of stdout's log are those of both",
  stderr_logfile_backups: "the limits of stdout's log are those of both",
  stdout_capture_maxbytes: "there is no capture mode",
  stderr_capture_maxbytes: "there is no capture mode",
  stdout_events_enabled: "there are no event listeners",
  stderr_events_enabled: "there are no event listeners",
  stdout_syslog: "Muster does not write to syslog",
  stderr_syslog: "Muster does not write to syslog",
  serverurl: "there is no such server: muster restart and its like do it",
}

/** Keys that are carried over, or say how others are. */
const known = new Set([
  "command",
  "process_name",
  "numprocs",
  "numprocs_start",
  "priority",
  "autostart",
  "startsecs",
  "startretries",
  "autorestart",
  "exitcodes",
  "stopsignal",
  "stopwaitsecs",
  "stopasgroup",
  "killasgroup",
  "user",
  "environment",
  "directory",
  "umask",
  "stdout_logfile_maxbytes",
  "stdout_logfile_backups",
])

const isTrue = (text: string) => ["true", "on", "yes", "1"].includes(text.trim().toLowerCase())

/** `%(name)s`, `%(name)d`, `%(name)02d`. */
const expand = (text: string, expansions: Expansions, where: string): string =>
  text.replaceAll(/%%|%\((\w+)\)(0?)(\d*)([sd])/g, (all, name: string | undefined, zero: string, width: string) => {
    if (name === undefined) return "%"
    const value = expansions[name]
    if (value === undefined) throw new ImportFailed(`${where}: ${all} is not known here`)
    return String(value).padStart(Number(width), zero === "0" ? "0" : " ")
  })

/** `A="1",B='two, three',C=3`. */
const environmentOf = (text: string, where: string): Readonly<Record<string, string>> => {
  const pattern = /\s*([A-Za-z_]\w*)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,]*)\s*(?:,|$)/gy
  const variables: Record<string, string> = {}
  const line = text.replaceAll("\n", " ").replace(/[\s,]+$/, "")
  for (let at = 0; at < line.length; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const [, name, value = ""] = pattern.exec(line) ?? []
    if (name === undefined) throw new ImportFailed(`${where}: expected NAME="value",NAME="value"`)
    variables[name] = value.startsWith("'")
      ? value.slice(1, -1)
      : value.startsWith('"')
        ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1")
        : value.trim()
  }
  return variables
}

const whole = (text: string | undefined, where: string): number | undefined => {
  if (text === undefined) return undefined
  if (!/^-?\d+$/.test(text.trim()))
    throw new ImportFailed(`${where} is ${JSON.stringify(text)}, expected a whole number`)
  return Number(text)
}

/** What is common to all programs of a configuration. */
type Common = {
  readonly expansions: Expansions
  readonly env: Readonly<Record<string, string>>
  readonly user: string | undefined
  readonly umask: string | undefined
  /** Some program says in which order it is to be started. */
  readonly hasOrder: boolean
  readonly folder: string
}

const umaskOf = (text: string | undefined) =>
  text === undefined
    ? undefined
    : text
        .trim()
        .replace(/^0*(?=\d{3}$)/, "")
        .padStart(3, "0")

/** A line of a program as words, or as a shell's where all that it starts is to hear the stop signal. */
const commandOf = (line: string, asGroup: boolean, where: string) => {
  const argv = wordsOf(line)
  if (argv === undefined || argv.length === 0)
    throw new ImportFailed(`${where}: a quotation mark has no partner, or it is empty`)
  return asGroup ? { shell: commandText({ argv: argv as [string, ...Array<string>] }) } : { argv }
}

/** The values of a section, with what they refer to in its place. */
const reader = (values: Values, expansions: Expansions, where: string) => {
  const text = (key: string) => {
    const value = values.get(key)
    return value === undefined ? undefined : expand(value, expansions, `${where} ${key}`)
  }
  const number = (key: string) => whole(text(key), `${where} ${key}`)
  return {
    text,
    number,
    ms: (key: string, seconds: number) => (number(key) ?? seconds) * 1_000,
    isTrue: (key: string, otherwise: boolean) => isTrue(text(key) ?? String(otherwise)),
  }
}
type Reader = ReturnType<typeof reader>

/** No limit of its own is the largest of ours. */
const logBytesOf = (text: string | undefined) => {
  const bytes = bytesOf(text ?? "")
  if (bytes === undefined) return undefined
  const { maximum, minimum } = runSettings.logMaxBytes
  return bytes === 0 ? maximum : Math.min(maximum, Math.max(minimum, bytes))
}

const restartOf = (text: string) => {
  if (text.toLowerCase() === "unexpected") return "unexpected"
  return isTrue(text) ? "always" : "never"
}

const placeOf = ({ number }: Reader, { hasOrder }: Common) =>
  hasOrder ? Math.min(999, Math.max(0, number("priority") ?? defaultPriority)) : undefined

const folderOf = ({ text }: Reader, { folder }: Common) => {
  const cwd = text("directory")
  return cwd === undefined || cwd.startsWith("/") ? cwd : `${folder}/${cwd}`
}

const specOf = (values: Values, common: Common, expansions: Expansions, where: string): SpecInput => {
  const read = reader(values, expansions, where)
  const { isTrue, ms, number, text } = read
  return defined({
    kind: "command",
    command: commandOf(text("command") ?? "", isTrue("stopasgroup", false), `${where} command`),
    cwd: folderOf(read, common),
    user: text("user") ?? common.user,
    umask: umaskOf(text("umask")) ?? common.umask,
    env: { ...common.env, ...environmentOf(text("environment") ?? "", `${where} environment`) },
    desired: isTrue("autostart", true) ? undefined : "stopped",
    restart: restartOf(text("autorestart") ?? "unexpected"),
    successCodes: (text("exitcodes") ?? "0").split(",").map(Number),
    startMs: ms("startsecs", 1),
    drainTimeoutMs: ms("stopwaitsecs", 10),
    stopSignal: stopSignalOf(text("stopsignal") ?? "TERM"),
    startOrder: placeOf(read, common),
    run: defined({
      startRetries: number("startretries") ?? 3,
      logMaxBytes: logBytesOf(text("stdout_logfile_maxbytes")),
      logKeep: number("stdout_logfile_backups"),
    }),
  })
}

const warningsOf = (program: string, values: Values): ReadonlyArray<Warning> =>
  [...values.keys()].flatMap((key) =>
    known.has(key) ? [] : [{ program, key, message: notCarried[key] ?? "there is no such setting" }],
  )

const programOf = (section: Section, common: Common): Imported => {
  const name = section.name.slice("program:".length)
  const { values } = section
  const where = `[${section.name}]`
  if (!values.has("command")) throw new ImportFailed(`${where} has no command`)
  const count = whole(values.get("numprocs"), `${where} numprocs`) ?? 1
  const start = whole(values.get("numprocs_start"), `${where} numprocs_start`) ?? 0
  const expansions = (nth: number): Expansions => ({
    ...common.expansions,
    program_name: name,
    group_name: name,
    numprocs: count,
    process_num: start + nth,
  })
  const warnings = warningsOf(name, values)
  const differs = [...values].some(([key, value]) => key !== "process_name" && value.includes("%(process_num)"))
  if (count === 1 || !differs) {
    const spec = specOf(values, common, expansions(0), where)
    return { programs: [{ name, spec: count === 1 ? spec : { ...spec, instances: count } }], warnings }
  }
  const nameOf = (nth: number) =>
    expand(values.get("process_name") ?? "%(program_name)s-%(process_num)d", expansions(nth), `${where} process_name`)
  const programs: ReadonlyArray<Program> = Array.from({ length: count }, (_, nth) => ({
    name: nameOf(nth),
    spec: specOf(values, common, expansions(nth), where),
  }))
  const message = `each of the ${count} is a service of its own, as their numbers stand in more than their names`
  return { programs, warnings: [...warnings, { program: name, key: "numprocs", message }] }
}

const others: Readonly<Record<string, string>> = {
  group: "there are no groups: its programs are services of their own",
  eventlistener: "there are no event listeners",
  "fcgi-program": "it is no plain program: a command with passSocket gets its socket as descriptor 3",
  rpcinterface: "there is no such interface",
}

/** Settings of the daemon itself that say nothing of programs. */
const daemons = new Set(["supervisord", "supervisorctl", "unix_http_server", "inet_http_server", "include"])

const sectionWarnings = (section: Section): ReadonlyArray<Warning> => {
  const [kind = "", name = section.name] = section.name.split(":")
  if (kind === "program" || daemons.has(kind) || section.name === "rpcinterface:supervisor") return []
  return [{ program: name, key: `[${section.name}]`, message: others[kind] ?? "there is no such section" }]
}

/** The patterns of files that a configuration includes. */
export const includesOf = (main: SourceFile): ReadonlyArray<string> =>
  parseIni(main.text, main.name)
    .filter(({ name }) => name === "include")
    .flatMap(({ values }) => (values.get("files") ?? "").split(/\s+/))
    .filter((pattern) => pattern !== "")

/** The programs of a supervisord.conf and the files that it includes. */
export const fromSupervisord = (files: ReadonlyArray<SourceFile>, around: Surroundings): Imported => {
  const sections = files.flatMap(({ name, text }) => parseIni(text, name))
  const daemon = sections.find(({ name }) => name === "supervisord")?.values ?? new Map<string, string>()
  const texts = [...daemon.values(), ...sections.flatMap(({ values }) => [...values.values()])].join("\n")
  const variables = [...new Set([...texts.matchAll(/%\(ENV_(\w+)\)/g)].map(([, name = ""]) => name))]
  const expansions: Expansions = {
    here: around.folder,
    host_node_name: around.hostname,
    ...(defined(Object.fromEntries(variables.map((name) => [`ENV_${name}`, around.variable(name)]))) as Expansions),
  }
  const programs = sections.filter(({ name }) => name.startsWith("program:"))
  const common: Common = {
    expansions,
    env: environmentOf(
      expand(daemon.get("environment") ?? "", expansions, "[supervisord] environment"),
      "[supervisord] environment",
    ),
    user: daemon.get("user"),
    umask: umaskOf(daemon.get("umask")),
    hasOrder: programs.some(({ values }) => values.has("priority")),
    folder: around.folder,
  }
  const imported = programs.map((section) => programOf(section, common))
  return {
    programs: imported.flatMap((one) => one.programs),
    warnings: [
      ...variables.map((name) => ({
        program: "",
        key: `%(ENV_${name})s`,
        message: `its value is that of ${name} here and now`,
      })),
      ...imported.flatMap((one) => one.warnings),
      ...sections.flatMap(sectionWarnings),
    ],
  }
}
