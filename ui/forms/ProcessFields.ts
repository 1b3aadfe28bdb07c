import type { ProcessFormErrors, ProcessFormModel, ProcessFormValues, ProcessView } from "../ViewModels.ts"
import { type Fields, oneOf, text, wholeNumber } from "./Fields.ts"

const modulePath = /^\/.+\.(?:[cm]?[jt]s|[jt]sx)$/
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/
const workersMax = 256
const drainSecondsMax = 3600

const nothingYet: ProcessFormValues = {
  module: "",
  workers: "0",
  tls: "auto",
  desired: "running",
  drainSeconds: "30",
  env: "",
}

/** The form of a process spec as it is, or of none. */
export const openProcessForm = (process: ProcessView | null): ProcessFormModel => {
  if (process === null) return { revision: null, values: nothingYet, errors: {} }
  const { module, workers, tls, desired, drainTimeoutMs, env } = process.spec
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return {
    revision: process.revision,
    values: {
      module,
      workers: String(workers),
      tls,
      desired,
      drainSeconds: String(drainTimeoutMs / 1000),
      env: lines.join("\n"),
    },
    errors: {},
  }
}

export const readProcessForm = (fields: Fields): ProcessFormValues => ({
  module: text(fields, "module").trim(),
  workers: text(fields, "workers").trim(),
  tls: oneOf(text(fields, "tls"), ["auto", "on", "off"], "auto"),
  desired: oneOf(text(fields, "desired"), ["running", "stopped"], "running"),
  drainSeconds: text(fields, "drainSeconds").trim(),
  env: text(fields, "env").replaceAll("\r\n", "\n"),
})

export type ProcessFields = {
  readonly kind: "module"
  readonly module: string
  readonly workers: number
  readonly tls: "auto" | "on" | "off"
  readonly desired: "running" | "stopped"
  readonly drainTimeoutMs: number
  readonly env: Readonly<Record<string, string>>
}
type Checked =
  | { readonly fields: ProcessFields; readonly errors?: never }
  | { readonly fields?: never; readonly errors: ProcessFormErrors }

/** What the form means, or all that is wrong with it. */
export const checkProcessForm = (values: ProcessFormValues): Checked => {
  const workers = wholeNumber(values.workers, 0, workersMax)
  const drainMs = drainTime(values.drainSeconds)
  const environment = readEnvironment(values.env)
  const errors: ProcessFormErrors = {
    ...(modulePath.test(values.module) ? {} : { module: "path" as const }),
    ...(workers === undefined ? { workers: "range" as const } : {}),
    ...(drainMs === undefined ? { drainSeconds: "range" as const } : {}),
    ...(environment.wrongLine === undefined ? {} : { env: { line: environment.wrongLine } }),
  }
  if (workers === undefined || drainMs === undefined || Object.keys(errors).length > 0) return { errors }
  const { module, tls, desired } = values
  return { fields: { kind: "module", module, workers, tls, desired, drainTimeoutMs: drainMs, env: environment.env } }
}

/** Seconds, with at most three decimals, as whole milliseconds. */
const drainTime = (seconds: string) => {
  if (!/^\d{1,4}(?:\.\d{1,3})?$/.test(seconds)) return undefined
  return Number(seconds) <= drainSecondsMax ? Math.round(Number(seconds) * 1000) : undefined
}

const readEnvironment = (lines: string) => {
  const env: Record<string, string> = {}
  for (const [index, line] of lines.split("\n").entries()) {
    if (line.trim() === "") continue
    const match = assignment.exec(line)
    if (match === null) return { env, wrongLine: index + 1 }
    env[match[1] ?? ""] = match[2] ?? ""
  }
  return { env, wrongLine: undefined }
}
