import { splitWords } from "../../domain/CommandWords.ts"
import { UsageError } from "../Failure.ts"
import { choice, duration, optional, text, toggle, whole } from "../Flag.ts"

const timeOrNone = {
  placeholder: "TIME",
  read: (value: string) => (value === "0" ? 0 : duration.read(value)),
  expected: "0 or a time such as 500ms, 30s, 10m, 1h or 7d",
}

/** What a task is made of, for `muster cron add` and `muster cron edit`. */
export const taskFlags = {
  node: optional("node", text("NODE"), "Where it runs: the name, the address or the id of a node"),
  command: optional(
    "command",
    text("LINE"),
    "Runs a program with its arguments: blanks separate, quotes keep together, nothing else has a meaning",
  ),
  shell: optional("shell", text("LINE"), "Runs a line by /bin/sh"),
  call: optional("call", text("SERVICE.METHOD"), "Calls a method of a service, by the endpoint list on the node"),
  args: optional("args", text("JSON"), "With --call: the arguments, a JSON array"),
  every: optional("every", duration, "Runs once in this time, whole seconds"),
  cron: optional("cron", text("EXPRESSION"), "Runs by a cron expression of five fields, or @daily and the like"),
  tz: optional("tz", text("ZONE"), "With --cron: the time zone, such as Asia/Shanghai (default: UTC)"),
  overlap: optional(
    "overlap",
    choice("skip", "queue", "replace", "allow"),
    "When it is due and still runs: leave the new run out, let it wait, end the old one first, run both (default: skip)",
  ),
  missed: optional(
    "missed",
    choice("once", "all", "skip"),
    "Of runs that were due while the agent was away: one for all, each, none (default: once)",
  ),
  timeout: optional("timeout", timeOrNone, "A run that takes longer is ended; 0: never (default: 1h)"),
  retries: optional("retries", whole("N", 0, 100), "So often it runs again after a failure (default: 0)"),
  retryDelay: optional("retry-delay", timeOrNone, "So long after the failure (default: 10s)"),
  jitter: optional("jitter", timeOrNone, "Each run begins up to so much later, by chance (default: 0)"),
  keep: optional("keep", whole("N", 1, 100_000), "So many runs are kept (default: 200)"),
  keepFor: optional("keep-for", duration, "And so long (default: 30d)"),
  user: optional("user", text("USER"), "Runs as this user (default: the agent's)"),
  cwd: optional("cwd", text("FOLDER"), "Runs in this folder of the node"),
  env: optional("env", text("NAME=VALUE…"), "Variables of its environment, parted by blanks"),
  disabled: toggle("disabled", "It runs by hand only"),
}

type Values = {
  readonly [Key in keyof typeof taskFlags]: (typeof taskFlags)[Key] extends { read: (text: string) => infer A }
    ? A
    : never
}
type Body = Readonly<Record<string, unknown>>

const fault = (message: string) => new UsageError({ message })

const commandOf = ({ command, shell }: Values): Body | undefined => {
  if (shell !== undefined) return { shell }
  if (command === undefined) return undefined
  const argv = splitWords(command)
  if (argv?.[0] === undefined) throw fault(`--command is ${JSON.stringify(command)}, expected words with closed quotes`)
  return { argv }
}

const envOf = ({ env }: Values): Body | undefined => {
  if (env === undefined) return undefined
  const pairs = (splitWords(env) ?? [""]).map((word) => /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(word))
  if (pairs.includes(null)) throw fault(`--env is ${JSON.stringify(env)}, expected NAME=VALUE, or several in quotes`)
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]))
}

const callOf = ({ args, call }: Values): Body | undefined => {
  if (call === undefined) return undefined
  // A name with dots in it is parted from its method by a blank.
  const [, service, method] = /^(\S+)\s+(\S+)$/.exec(call) ?? /^([^.]+)\.(.+)$/.exec(call) ?? []
  if (service === undefined) throw fault(`--call is ${JSON.stringify(call)}, expected SERVICE.METHOD`)
  return { kind: "method", service, method, args: argsOf(args) }
}

const argsOf = (args: string | undefined): ReadonlyArray<unknown> => {
  try {
    const value: unknown = JSON.parse(args ?? "[]")
    if (Array.isArray(value)) return value
  } catch {
    // Said below.
  }
  throw fault(`--args is ${JSON.stringify(args)}, expected a JSON array such as '["2026", 7]'`)
}

/** What the task does; `before`: what it did, of which the rest stays. */
const actionOf = (values: Values, before: Body): Body | undefined => {
  const { call, command, cwd, shell, user } = values
  const given = [call, command, shell].filter((one) => one !== undefined).length
  if (given > 1) throw fault("--command, --shell and --call exclude each other")
  const made = callOf(values)
  if (made !== undefined) return made
  const [run, env] = [commandOf(values), envOf(values)]
  if (run === undefined && cwd === undefined && user === undefined && env === undefined) {
    return values.args === undefined ? undefined : { ...before, args: argsOf(values.args) }
  }
  const rest = before["kind"] === "command" ? before : {}
  return {
    ...rest,
    kind: "command",
    ...(run === undefined ? {} : { command: run }),
    ...(user === undefined ? {} : { user }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  }
}

/** The schedule that the flags say; undefined: none. `before`: what it was, of which the rest stays. */
export const scheduleOf = (
  { cron, every, tz }: Pick<Values, "cron" | "every" | "tz">,
  before: Body,
): Body | undefined => {
  if (every !== undefined && (cron ?? tz) !== undefined) throw fault("--every excludes --cron and --tz")
  if (every !== undefined) {
    if (every % 1_000 !== 0) throw fault("--every must be whole seconds")
    return { kind: "interval", everySeconds: every / 1_000 }
  }
  if (cron === undefined && tz === undefined) return undefined
  const expression = cron ?? before["expression"]
  if (expression === undefined) throw fault("--tz is for --cron, which is not there")
  return { kind: "cron", expression, timeZone: tz ?? before["timeZone"] ?? "UTC" }
}

const isGiven = ([, value]: readonly [string, unknown]) => value !== undefined

/** The fields that the flags set, for the API. `before`: the task as it is; nothing for a new one. */
export const bodyOf = (values: Values, before: { readonly action?: Body; readonly schedule?: Body }): Body => {
  const { jitter, keep, keepFor, missed, node, overlap, retries, retryDelay, timeout } = values
  const fields = {
    node,
    schedule: scheduleOf(values, before.schedule ?? {}),
    action: actionOf(values, before.action ?? {}),
    overlap,
    missed,
    timeoutMs: timeout,
    retries,
    retryDelayMs: retryDelay,
    jitterMs: jitter,
    keepRuns: keep,
    keepMs: keepFor,
  }
  return Object.fromEntries(Object.entries(fields).filter(isGiven))
}
