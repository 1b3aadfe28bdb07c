import type { Handler, ServerCall } from "../../src/rpc/RpcServer.ts"

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export const all = async (stream: AsyncIterable<unknown>) => {
  const items: Array<unknown> = []
  for await (const item of stream) items.push(item)
  return items
}

/** A producer of numbers that says how far it is and when it was told to stop. */
export const producer = (pauseMs?: number, body: (n: number) => unknown = (n) => n) => {
  const seen = { started: 0, produced: 0, stopped: 0, stoppedAt: 0, calls: [] as Array<ServerCall> }
  const handler: Handler = async function* (_args, call) {
    seen.started++
    seen.calls.push(call)
    try {
      for (let n = 0; ; n++) {
        seen.produced++
        yield body(n)
        if (pauseMs !== undefined) await sleep(pauseMs)
      }
    } finally {
      seen.stopped++
      seen.stoppedAt = performance.now()
    }
  }
  return { handler, seen }
}
