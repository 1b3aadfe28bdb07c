import { bytesShownMax, type CallResult, itemsShownMax, type StreamSeen } from "../../domain/CallOutcome.ts"
import { endpointKey } from "../../domain/Endpoint.ts"
import type { TlsMaterial } from "../../platform/Transport.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import { RpcConnection } from "../../rpc/RpcConnection.ts"

export type TestCallRequest = {
  readonly service: string
  readonly endpoint: { readonly ip: string; readonly port: number }
  /** Undefined: the port speaks plain TCP. */
  readonly tls: TlsMaterial | undefined
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly stream: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const handshakeTimeoutMs = 3_000
const clientName = "manager: call console"

/** Opens a connection for one call, and closes it. */
const connected = async <A>(
  { endpoint, service, timeoutMs, tls }: TestCallRequest,
  use: (connection: RpcConnection) => Promise<A>,
): Promise<A> => {
  const connection = await RpcConnection.open({
    to: { host: endpoint.ip, port: endpoint.port },
    tls,
    client: clientName,
    service,
    handshakeTimeoutMs: Math.min(handshakeTimeoutMs, timeoutMs),
  })
  try {
    return await use(connection)
  } finally {
    connection.close()
  }
}

const shown = (value: unknown, stream: StreamSeen | null) => {
  const json = valueJson(value, 2)
  const bytes = Buffer.byteLength(json)
  const cut = bytes > bytesShownMax
  return { ok: true, json: cut ? json.slice(0, bytesShownMax) : json, bytes, cut, stream } as const
}

/** The first items of a stream: until there are enough, or too large ones, or the time is over. */
const firstItems = async (connection: RpcConnection, request: TestCallRequest) => {
  const { args, method, signal, timeoutMs } = request
  const items: Array<unknown> = []
  const stream = connection.stream(method, args, { timeoutMs, signal, window: itemsShownMax })
  let bytes = 0
  let end: StreamSeen["end"] = "ended"
  try {
    for await (const item of stream) {
      items.push(item)
      bytes += valueJson(item).length
      end = items.length >= itemsShownMax || bytes >= bytesShownMax ? "limit" : "ended"
      if (end === "limit") break
    }
  } catch (error) {
    if (items.length === 0 || !(error instanceof RpcError) || error.code !== "deadline_exceeded") throw error
    end = "time"
  }
  return shown(items, { items: items.length, end })
}

const answer = async (connection: RpcConnection, request: TestCallRequest) => {
  const { args, method, signal, timeoutMs } = request
  if (request.stream) return firstItems(connection, request)
  return shown(await connection.call(method, args, { timeoutMs, signal }), null)
}

const failure = (error: unknown) => {
  const { code, details, executed, message } =
    error instanceof RpcError ? error : new RpcError("internal", String(error), { executed: "maybe" })
  const text = details === null ? null : valueJson(details, 2)
  return { ok: false, code, message, executed, details: text?.slice(0, bytesShownMax) ?? null } as const
}

/** Calls one endpoint; never rejects. The time is that of the call, without the way to the connection. */
export const testCall = async (request: TestCallRequest): Promise<CallResult> => {
  let from = performance.now()
  const outcome = await connected(request, (connection) => {
    from = performance.now()
    return answer(connection, request)
  }).catch(failure)
  return { ...outcome, endpoint: endpointKey(request.endpoint), tookMs: performance.now() - from }
}
