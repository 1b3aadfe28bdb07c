import { Schema } from "effect"
import { commandText } from "../../src/domain/CommandLine.ts"
import { splitWords } from "../../src/domain/CommandWords.ts"
import type { CronTaskView } from "../../src/domain/CronView.ts"
import type { Schedule } from "../../src/domain/Cron.ts"
import { scheduleFault } from "../../src/domain/Schedule.ts"
import { ServiceName } from "../../src/domain/ServiceName.ts"
import type { CronCountField, CronFormErrors, CronFormValues, CronTimeField } from "../CronModels.ts"
import { type Fields, oneOf, text, wholeNumber } from "./Fields.ts"
import { parseSetting, settingText } from "./SettingText.ts"

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const methodPattern = /^[A-Za-z$][\w$]*(?:\.[A-Za-z$][\w$]*)?$/
const isServiceName = Schema.is(ServiceName)

const second = 1_000
const day = 86_400_000

/** The least and the most of each, in milliseconds. */
export const cronTimes: Readonly<Record<CronTimeField, readonly [number, number]>> = {
  timeout: [0, 30 * day],
  retryDelay: [0, day],
  jitter: [0, day],
  keep: [60 * second, 3_660 * day],
}
export const cronCounts: Readonly<Record<CronCountField, readonly [number, number]>> = {
  retries: [0, 100],
  keepRuns: [1, 100_000],
}

export const timeText = (ms: number) => settingText({ unit: "ms" }, ms)
const readTime = (value: string, [minimum, maximum]: readonly [number, number]) =>
  parseSetting({ unit: "ms", minimum, maximum, default: minimum }, value)

/** A new task. The time zone is the reader's: the browser fills it in. */
export const newCron: CronFormValues = {
  name: "",
  node: "",
  enabled: true,
  kind: "shell",
  argv: "",
  shell: "",
  service: "",
  method: "",
  args: "",
  when: "expression",
  every: "5 min",
  expression: "",
  timeZone: "",
  overlap: "skip",
  missed: "once",
  timeout: "1 h",
  retries: "0",
  retryDelay: "10 s",
  jitter: "0",
  keepRuns: "200",
  keep: "30 d",
  user: "",
  cwd: "",
  env: "",
}

const ofAction = ({ action }: CronTaskView): Partial<CronFormValues> => {
  if (action.kind === "method") {
    const { args, method, service } = action
    return { kind: "method", service, method, args: args.length === 0 ? "" : JSON.stringify(args) }
  }
  const { command, cwd = "", env, user } = action
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const rest = { user, cwd, env: lines.join("\n") }
  return "shell" in command
    ? { kind: "shell", shell: command.shell, ...rest }
    : { kind: "command", argv: commandText(command), ...rest }
}

const ofSchedule = ({ schedule }: CronTaskView): Partial<CronFormValues> =>
  schedule.kind === "interval"
    ? { when: "interval", every: timeText(schedule.everySeconds * second) }
    : { when: "expression", expression: schedule.expression, timeZone: schedule.timeZone }

/** A task as it is. */
export const cronValues = (task: CronTaskView): CronFormValues => ({
  ...newCron,
  name: task.name,
  node: task.node.ip,
  enabled: task.enabled,
  ...ofAction(task),
  ...ofSchedule(task),
  overlap: task.overlap,
  missed: task.missed,
  timeout: timeText(task.timeoutMs),
  retries: String(task.retries),
  retryDelay: timeText(task.retryDelayMs),
  jitter: timeText(task.jitterMs),
  keepRuns: String(task.keepRuns),
  keep: timeText(task.keepMs),
})

const lines = (fields: Fields, name: string) => text(fields, name).replaceAll("\r\n", "\n")

/** The fields as they were typed. */
export const readCronForm = (fields: Fields): CronFormValues => {
  const trimmed = (name: string) => text(fields, name).trim()
  return {
    name: trimmed("name"),
    node: trimmed("node"),
    enabled: text(fields, "enabled") === "on",
    kind: oneOf(text(fields, "kind"), ["command", "shell", "method"], "shell"),
    argv: trimmed("argv"),
    shell: lines(fields, "shell").trim(),
    service: trimmed("service"),
    method: trimmed("method"),
    args: lines(fields, "args").trim(),
    when: oneOf(text(fields, "when"), ["interval", "expression"], "expression"),
    every: trimmed("every"),
    expression: trimmed("expression"),
    timeZone: trimmed("timeZone"),
    overlap: oneOf(text(fields, "overlap"), ["skip", "queue", "replace", "allow"], "skip"),
    missed: oneOf(text(fields, "missed"), ["skip", "once", "all"], "once"),
    timeout: trimmed("timeout"),
    retries: trimmed("retries"),
    retryDelay: trimmed("retryDelay"),
    jitter: trimmed("jitter"),
    keepRuns: trimmed("keepRuns"),
    keep: trimmed("keep"),
    user: trimmed("user"),
    cwd: trimmed("cwd"),
    env: lines(fields, "env"),
  }
}

