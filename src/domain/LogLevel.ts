import { logTextLevel } from "./LogText.ts"

/** The least grave first. */
export const logLevels = ["debug", "info", "warn", "error"] as const
export type LogLevel = (typeof logLevels)[number]

export const isAtLeast = (level: LogLevel, minimum: LogLevel): boolean =>
  logLevels.indexOf(level) >= logLevels.indexOf(minimum)

/** The frames of a stack, and its causes. */
export const continues = (text: string): boolean => /^(?:\s|caused by )/.test(text)

/** What a line that says no level has: by which output it came. */
const unsaid = { out: "info", err: "warn" } as const

/** By what a line is filtered. `before`: the level of the line before it on the same output, which it may go on with. */
export const lineLevel = (text: string, stream: "out" | "err", before: LogLevel | undefined): LogLevel =>
  logTextLevel(text) ?? (continues(text) ? before : undefined) ?? unsaid[stream]
