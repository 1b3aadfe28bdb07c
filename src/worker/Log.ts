import { env } from "../platform/Env.ts"
import { logLine, ownPid } from "../platform/WorkerHost.ts"
import { textOf } from "../protocol/ErrorText.ts"
import type { LogFields, LogLevel } from "../service/Host.ts"

type Level = "DEBUG" | "INFO" | "WARN" | "ERROR"

let place = "-"

/** Which worker of its service this is: `0`, `tasks/0`. */
export const setLogPlace = (worker: string): void => {
  place = worker
}

/**
 * A line as `domain/LogText.ts` reads it. What somebody has to look at goes to stderr, the rest to stdout, where it is in
 * order with what the module prints itself.
 */
export const log = (level: Level, message: string): void =>
  logLine(
    `${new Date().toISOString()} ${level.padEnd(5)} [${place} ${ownPid()}] ${message}`,
    level === "WARN" || level === "ERROR" ? "err" : "out",
  )

const levels = { debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" } as const
const messageMax = 8_192
const valueMax = 1_024

const cut = (text: string, max: number) => (text.length <= max ? text : `${text.slice(0, max)}…`)

const plainValue = /^[\w.:@/+%,-]+$/

const valueOf = (value: unknown): string => {
  if (typeof value === "string")
    return plainValue.test(value) ? cut(value, valueMax) : JSON.stringify(cut(value, valueMax))
  if (value instanceof Error) return JSON.stringify(cut(describe(value), messageMax))
  try {
    return cut(JSON.stringify(value) ?? String(value), valueMax)
  } catch {
    return String(value)
  }
}

/** What a caller sent may be in a message: it must not end the line, nor reach a terminal as commands. */
export const oneLine = (text: string) =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, (controls) => JSON.stringify(controls).slice(1, -1))

const saidOf = (what: unknown): string => (what instanceof Error ? textOf(what) : valueOf(what))

/** A line of the service's own: `2026-11-22T23:01:05.668Z INFO  [0 4711] resized  trace=4bf9… width=640`. */
export const logForService = (level: LogLevel, message: string, fields: LogFields): void => {
  if (level === "debug" && env("MUSTER_LOG_LEVEL") !== "debug") return
  const marks = Object.entries(fields).map(([key, value]) => `${oneLine(key)}=${valueOf(value)}`)
  // Programs without types give it whatever they have.
  const text = cut(oneLine(typeof message === "string" ? message : saidOf(message)), messageMax)
  log(levels[level], marks.length === 0 ? text : `${text}  ${marks.join(" ")}`)
}

const framesMax = 30
const causesMax = 3
/** Of the worker itself, in the executable: they are the same below every handler. */
const ownFrame = /\((?:src\/(?:rpc|worker|service)\/|native:)/

const frames = ({ message, stack }: Error): ReadonlyArray<string> => {
  // A program may have put anything in their place.
  if (typeof stack !== "string" || typeof message !== "string") return []
  const at = stack.indexOf(message)
  return stack
    .slice(at < 0 ? 0 : at + message.length)
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !ownFrame.test(line))
    .slice(0, framesMax)
}

/** An error for a person: its message on one line, then where it came from, then its causes. */
export const describe = (error: unknown, causes = causesMax): string => {
  if (!(error instanceof Error)) return cut(oneLine(textOf(error)), messageMax)
  const text = [`${error.name}: ${cut(oneLine(textOf(error)), messageMax)}`, ...frames(error)].join("\n")
  if (error.cause === undefined || causes === 0) return text
  return `${text}\ncaused by ${describe(error.cause, causes - 1)}`
}

export const firstLine = (error: unknown): string =>
  cut(
    oneLine(error instanceof Error ? (`${error.name}: ${textOf(error)}`.split("\n")[0] ?? "") : textOf(error)),
    messageMax,
  )