type Read<A> =
  | { readonly value: A; readonly errors?: never }
  | { readonly value?: never; readonly errors: CronFormErrors }

/** When it runs, or what is wrong with that. */
export const readSchedule = (
  values: Pick<CronFormValues, "when" | "every" | "expression" | "timeZone">,
): Read<Schedule> => {
  if (values.when === "interval") {
    const ms = readTime(values.every, [second, 365 * day])
    return typeof ms === "number" && ms % second === 0
      ? { value: { kind: "interval", everySeconds: ms / second } }
      : { errors: { every: "time" } }
  }
  const { expression, timeZone } = values
  const schedule = { kind: "cron", expression, timeZone } as const
  const fault = scheduleFault(schedule)
  if (fault === undefined) return { value: schedule }
  return { errors: fault.field === "timeZone" ? { timeZone: "unknown" } : { expression: fault } }
}

const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/

const readEnvironment = (typed: string): Read<Readonly<Record<string, string>>> => {
  const env: Record<string, string> = {}
  for (const [index, line] of typed.split("\n").entries()) {
    if (line.trim() === "") continue
    const [, name, value = ""] = assignment.exec(line) ?? []
    if (name === undefined) return { errors: { env: { line: index + 1 } } }
    env[name] = value
  }
  return { value: env }
}

const readArguments = (typed: string): ReadonlyArray<unknown> | undefined => {
  if (typed === "") return []
  try {
    const value: unknown = JSON.parse(typed)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const readMethod = ({ args: typed, method, service }: CronFormValues): Read<object> => {
  const args = readArguments(typed)
  const errors: CronFormErrors = {
    ...(isServiceName(service) ? {} : { service: "syntax" }),
    ...(methodPattern.test(method) ? {} : { method: "syntax" }),
    ...(args === undefined ? { args: "json" } : {}),
  }
  return Object.keys(errors).length > 0 ? { errors } : { value: { kind: "method", service, method, args } }
}

const readCommand = ({ argv, cwd, env: typed, kind, shell, user }: CronFormValues): Read<object> => {
  const words = splitWords(argv)
  const env = readEnvironment(typed)
  const errors: CronFormErrors = {
    ...(kind === "command" && words === undefined ? { argv: "quote" } : {}),
    ...(kind === "command" && (words?.[0] ?? "missing") === "missing" && words !== undefined ? { argv: "empty" } : {}),
    ...(kind === "shell" && shell === "" ? { shell: "empty" } : {}),
    ...(cwd === "" || cwd.startsWith("/") ? {} : { cwd: "path" }),
    ...env.errors,
  }
  if (Object.keys(errors).length > 0) return { errors }
  const command = kind === "shell" ? { shell } : { argv: words }
  return { value: { kind: "command", command, user, env: env.value, ...(cwd === "" ? {} : { cwd }) } }
}

const readNumbers = (values: CronFormValues) => {
  const numbers: Record<string, number> = {}
  const errors: Record<string, "unit" | "range"> = {}
  for (const [field, range] of Object.entries(cronTimes)) {
    const found = readTime(values[field as CronTimeField], range)
    if (typeof found === "number") numbers[`${field}Ms`] = found
    else errors[field] = found === "range" ? "range" : "unit"
  }
  for (const [field, [least, most]] of Object.entries(cronCounts)) {
    const found = wholeNumber(values[field as CronCountField], least, most)
    if (found === undefined) errors[field] = "range"
    else numbers[field] = found
  }
  return { numbers, errors: errors as CronFormErrors }
}

/** What the form means, for CronInput to decode, or all that is wrong with it. */
export const checkCronForm = (values: CronFormValues): Read<object> => {
  const schedule = readSchedule(values)
  const action = values.kind === "method" ? readMethod(values) : readCommand(values)
  const { errors: wrong, numbers } = readNumbers(values)
  const errors: CronFormErrors = {
    ...(namePattern.test(values.name) ? {} : { name: "syntax" }),
    ...(values.node === "" ? { node: "missing" } : {}),
    ...action.errors,
    ...schedule.errors,
    ...wrong,
  }
  if (Object.keys(errors).length > 0) return { errors }
  const { enabled, missed, name, node, overlap } = values
  return { value: { name, node, enabled, missed, overlap, ...numbers, schedule: schedule.value, action: action.value } }
}

export const cronErrorCount = (errors: CronFormErrors): number => Object.keys(errors).length
