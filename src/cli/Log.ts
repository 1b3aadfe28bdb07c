import { Layer, Logger, References } from "effect"
import { writeError } from "../platform/Env.ts"
import type { RoleSettings } from "./RoleCommand.ts"

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

/** Log lines go to stderr, so that stdout is left to what a person or a script asked for. */
export const logLayer = ({ logFormat, logLevel }: Pick<RoleSettings, "logFormat" | "logLevel">) => {
  const format = logFormat === "json" ? Logger.formatJson : Logger.formatLogFmt
  return Layer.mergeAll(
    Logger.layer([Logger.map(format, (line) => writeError(`${line}\n`))]),
    Layer.succeed(References.MinimumLogLevel, levels[logLevel]),
  )
}
