import { CallError } from "../../client/CallError.ts"
import { type ErrorCode, isErrorCode } from "../../domain/ErrorCode.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import { oneLine } from "../OneLine.ts"

const executedTexts = { no: "was not executed", maybe: "may have been executed", yes: "was executed" } as const

export const codeOf = (error: unknown): ErrorCode =>
  error instanceof RpcError && isErrorCode(error.code) ? error.code : "unknown"

export const messageOf = (error: unknown): string => oneLine(error instanceof Error ? error.message : String(error))

/** One line for the person who called, without the line's end. */
export const faultLine = (error: unknown): string =>
  error instanceof CallError && isErrorCode(error.code)
    ? `muster: ${messageOf(error)} (${error.code}, ${executedTexts[error.executed]})`
    : `muster: ${messageOf(error)}`

/** The same for a program: one line of JSON. */
export const faultJson = (error: unknown): string =>
  valueJson(
    error instanceof CallError
      ? {
          code: error.code,
          message: error.message,
          executed: error.executed,
          details: error.details,
          endpoint: error.endpoint ?? null,
        }
      : { code: "unknown", message: String(error) },
  )
