import { Effect, Schema } from "effect"
import type { Setting } from "./Setting.ts"

const MiB = 1024 ** 2
const second = 1_000
const day = 86_400 * second

/** How processes are started again, limited and logged: every number that an operator may set, in a form's order. */
export const runSettings = {
  /** Failures in a row until it is FATAL. */
  startRetries: { unit: "count", minimum: 0, maximum: 1_000_000, default: 10, zero: "unlimited" },
  /** One that is FATAL is tried again after so long. */
  fatalRetryMs: { unit: "ms", minimum: 0, maximum: 7 * day, default: 300 * second, zero: "never" },
  /** What the kernel grants each instance with all it has started (cgroup v2): memory, */
  memoryMaxBytes: { unit: "bytes", minimum: 0, maximum: 1024 * 1024 * MiB, default: 0, zero: "unlimited" },
  /** CPU in hundredths of one CPU, */
  cpuMaxPercent: { unit: "count", minimum: 0, maximum: 102_400, default: 0, zero: "unlimited" },
  /** and processes and threads. */
  pidsMax: { unit: "count", minimum: 0, maximum: 4_194_304, default: 0, zero: "unlimited" },
  /** A log file is put aside and a new one begun when it has this size, */
  logMaxBytes: { unit: "bytes", minimum: 64 * 1024, maximum: 1024 * 1024 * MiB, default: 50 * MiB },
  /** or is so old. */
  logMaxAgeMs: { unit: "ms", minimum: 0, maximum: 366 * day, default: 0, zero: "never" },
  /** Files put aside that are kept of each instance and stream, */
  logKeep: { unit: "count", minimum: 0, maximum: 10_000, default: 10 },
  /** and bytes of all of them together; the oldest go first. */
  logTotalBytes: { unit: "bytes", minimum: 0, maximum: 1024 * 1024 * MiB, default: 1024 * MiB, zero: "unlimited" },
} as const satisfies Readonly<Record<string, Setting>>

export type RunSettingName = keyof typeof runSettings
export type RunNumbers = { readonly [Name in RunSettingName]: number }

export const runSettingNames = Object.keys(runSettings) as ReadonlyArray<RunSettingName>

const unitWords = { count: "", bytes: " bytes", ms: " milliseconds" } as const

const number = (name: RunSettingName) => {
  const { default: byDefault, maximum, minimum, unit } = runSettings[name]
  const message = `must be a whole number from ${minimum} to ${maximum}${unitWords[unit]}`
  return Schema.Int.check(Schema.isBetween({ minimum, maximum }, { message })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(byDefault)),
  )
}
const numbers = Object.fromEntries(runSettingNames.map((name) => [name, number(name)])) as {
  readonly [Name in RunSettingName]: ReturnType<typeof number>
}

/** How processes are started again, limited and logged. What is left out has its default. */
export const RunSettings = Schema.Struct({
  ...numbers,
  /** Log files that were put aside are compressed. */
  logGzip: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
})
export type RunSettings = RunNumbers & { readonly logGzip: boolean }

export const defaultRunSettings: RunSettings = {
  ...(Object.fromEntries(runSettingNames.map((name) => [name, runSettings[name].default])) as RunNumbers),
  logGzip: false,
}
