import { Array, Cause, Layer, Logger, References } from "effect"
import { isColourful, writeError } from "../platform/Env.ts"
import { escape, oneLine } from "./OneLine.ts"
import type { RoleSettings } from "./RoleCommand.ts"

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

type Settings = Pick<RoleSettings, "logFormat" | "logLevel">
type Entry = Logger.Options<unknown>

/** Log lines go to stderr, so that stdout is left to what a person or a script asked for. */
export const logLayer = ({ logFormat, logLevel }: Settings) => {
  const format =
    logFormat === "json" ? Logger.formatJson : textFormat({ colours: isColourful(), stacks: logLevel === "debug" })
  return Layer.mergeAll(
    Logger.layer([Logger.map(format, (line) => writeError(`${line}\n`))]),
    Layer.succeed(References.MinimumLogLevel, levels[logLevel]),
  )
}

/**
 * `2026-11-22 23:01:05.668 INFO  listening on 127.0.0.1:8821  node=web-01`, in local time. An error is told with its
 * causes on the same line; its stack follows where it is a fault of the program, or with `stacks`.
 */
export const textFormat = ({ colours, stacks }: { readonly colours: boolean; readonly stacks: boolean }) => {
  const paint = (colour: number | undefined, text: string) =>
    colours && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text
  return Logger.make((entry: Entry): string => {
    const level = entry.logLevel.toUpperCase()
    const words = Array.ensure(entry.message).map(wordOf)
    const errors = entry.cause.reasons.flatMap(errorOf)
    const told = [...words, ...errors.map(({ error }) => describe(error))].filter((text) => text !== "")
    const marks = Object.entries(entry.fiber.getRef(References.CurrentLogAnnotations)).map(
      ([key, value]) => `${key}=${valueOf(value)}`,
    )
    const line = [
      `${paint(dim, timeOf(entry.date))} ${paint(colourOf[level], level.padEnd(5))} ${oneLine(told.join(": "))}`,
      ...(marks.length === 0 ? [] : [paint(dim, marks.join(" "))]),
    ].join("  ")
    const traces = errors.filter(({ isDefect }) => isDefect || stacks).flatMap(({ error }) => stackOf(error))
    return [line, ...traces.map((trace) => paint(dim, trace))].join("\n")
  })
}

const dim = 2
const colourOf: Readonly<Record<string, number>> = { FATAL: 31, ERROR: 31, WARN: 33, INFO: 32, DEBUG: 34 }

const two = (value: number, digits = 2) => String(value).padStart(digits, "0")

const timeOf = (date: Date) =>
  `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`

const wordOf = (value: unknown): string =>
  typeof value === "string" ? value : value instanceof Error ? describe(value) : JSON.stringify(value)

type Told = { readonly error: unknown; readonly isDefect: boolean }

const errorOf = (reason: Cause.Reason<unknown>): ReadonlyArray<Told> => {
  if (Cause.isFailReason(reason)) return [{ error: reason.error, isDefect: false }]
  return Cause.isDieReason(reason) ? [{ error: reason.defect, isDefect: true }] : []
}

const depthMax = 5

/** `Error: what: because of what`; a cause whose text is in the error's own is not told twice. */
const describe = (error: unknown, depth = 0): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : JSON.stringify(error)
  const own =
    error.message === "" ? error.name : error.name === "Error" ? error.message : `${error.name}: ${error.message}`
  if (error.cause === undefined || depth === depthMax) return own
  const cause = describe(error.cause, depth + 1)
  return own.includes(cause) ? own : `${own}: ${cause}`
}

const stackOf = (error: unknown): ReadonlyArray<string> =>
  error instanceof Error
    ? (error.stack ?? "")
        .split("\n")
        .filter((line) => /^\s+at /.test(line))
        .map((line) => `    ${escape(line.trim())}`)
    : []

const plainValue = /^[\w.:@/+%,[\]-]+$/

const valueOf = (value: unknown): string => {
  const text = oneLine(wordOf(value))
  return plainValue.test(text) ? text : JSON.stringify(text)
}
