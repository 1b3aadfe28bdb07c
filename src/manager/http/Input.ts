import { Effect, Schema, SchemaIssue } from "effect"
import type { Ask } from "./Ask.ts"
import { BodyTooLarge, InvalidInput, Malformed } from "./Failure.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "MissingKey" && issue.annotations?.["messageMissingKey"] === undefined) return "is required"
    if (issue._tag === "UnexpectedKey") return "is not a field here: is its name written correctly?"
    return SchemaIssue.defaultLeafHook(issue)
  },
})

/** A sentence for each field that doesn't fit, by its path: `endpoints.0.port`; `body` for the whole. */
export const fieldErrors = (error: Schema.SchemaError): Readonly<Record<string, string>> => {
  const fields: Record<string, string> = {}
  for (const { message, path } of format(error.issue).issues)
    fields[(path ?? []).map(String).join(".") || "body"] ??= message
  return fields
}

/** A decoder for what came from outside: all problems at once, and no field that nobody asked for. */
export const decoder = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: "error" })
  return (input: unknown) =>
    decode(input).pipe(Effect.mapError((error) => new InvalidInput({ fields: fieldErrors(error) })))
}

const readLimited = async (request: Request, bytesMax: number): Promise<string> => {
  if (request.body === null) return ""
  const reader = request.body.getReader()
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let text = ""
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > bytesMax) {
      await reader.cancel()
      throw new BodyTooLarge({ bytesMax })
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** The body as text, at most `ask.bytesMax` bytes of UTF-8, whether its length was announced or not. */
export const bodyText = (ask: Ask): Effect.Effect<string, BodyTooLarge | Malformed> =>
  Effect.tryPromise({
    try: () => readLimited(ask.c.req.raw, ask.bytesMax),
    catch: (error) =>
      error instanceof BodyTooLarge ? error : new Malformed({ message: "The body broke off, or is not UTF-8" }),
  })

const mediaType = (ask: Ask) => (ask.c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? ""

/** The fields of a form: those of the query, and of the body when there is one. */
export const formFields = Effect.fn("Input.formFields")(function* (ask: Ask) {
  const fields = new URL(ask.c.req.url).searchParams
  const type = mediaType(ask)
  if (type !== "" && type !== "application/x-www-form-urlencoded") {
    return yield* new Malformed({ message: `The body must be application/x-www-form-urlencoded, not ${type}` })
  }
  for (const [name, value] of new URLSearchParams(yield* bodyText(ask))) fields.append(name, value)
  return fields
})

/** The body as JSON; an empty one is `{}`. */
export const jsonBody = Effect.fn("Input.jsonBody")(function* (ask: Ask) {
  const text = yield* bodyText(ask)
  if (text === "") return {} as unknown
  if (mediaType(ask) !== "application/json") {
    return yield* new Malformed({ message: "The body must be application/json" })
  }
  return yield* Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: (error) =>
      new Malformed({ message: `The body is not JSON: ${error instanceof Error ? error.message : String(error)}` }),
  })
})
