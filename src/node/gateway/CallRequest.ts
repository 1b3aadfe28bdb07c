import { jsonFault } from "./JsonFault.ts"
import { Refusal } from "./Refusal.ts"

export const defaultTimeoutMs = 500
const timeoutMaxMs = 600_000
/** As large as a frame of muster/1: what is longer could not be sent on. */
const bodyBytesMax = 2 * 1024 * 1024
/** They become the arguments of a function; a long list belongs into one of them. */
const argumentsMax = 1_000

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

/** Milliseconds from `Muster-Timeout`: `250ms`, `2s`, `1.5s`, `10m`; `fallback` without it. */
export const readTimeout = (header: string | null, fallback: number): number => {
  if (header === null) return fallback
  const [, amount, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/.exec(header) ?? []
  const ms = Number(amount) * (unitsMs[unit] ?? 0)
  if (ms > 0 && ms <= timeoutMaxMs) return ms
  throw new Refusal(
    "invalid_argument",
    `Muster-Timeout is ${JSON.stringify(header)}, expected a time above 0 and up to 10 minutes, such as 250ms or 2s`,
  )
}

const keyMax = 255

/** `Idempotency-Key`; undefined: there is none. */
export const readKey = (header: string | null): string | undefined => {
  if (header === null) return undefined
  if (header !== "" && header.length <= keyMax) return header
  throw new Refusal("invalid_argument", `Idempotency-Key is ${header.length} characters long, expected 1 to ${keyMax}`)
}

/** What is sent along with a call. A `traceparent` that is none is left out, as its standard wants it. */
export const readMeta = (headers: Headers): Readonly<Record<string, unknown>> | undefined => {
  const traceparent = headers.get("traceparent")
  return traceparent !== null && traceparentPattern.test(traceparent) ? { traceparent } : undefined
}

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Whether the caller wants no answer: `Prefer: respond-async`. */
export const isOneWay = (headers: Headers): boolean => {
  const preferences = headers.get("prefer")
  if (preferences === null) return false
  return preferences.split(",").some((preference) => preference.trim().toLowerCase() === "respond-async")
}

/** The arguments that a request's body stands for: a list is all of them, an object the only one, nothing none. */
export const readArguments = async (request: Request): Promise<ReadonlyArray<unknown>> => {
  const body = parse(textOf(await readBytes(request)))
  if (!Array.isArray(body)) return body === undefined ? [] : [body]
  if (body.length <= argumentsMax) return body
  throw new Refusal(
    "invalid_argument",
    `the body has ${body.length} arguments, expected at most ${argumentsMax}; one list as the argument is [[…]]`,
  )
}

const tooLarge = () =>
  new Refusal("resource_exhausted", `the body is longer than ${bodyBytesMax} bytes`, { status: 413 })

const readBytes = async (request: Request): Promise<Uint8Array> => {
  const length = request.headers.get("content-length")
  if (length === null) return await readUnmeasured(request.body)
  if (Number(length) > bodyBytesMax) throw tooLarge()
  return await request.bytes()
}

/** A body in chunks doesn't say how long it will be. */
const readUnmeasured = async (body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> => {
  if (body === null) return new Uint8Array()
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) throw tooLarge()
    chunks.push(chunk)
  }
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

const textOf = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Refusal("invalid_argument", "the body is not UTF-8")
  }
}

const parse = (text: string): object | undefined => {
  if (text === "") return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const fault = jsonFault(text) ?? "it is nested too deep"
    throw new Refusal("invalid_argument", `the body is no JSON: ${fault}`)
  }
  if (typeof value === "object" && value !== null) return value
  throw new Refusal(
    "invalid_argument",
    `the body is ${text.trim().slice(0, 20)}, expected a list of arguments, such as [${text.trim().slice(0, 20)}], or one object`,
  )
}
