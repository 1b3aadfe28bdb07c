import { isErrorCode, type Executed } from "../domain/ErrorCode.ts"
import { decode, DecodeError, decodeRequest, type RequestParts } from "./Decode.ts"
import { protocolError, type FrameReader } from "./Frame.ts"
import { RpcError } from "./RpcError.ts"

export interface Request {
  /** `Class.method` or `function`. */
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly meta: Readonly<Record<string, unknown>>
  /** Milliseconds that were left when it was sent; Infinity without a deadline. */
  readonly deadlineMs: number
  /** The bytes of method and arguments in the buffer of the frame's reader. */
  readonly start: number
  readonly end: number
}

/** Credit is never above this. */
export const creditHighest = 0x7fffffff

export interface GoAway {
  /** The last request that is answered; those after it were not run. */
  readonly last: number
  readonly reason: string
  readonly holdOffMs: number
}

const noMeta: Readonly<Record<string, unknown>> = Object.freeze({})

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const refused = (message: string) => new RpcError("invalid_argument", message, { executed: "no" })

/** The frame's body; an RpcError `invalid_argument` when it is none. */
export const readBody = (reader: FrameReader): unknown => {
  try {
    return decode(reader.bytes, reader.start, reader.end)
  } catch (error) {
    throw error instanceof DecodeError ? refused(error.message) : error
  }
}

/** Throws an RpcError that spoils this call only. */
export const readRequest = (reader: FrameReader): Request => {
  const parts = readParts(reader)
  if (parts === undefined) throw refused("The request is not a list of method, arguments and at most a map")
  const { args, end, meta = noMeta, method, start } = parts
  if (typeof method !== "string" || method.length === 0 || method.length > 255)
    throw refused("The method is not a text of 1 to 255 characters")
  if (!Array.isArray(args)) throw refused("The arguments are not a list")
  if (!isMap(meta)) throw refused("The request's third item is not a map")
  return { method: normalMethod(method), args, meta, deadlineMs: readDeadline(meta["deadline"]), start, end }
}

const readParts = (reader: FrameReader): RequestParts | undefined => {
  try {
    return decodeRequest(reader.bytes, reader.start, reader.end)
  } catch (error) {
    throw error instanceof DecodeError ? refused(error.message) : error
  }
}

/** The first credit of a stream, from its request's map. */
export const readFirstCredit = (meta: Readonly<Record<string, unknown>>): number => {
  const credit = meta["credit"] ?? 0
  if (!isCount(credit, 0)) throw refused("The credit is not an integer from 0 to 2147483647")
  return credit
}

/** What a CREDIT adds. */
export const readCredit = (reader: FrameReader): number => {
  const credit = readBody(reader)
  if (!isCount(credit, 1)) throw refused("The credit is not an integer from 1 to 2147483647")
  return credit
}

const isCount = (value: unknown, least: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= creditHighest

const normalMethod = (method: string) => (method.includes("::") ? method.replaceAll("::", ".") : method)

const readDeadline = (value: unknown): number => {
  if (value === undefined || value === null) return Infinity
  if (typeof value !== "number" || !(value >= 0)) throw refused("The deadline is not a number of milliseconds")
  return value
}

const isExecuted = (value: unknown): value is Executed => value === "no" || value === "maybe" || value === "yes"

/** An ERROR's body as an error to throw; a code of a later version is `unknown`. */
export const readError = (reader: FrameReader): RpcError => {
  const body = readBody(reader)
  if (!Array.isArray(body) || body.length < 3) throw protocolError("An ERROR is not a list of code, message, executed")
  const [code, message, executed, details] = body as ReadonlyArray<unknown>
  return new RpcError(isErrorCode(code) ? code : "unknown", typeof message === "string" ? message : "", {
    executed: isExecuted(executed) ? executed : "maybe",
    details,
  })
}

export const readGoAway = (reader: FrameReader): GoAway => {
  const body = readBody(reader)
  if (!isMap(body) || typeof body["last"] !== "number") throw protocolError("GOAWAY has no number `last`")
  const { holdOffMs, last, reason } = body
  return {
    last,
    reason: typeof reason === "string" ? reason : "",
    holdOffMs: typeof holdOffMs === "number" ? holdOffMs : 0,
  }
}
