import { DateTime, Effect, Option, Schema, SchemaTransformation, Stream } from "effect"
import { logLevels } from "../../domain/LogLevel.ts"
import { problemSentence } from "../../domain/Problem.ts"
import type { RequestInfo } from "../../platform/HttpServer.ts"
import type { LogStreamName } from "../../protocol/LogMessages.ts"
import { type LogEvent, ServiceLogs } from "../fleet/ServiceLogs.ts"
import { json } from "./Answers.tsx"
import { serviceOf } from "./ApiRoutes.ts"
import { query, type SignedAsk } from "./Ask.ts"
import { InvalidInput } from "./Failure.ts"
import { decoder } from "./Input.ts"
import { withValue } from "./SpecInput.ts"

/** Proxies and our own server cut connections that are silent for longer. */
const signEvery = "15 seconds"

const whole = (minimum: number, maximum: number) =>
  Schema.FiniteFromString.check(
    Schema.isInt(),
    Schema.isBetween({ minimum, maximum }, { message: `must be a whole number from ${minimum} to ${maximum}` }),
  )

const flag = Schema.Literals(["", "0", "1", "true", "false"]).pipe(
  Schema.decodeTo(
    Schema.Boolean,
    SchemaTransformation.transform({
      decode: (text) => text === "1" || text === "true",
      encode: (value) => (value ? "1" : "0"),
    }),
  ),
)

const place = Schema.String.check(
  Schema.isPattern(/^(?:tasks\/)?\d{1,4}$/, { message: "must be an instance, such as 0 or tasks/0" }),
)

const logsQuery = decoder(
  Schema.Struct({
    node: Schema.optionalKey(Schema.String),
    places: Schema.optionalKey(Schema.Array(place)),
    stream: Schema.optionalKey(Schema.Literals(["out", "err"])),
    from: Schema.optionalKey(Schema.Int),
    to: Schema.optionalKey(Schema.Int),
    tail: Schema.optionalKey(whole(0, 100_000)),
    limit: Schema.optionalKey(whole(1, 10_000_000)),
    follow: flag,
    search: Schema.optionalKey(
      Schema.String.check(Schema.isMaxLength(1_000, { message: "must have at most 1000 characters" })),
    ),
    level: Schema.optionalKey(Schema.Literals(logLevels)),
    format: Schema.Literals(["", "ndjson", "text"]),
  }),
)

/** Milliseconds since 1970, or a time such as 2026-11-26T04:17:51Z. */
const timeOf = (field: string, text: string): Effect.Effect<number, InvalidInput> => {
  if (/^\d{1,16}$/.test(text)) return Effect.succeed(Number(text))
  return Option.match(DateTime.make(text), {
    onNone: () =>
      Effect.fail(
        new InvalidInput({
          fields: { [field]: "must be milliseconds since 1970, or a time such as 2026-11-26T04:17:51Z" },
        }),
      ),
    onSome: (time) => Effect.succeed(DateTime.toEpochMillis(time)),
  })
}

const given = (ask: SignedAsk, ...names: ReadonlyArray<string>) =>
  Object.fromEntries(names.flatMap((name) => (query(ask, name) === "" ? [] : [[name, query(ask, name)]])))

const withValues = (asked: Readonly<Record<string, unknown>>, fields: InvalidInput["fields"]) =>
  Object.fromEntries(Object.entries(fields).map(([field, message]) => [field, withValue(asked, field, message)]))

const requestOf = Effect.fnUntraced(function* (ask: SignedAsk) {
  const places = (ask.c.req.queries("place") ?? []).flatMap((text) => text.split(",")).filter((text) => text !== "")
  const times: { from?: number; to?: number } = {}
  for (const name of ["from", "to"] as const)
    if (query(ask, name) !== "") times[name] = yield* timeOf(name, query(ask, name))
  const asked = {
    ...given(ask, "node", "stream", "tail", "limit", "search", "level"),
    ...times,
    ...(places.length === 0 ? {} : { places }),
    follow: query(ask, "follow"),
    format: query(ask, "format"),
  }
  const { format, node, ...request } = yield* logsQuery(asked).pipe(
    Effect.mapError(({ fields }) => new InvalidInput({ fields: withValues(asked, fields) })),
  )
  if (request.follow && request.to !== undefined)
    return yield* new InvalidInput({ fields: { follow: "goes on for ever, and to is an end: give one of them" } })
  return { isText: format === "text", request: { ...request, node } }
})

