// What the thread for synchronous calls runs: the asynchronous clients of all synchronous ones.
import { serveThread } from "../platform/BlockingThread.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { asRpcError, CallError } from "./CallError.ts"
import { type CallMessage, passError, type ThreadAnswer, type ThreadMessage } from "./CallThread.ts"
import type { Client } from "./Client.ts"
import { connect } from "./connect.ts"

const clients = new Map<number, Client>()

const call = async ({ args, client, method, settings }: CallMessage): Promise<ThreadAnswer> => {
  try {
    const caller = clients.get(client)
    if (caller === undefined) throw new RpcError("internal", `no client ${client} is open`, { executed: "no" })
    return { value: await caller.with(settings).call(method, ...args) }
  } catch (error) {
    const place = { service: "", method, endpoint: undefined }
    return { error: passError(error instanceof CallError ? error : new CallError(asRpcError(error), place)) }
  }
}

serveThread(async (given) => {
  const message = given as ThreadMessage
  switch (message.kind) {
    case "open":
      clients.set(message.client, connect(message.service, message.options))
      return undefined
    case "close":
      clients.get(message.client)?.close()
      clients.delete(message.client)
      return undefined
    case "call":
      return await call(message)
  }
})
