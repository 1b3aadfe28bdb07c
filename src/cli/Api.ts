import { Option, Schema } from "effect"
import { readText } from "../platform/DurableFile.ts"
import { type HttpAnswer, type HttpRequest, HttpRequestError, request, requestLines } from "../platform/HttpRequest.ts"
import { CommandFailed } from "./Failure.ts"

export interface ApiOptions {
  /** The manager's page; undefined for the one that the manager of this data folder says it has. */
  readonly url: string | undefined
  /** Holds the token, and the cluster's CA. */
  readonly dataDir: string
  readonly timeoutMs?: number
}

export interface ApiCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Under `/api`. */
  readonly path: string
  readonly body?: unknown
}

const defaultTimeoutMs = 10_000
const defaultPage = "http://127.0.0.1:8800"
/** What the manager keeps of its page: `local` is where this host reaches it. */
const Page = Schema.Struct({ url: Schema.String, local: Schema.String })
const Refusal = Schema.Struct({ message: Schema.String })

/** Asks the manager over its HTTP API, with the token that it keeps in its data folder. */
export const ask = async <A>(answer: Schema.ConstraintDecoder<A>, call: ApiCall, options: ApiOptions): Promise<A> => {
  const asked = await requestOf(call, options)
  const got = await request(asked).catch(failed)
  return readAnswer(answer, got, `${asked.method} ${asked.url}`)
}

/** The same for an answer that goes on: its lines, as they come. */
export const askLines = async (
  call: ApiCall,
  options: ApiOptions,
  signal: AbortSignal,
): Promise<AsyncGenerator<string, void>> => {
  const asked = await requestOf(call, options)
  const { lines, status } = await requestLines(asked, signal).catch(failed)
  if (status < 400) return lines
  const body = (await Array.fromAsync(lines)).join("\n")
  return readAnswer(Schema.Never, { status, body }, `${asked.method} ${asked.url}`)
}

const failed = (error: unknown): never => {
  throw new CommandFailed({ message: error instanceof HttpRequestError ? error.message : String(error) })
}

const requestOf = async (
  { body, method, path }: ApiCall,
  { dataDir, timeoutMs = defaultTimeoutMs, url }: ApiOptions,
): Promise<HttpRequest> => {
  const token = await readToken(dataDir)
  const page = url === undefined ? await readPage(dataDir) : { url, local: url }
  const ca = await readFirst([`${dataDir}/ca/ca.pem`, `${dataDir}/tls/ca.pem`])
  return {
    method,
    url: `${page.local}/api${path}`,
    headers: {
      // The manager puts the name by which it was asked into the commands for other hosts.
      host: new URL(page.url).host,
      authorization: `Bearer ${token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(ca === undefined ? {} : { ca, caName: "manager" }),
    timeoutMs,
  }
}

const readAnswer = <A>(answer: Schema.ConstraintDecoder<A>, got: HttpAnswer, what: string): A => {
  const json = Option.getOrUndefined(Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))(got.body))
  if (got.status >= 400) {
    const refusal = Option.getOrUndefined(Schema.decodeUnknownOption(Refusal)(json))
    throw new CommandFailed({
      message: refusal?.message ?? `${what} was answered with status ${got.status}`,
      data: json,
    })
  }
  const value = Schema.decodeUnknownOption(answer)(json)
  if (Option.isNone(value))
    throw new CommandFailed({ message: `${what} was answered with something else than expected` })
  return value.value
}

const readPage = async (dataDir: string) => {
  const text = await read(`${dataDir}/manager/page.json`)
  const page = Schema.decodeUnknownOption(Schema.fromJsonString(Page))(text)
  return Option.getOrElse(page, () => ({ url: defaultPage, local: defaultPage }))
}

const readToken = async (dataDir: string): Promise<string> => {
  const path = `${dataDir}/manager/cli-token`
  const token = (await read(path))?.trim()
  if (token !== undefined && token !== "") return token
  throw new CommandFailed({
    message: `${path} is not there: run this on the manager's host, with --data set to its data folder`,
  })
}

const readFirst = async (paths: ReadonlyArray<string>): Promise<string | undefined> => {
  for (const path of paths) {
    const text = await read(path)
    if (text !== undefined) return text
  }
  return undefined
}

const read = async (path: string) => {
  try {
    return await readText(path)
  } catch (error) {
    throw new CommandFailed({
      message: `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    })
  }
}
