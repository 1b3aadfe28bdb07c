// What the thread for synchronous calls runs: the asynchronous clients of all synchronous ones.
import { serveThread } from "../platform/BlockingThread.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { asRpcError, CallError } from "./CallError.ts"
import {
  type CallMessage,
  passError,
  type StepAnswer,
  type StreamMessage,
  streamStepMs,
  type ThreadAnswer,
  type ThreadMessage,
} from "./CallThread.ts"
import type { Client } from "./Client.ts"
import { connect } from "./connect.ts"

const clients = new Map<number, Client>()

/** Streams that are not over, and the step that each of them is at. */
const streams = new Map<number, { readonly items: AsyncIterator<unknown>; step: Promise<IteratorResult<unknown>> }>()

const clientOf = (client: number): Client => {
  const found = clients.get(client)
  if (found === undefined) throw new RpcError("internal", `no client ${client} is open`, { executed: "no" })
  return found
}

const failed = (error: unknown, method: string) => {
  const place = { service: "", method, endpoint: undefined }
  return { error: passError(error instanceof CallError ? error : new CallError(asRpcError(error), place)) }
}

const call = async ({ args, client, method, settings }: CallMessage): Promise<ThreadAnswer> => {
  try {
    return {
      value: await clientOf(client)
        .with(settings)
        .call(method, ...args),
    }
  } catch (error) {
    return failed(error, method)
  }
}

const begin = async ({ args, client, method, settings, stream }: StreamMessage): Promise<StepAnswer> => {
  try {
    const items = clientOf(client)
      .with(settings)
      .stream(method, ...args)
    streams.set(stream, { items, step: items.next() })
  } catch (error) {
    return failed(error, method)
  }
  return await next(stream)
}

const next = async (stream: number): Promise<StepAnswer> => {
  const open = streams.get(stream)
  if (open === undefined) return failed(lost(), "")
  try {
    const step = await withinStep(open.step)
    if (step === undefined) return { waiting: true }
    if (step.done === true) streams.delete(stream)
    else open.step = open.items.next()
    // Its failure is told when it is asked for.
    open.step.catch(() => undefined)
    return { step }
  } catch (error) {
    streams.delete(stream)
    return failed(error, "")
  }
}

/** Of a thread that was given up, which had the stream. */
const lost = () => new RpcError("unavailable", "the thread that read the stream has ended", { executed: "maybe" })

/** Undefined: there is nothing in that time. */
const withinStep = async <A>(promise: Promise<A>): Promise<A | undefined> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), streamStepMs)
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}

const leave = async (stream: number): Promise<undefined> => {
  const open = streams.get(stream)
  streams.delete(stream)
  await open?.items.return?.()
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
    case "stream":
      return await begin(message)
    case "next":
      return await next(message.stream)
    case "return":
      return await leave(message.stream)
  }
})
