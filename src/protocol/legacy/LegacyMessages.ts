import { DecodeError } from "../Decode.ts"
import { EncodeError } from "../EncodeError.ts"
import { valueLimits } from "../Limits.ts"
import { plain } from "../Plain.ts"
import { RpcError } from "../RpcError.ts"
import { isForbiddenKey } from "../Value.ts"
import { valueJson } from "../ValueJson.ts"
import type { Dialect } from "./LegacyFrames.ts"
import { readPhp } from "./PhpRead.ts"
import { writePhp } from "./PhpWrite.ts"

export interface LegacyRequest {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
}

/** The `code` of each failure, as the predecessor gives it. */
export const failureCode = -99

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const refused = (message: string) => new RpcError("invalid_argument", message, { executed: "no" })

/** What JSON.parse lets pass and muster/1 does not. */
const checkJson = (root: unknown): void => {
  let itemsLeft: number = valueLimits.items
  const check = (value: unknown, depth: number): void => {
    if (--itemsLeft < 0) throw refused(`The request has more than ${valueLimits.items} items`)
    if (typeof value !== "object" || value === null) return
    if (depth >= valueLimits.depth) throw refused(`The request is nested deeper than ${valueLimits.depth}`)
    if (Array.isArray(value)) for (const item of value) check(item, depth + 1)
    else
      for (const [key, item] of Object.entries(value)) {
        itemsLeft--
        if (isForbiddenKey(key)) throw refused(`The key ${JSON.stringify(key)} is not allowed`)
        check(item, depth + 1)
      }
  }
  check(root, 0)
}

const readJson = (body: Uint8Array): unknown => {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(body))
  } catch {
    throw refused("The body is no JSON in UTF-8")
  }
  checkJson(value)
  return value
}

const readBody = (dialect: Dialect, body: Uint8Array): unknown => {
  if (dialect === "json") return readJson(body)
  try {
    return readPhp(body)
  } catch (error) {
    throw error instanceof DecodeError ? refused(error.message) : error
  }
}

/** `{func, params}`. Throws an RpcError `invalid_argument`, which spoils this request only. */
export const readLegacyRequest = (dialect: Dialect, body: Uint8Array): LegacyRequest => {
  const value = readBody(dialect, body)
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw refused("The request is no map of func and params")
  const { func, params = null } = value as { readonly func?: unknown; readonly params?: unknown }
  if (typeof func !== "string") throw refused("func is not the name of a method, such as TestService::test")
  if (params !== null && !Array.isArray(params)) throw refused("params is not a list: arguments have no names here")
  return { method: func.toLowerCase() === "ping" ? "ping" : func, args: (params as Array<unknown> | null) ?? [] }
}

/** Its clients look for CRLF from the first byte on, and so would find one in the length too. */
const hasLineEndInLength = (length: number) => (length & 0xffff) === 0x0d0a || ((length >>> 8) & 0xffff) === 0x0d0a

/** Another way to write the same value, with `count` bytes more. */
const widen = (dialect: Dialect, body: Uint8Array, count: number): Uint8Array => {
  const wider = new Uint8Array(body.length + count)
  // Blanks after JSON; in PHP's form leading zeros of the length, which is the third byte of all that is long.
  const at = dialect === "json" ? body.length : 2
  wider.set(body.subarray(0, at))
  wider.fill(dialect === "json" ? 0x20 : 0x30, at, at + count)
  wider.set(body.subarray(at), at + count)
  return wider
}

const frame = (dialect: Dialect, body: Uint8Array): Uint8Array => {
  let length = body.length
  while (hasLineEndInLength(length)) length++
  const fitting = length === body.length ? body : widen(dialect, body, length - body.length)
  const bytes = new Uint8Array(length + 6)
  new DataView(bytes.buffer).setUint32(0, length)
  bytes.set(fitting, 4)
  bytes.set([0x0d, 0x0a], length + 4)
  return bytes
}

const writeBody = (dialect: Dialect, value: unknown, limit: number): Uint8Array => {
  if (dialect === "php") return writePhp(value, limit)
  const body = encoder.encode(valueJson(plain(value)))
  if (body.length > limit) throw new EncodeError("the answer is larger than the caller takes", true)
  return body
}

/** A result as a whole frame. Throws an EncodeError when its body would be larger than `limit` bytes. */
export const legacyResult = (dialect: Dialect, value: unknown, limit: number): Uint8Array =>
  frame(dialect, writeBody(dialect, value, limit))

/** A failure as a whole frame: `msg` and `code` as the predecessor's own, and what muster/1 says of it. */
export const legacyFailure = (dialect: Dialect, { code, executed, message }: RpcError): Uint8Array => {
  const failure = { msg: message.slice(0, 4_096).toWellFormed(), code: failureCode, error: code, executed }
  return frame(dialect, writeBody(dialect, failure, Number.MAX_SAFE_INTEGER))
}