/** A line of JSON for each line of the log, and for what else a reader should know one with an `event`. */
const ndjson = (event: LogEvent): string => {
  switch (event._tag) {
    case "Lines":
      return event.lines
        .map(({ at, name, nodeId, nodeName, place, stream, text }) =>
          JSON.stringify({ at, node: nodeName, nodeId, process: name, place, stream, text }),
        )
        .join("\n")
    case "CaughtUp":
      return `{"event":"caughtUp"}`
    case "Dropped":
      return JSON.stringify({ event: "dropped", ...sideOf(event), lines: event.lines })
    case "Away":
      return JSON.stringify({
        event: "away",
        ...sideOf(event),
        problem: event.problem,
        message: problemSentence(event.problem),
      })
    case "Back":
      return JSON.stringify({ event: "back", ...sideOf(event) })
  }
}

const sideOf = ({ name, nodeId, nodeName }: { nodeId: string; nodeName: string; name: string }) => ({
  node: nodeName,
  nodeId,
  process: name,
})

const isoOf = (ms: number) => DateTime.formatIso(DateTime.makeUnsafe(ms))

/** For a person, and for grep. What is no line of the log begins with `#`. */
const plain = (event: LogEvent): string => {
  switch (event._tag) {
    case "Lines":
      return event.lines
        .map(({ at, nodeName, place, stream, text }) => `${isoOf(at)} ${nodeName} ${place} ${stream} | ${text}`)
        .join("\n")
    case "CaughtUp":
    case "Back":
      return ""
    case "Dropped":
      return `# ${event.nodeName} (${event.name}): ${event.lines} lines were left out, as they were not read in time`
    case "Away":
      return `# ${event.nodeName} (${event.name}): ${problemSentence(event.problem)}`
  }
}

const ended = (text: string) => (text === "" ? "" : `${text}\n`)

/** The query: node, place (several), stream, from, to, tail, follow, search, level, limit, format (ndjson or text). */
export const readLogs = Effect.fn("Api.readLogs")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const { isText, request } = yield* requestOf(ask)
  const logs = yield* ServiceLogs
  const events = yield* logs.read(service.id, request)
  const texts = Stream.map(events, (event) => ended(isText ? plain(event) : ndjson(event)))
  // An empty line says nothing to either form, and that the connection lives.
  const signs = Stream.fromEffectRepeat(Effect.as(Effect.sleep(signEvery), "\n"))
  ;(ask.c.env as RequestInfo | undefined)?.patient()
  const body = Stream.merge(texts, isText ? Stream.never : signs, { haltStrategy: "left" }).pipe(
    Stream.filter((text) => text !== ""),
    Stream.encodeText,
    Stream.toReadableStreamWith(yield* Effect.context<never>(), {
      signal: AbortSignal.any([ask.c.req.raw.signal, ask.closing]),
    }),
  )
  const unbuffered = { "cache-control": "no-store", "x-accel-buffering": "no" }
  if (!isText) return new Response(body, { headers: { ...unbuffered, "content-type": "application/x-ndjson" } })
  return new Response(body, {
    headers: {
      ...unbuffered,
      "content-type": "text/plain; charset=utf-8",
      "content-disposition": `attachment; filename="${fileName(service.name, request)}"`,
    },
  })
})

const fileName = (service: string, { places, stream }: { places?: ReadonlyArray<string>; stream?: LogStreamName }) =>
  [service, ...(places ?? []).map((place) => place.replace("/", "-")), ...(stream === undefined ? [] : [stream])]
    .join(".")
    .concat(".log")

/** The log files on the nodes; those that could not be asked are named. */
export const logFiles = Effect.fn("Api.logFiles")(function* (ask: SignedAsk) {
  const { service } = yield* serviceOf(ask)
  const logs = yield* ServiceLogs
  const all = yield* logs.files(service.id, query(ask, "node") || undefined)
  const nodes = all.flatMap(({ files, ...side }) => (files === undefined ? [] : [{ ...sideOf(side), files }]))
  const silent = all.flatMap(({ message, problem, ...side }) =>
    problem === undefined ? [] : [{ ...sideOf(side), problem, message }],
  )
  return json({ nodes, silent })
})
