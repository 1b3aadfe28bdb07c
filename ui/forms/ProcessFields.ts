import { legacyOverTls } from "../../src/domain/LegacyPort.ts"
import { defaultRpcSettings, type RpcSettings } from "../../src/domain/RpcSettings.ts"
import { rpcSettingNames } from "../../src/domain/Setting.ts"
import type { ProcessFormErrors, ProcessFormModel, ProcessFormValues, ProcessView } from "../ViewModels.ts"
import { type Fields, oneOf, text, wholeNumber } from "./Fields.ts"
import { parseSettings, settingTexts, type SettingTexts } from "./SettingText.ts"

const modulePath = /^\/.+\.(?:[cm]?[jt]s|[jt]sx)$/
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/
const concurrencyLine = /^([A-Za-z$][\w$]*(?:\.[A-Za-z$][\w$]*)?)\s*=\s*(\d{1,7})$/
const concurrencyMax = 1_000_000
const workersMax = 256
const drainSecondsMax = 3600

const nothingYet: ProcessFormValues = {
  module: "",
  workers: "0",
  tls: "auto",
  desired: "running",
  drainSeconds: "30",
  env: "",
  rpc: settingTexts(defaultRpcSettings),
  methodConcurrency: "",
  legacy: false,
}

const assignments = (entries: Readonly<Record<string, string | number>>) =>
  Object.entries(entries)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")

/** The form of a process spec as it is, or of none. */
export const openProcessForm = (process: ProcessView | null): ProcessFormModel => {
  if (process === null) return { revision: null, values: nothingYet, errors: {} }
  if (process.spec.kind === "command") return { revision: process.revision, values: nothingYet, errors: {} }
  const { module, workers, tls, desired, drainTimeoutMs, env, rpc } = process.spec
  return {
    revision: process.revision,
    values: {
      module,
      workers: String(workers),
      tls,
      desired,
      drainSeconds: String(drainTimeoutMs / 1000),
      env: assignments(env),
      rpc: settingTexts(rpc),
      methodConcurrency: assignments(rpc.methodConcurrency),
      legacy: rpc.legacy,
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
  env: lines(fields, "env"),
  rpc: Object.fromEntries(rpcSettingNames.map((name) => [name, text(fields, name).trim()])) as SettingTexts,
  methodConcurrency: lines(fields, "methodConcurrency"),
  legacy: text(fields, "legacy") === "on",
})

const lines = (fields: Fields, name: string) => text(fields, name).replaceAll("\r\n", "\n")

export type ProcessFields = {
  readonly kind: "module"
  readonly module: string
  readonly workers: number
  readonly tls: "auto" | "on" | "off"
  readonly desired: "running" | "stopped"
  readonly drainTimeoutMs: number
  readonly env: Readonly<Record<string, string>>
  readonly rpc: RpcSettings
}
type Checked =
  | { readonly fields: ProcessFields; readonly errors?: never }
  | { readonly fields?: never; readonly errors: ProcessFormErrors }

/** How many places of the form need attention. */
export const processErrorCount = ({ rpc = {}, ...others }: ProcessFormErrors): number =>
  Object.keys(others).length + Object.keys(rpc).length

/** What the form means, or all that is wrong with it. `ips`: addresses of the service's endpoints. */
export const checkProcessForm = (values: ProcessFormValues, ips: ReadonlyArray<string>): Checked => {
  const workers = wholeNumber(values.workers, 0, workersMax)
  const drainMs = drainTime(values.drainSeconds)
  const environment = readEnvironment(values.env)
  const { numbers, errors: settingErrors } = parseSettings(values.rpc)
  const concurrency = readConcurrency(values.methodConcurrency)
  const { module, tls, desired, legacy } = values
  const errors: ProcessFormErrors = {
    ...(modulePath.test(module) ? {} : { module: "path" as const }),
    ...(workers === undefined ? { workers: "range" as const } : {}),
    ...(drainMs === undefined ? { drainSeconds: "range" as const } : {}),
    ...(environment.wrongLine === undefined ? {} : { env: { line: environment.wrongLine } }),
    ...(Object.keys(settingErrors).length === 0 ? {} : { rpc: settingErrors }),
    ...(concurrency.wrongLine === undefined ? {} : { methodConcurrency: { line: concurrency.wrongLine } }),
    ...(legacyOverTls({ tls, rpc: { legacy } }, ips) ? { legacy: "tls" as const } : {}),
  }
  if (workers === undefined || drainMs === undefined || Object.keys(errors).length > 0) return { errors }
  const rpc = { ...numbers, methodConcurrency: concurrency.limits, legacy }
  const { env } = environment
  return { fields: { kind: "module", module, workers, tls, desired, drainTimeoutMs: drainMs, env, rpc } }
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

const readConcurrency = (lines: string) => {
  const limits: Record<string, number> = {}
  for (const [index, line] of lines.split("\n").entries()) {
    if (line.trim() === "") continue
    const [, method, limit] = concurrencyLine.exec(line.trim()) ?? []
    const number = Number(limit)
    if (method === undefined || !(number >= 1 && number <= concurrencyMax)) return { limits, wrongLine: index + 1 }
    limits[method] = number
  }
  return { limits, wrongLine: undefined }
}
