import {
  type RpcNumbers,
  type RpcSettingName,
  rpcSettingNames,
  rpcSettings,
  type Setting,
} from "../../src/domain/Setting.ts"

/** Settings as people write them: `512 MiB`, `30 s`, `10000`; and back. */
export type SettingProblem = "number" | "unit" | "range"

const KiB = 1024
const sizes: ReadonlyArray<readonly [string, number]> = [
  ["TiB", KiB ** 4],
  ["GiB", KiB ** 3],
  ["MiB", KiB ** 2],
  ["KiB", KiB],
  ["B", 1],
]
const times: ReadonlyArray<readonly [string, number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
  ["ms", 1],
]
const factors = (units: ReadonlyArray<readonly [string, number]>) =>
  new Map(units.map(([name, factor]) => [name.toLowerCase(), factor]))

/** What may stand behind a number, in lower case. A megabyte is taken for a mebibyte, and shown as one afterwards. */
const known = {
  count: new Map<string, number>([["", 1]]),
  bytes: new Map([
    ...factors(sizes),
    ...sizes.slice(0, 4).flatMap(([name, factor]) => {
      const letter = name.slice(0, 1).toLowerCase()
      return [[letter, factor] as const, [`${letter}b`, factor] as const]
    }),
  ]),
  ms: new Map([...factors(times), ["m", 60_000], ["sec", 1_000], ["day", 86_400_000], ["days", 86_400_000]]),
} as const

const shape = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/

/** The number that a text stands for, in bytes, milliseconds or pieces; or what is wrong with it. */
export const parseSetting = (setting: Setting, text: string): number | SettingProblem => {
  const [, digits, unit = ""] = shape.exec(text.trim().replaceAll(/[_,](?=\d)/g, "")) ?? []
  if (digits === undefined) return "number"
  const amount = Number(digits)
  const factor = amount === 0 && unit === "" ? 1 : known[setting.unit].get(unit.toLowerCase())
  if (factor === undefined) return setting.unit === "count" ? "number" : "unit"
  const value = amount * factor
  if (setting.unit === "count" && !Number.isInteger(value)) return "number"
  const whole = Math.round(value)
  return whole >= setting.minimum && whole <= setting.maximum ? whole : "range"
}

/** In the largest unit in which it is a whole number. */
export const settingText = (setting: Pick<Setting, "unit">, value: number): string => {
  if (setting.unit === "count" || value === 0) return String(value)
  const units = setting.unit === "bytes" ? sizes : times
  const [name, factor] = units.find(([, factor]) => value % factor === 0) ?? ["", 1]
  return `${value / factor} ${name}`
}

export type SettingTexts = Readonly<Record<RpcSettingName, string>>

const textOf = (name: RpcSettingName, value: number) => settingText(rpcSettings[name], value)

export const defaultText = (name: RpcSettingName): string => textOf(name, rpcSettings[name].default)

export const settingTexts = (numbers: RpcNumbers): SettingTexts =>
  Object.fromEntries(rpcSettingNames.map((name) => [name, textOf(name, numbers[name])])) as SettingTexts

/** An empty field is its default. */
export const isDefault = (name: RpcSettingName, text: string): boolean =>
  text.trim() === "" || parseSetting(rpcSettings[name], text) === rpcSettings[name].default

export type SettingErrors = { readonly [Name in RpcSettingName]?: SettingProblem }

/** All numbers, and what is wrong with those that are none. */
export const parseSettings = (
  texts: SettingTexts,
): { readonly numbers: RpcNumbers; readonly errors: SettingErrors } => {
  const numbers: Partial<Record<RpcSettingName, number>> = {}
  const errors: Partial<Record<RpcSettingName, SettingProblem>> = {}
  for (const name of rpcSettingNames) {
    const found = texts[name].trim() === "" ? rpcSettings[name].default : parseSetting(rpcSettings[name], texts[name])
    if (typeof found === "number") numbers[name] = found
    else errors[name] = found
  }
  return { numbers: numbers as RpcNumbers, errors }
}

export type SettingGroup = "recycling" | "limits" | "timeouts" | "tasks"

/** The groups in which a form shows the settings. */
export const settingGroups: Readonly<Record<SettingGroup, ReadonlyArray<RpcSettingName>>> = {
  recycling: [
    "maxRequests",
    "maxRequestsJitter",
    "maxRssBytes",
    "maxLifetimeMs",
    "startTimeoutMs",
    "heartbeatTimeoutMs",
  ],
  limits: [
    "maxFrameBytes",
    "maxConnections",
    "maxInFlightPerConnection",
    "maxInFlight",
    "maxWriteBufferBytes",
    "backlog",
  ],
  timeouts: ["helloTimeoutMs", "idleTimeoutMs", "slowCallMs", "idempotencyWindowMs"],
  tasks: ["taskWorkers", "taskQueueMax", "taskTimeoutMs", "taskAttemptsMax"],
}
