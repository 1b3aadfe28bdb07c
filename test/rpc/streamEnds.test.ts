import { afterEach, describe, expect, test } from "bun:test"
import { FrameType } from "../../src/protocol/Frame.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import type { CallStream, RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, RawClient, streamRequest } from "./RawClient.ts"
import { all, producer, sleep } from "./producer.ts"
import { failure, startServer, type TestServer } from "./TestServer.ts"

const inTime = { timeoutMs: 5000 }
const endless = { timeoutMs: Infinity }
let server: TestServer
const open: Array<RpcConnection> = []

const start = async (methods: Readonly<Record<string, Handler>>, options = {}) => {
  server = await startServer(methods, options)
  const connection = await server.connect()
  open.push(connection)
  return connection
}

afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await server.close()
})

describe("leaving a stream", () => {
  const leaving: ReadonlyArray<readonly [string, (stream: CallStream, connection: RpcConnection) => Promise<unknown>]> =
    [
      ["return()", (stream) => stream.return()],
      ["closing the connection", async (_stream, connection) => connection.close()],
    ]
  for (const [name, leave] of leaving)
    test(`${name} stops the generator within 20 ms, and its signal is set`, async () => {
      const { handler, seen } = producer(1)
      const connection = await start({ numbers: handler })
      // The best of a few: other processes share this machine.
      let best = Infinity
      for (let round = 0; round < 5 && best > 20; round++) {
        const client = await server.connect()
        const stream = client.stream("numbers", [], endless)
        await stream.next()
        const stopped = seen.stopped
        const leftAt = performance.now()
        await leave(stream, client)
        await waitFor(() => seen.stopped > stopped)
        best = Math.min(best, seen.stoppedAt - leftAt)
        expect(seen.calls.at(-1)!.signal.aborted).toBe(true)
        client.close()
      }
      expect(best).toBeLessThan(20)
      await waitFor(() => server.server.openCalls().length === 0)
      expect(connection.inFlight).toBe(0)
    })

  test("a generator that waits is told by its signal", async () => {
    let stopped = ""
    const connection = await start({
      wait: async function* (_args, call) {
        yield 1
        await new Promise((_resolve, reject) => {
          call.signal.addEventListener("abort", () => reject(call.signal.reason as Error))
        }).catch((error: RpcError) => {
          stopped = error.code
        })
      },
    })
    for await (const item of connection.stream("wait", [], endless)) if (item === 1) break
    await waitFor(() => stopped === "cancelled")
    await waitFor(() => server.server.openCalls().length === 0)
    expect(server.faults).toEqual([])
  })

  test("an abort signal ends the stream with cancelled", async () => {
    const { handler, seen } = producer(1)
    const connection = await start({ numbers: handler })
    const abort = new AbortController()
    const stream = connection.stream("numbers", [], { ...endless, signal: abort.signal, window: 2 })
    await waitFor(() => seen.produced === 2)
    abort.abort()
    const error = await failure(all(stream))
    expect([error.code, error.executed]).toEqual(["cancelled", "maybe"])
    await waitFor(() => seen.stopped === 1)
    const never = await failure(connection.stream("numbers", [], { ...endless, signal: abort.signal }).next())
    expect([never.code, never.executed]).toEqual(["cancelled", "no"])
  })

  test("a deadline bounds the whole stream; without one it goes on", async () => {
    const { handler, seen } = producer(5)
    const connection = await start({ numbers: handler })
    const items: Array<unknown> = []
    const error = await failure(
      (async () => {
        for await (const item of connection.stream("numbers", [], { timeoutMs: 100 })) items.push(item)
      })(),
    )
    expect(error.code).toBe("deadline_exceeded")
    expect(items.length).toBeGreaterThan(0)
    await waitFor(() => seen.stopped === 1)
  })

  test("the server keeps the deadline by itself", async () => {
    const { handler, seen } = producer()
    await start({ numbers: handler })
    const raw = await RawClient.greeted(server.port)
    raw.send(streamRequest(1, "numbers", [], { credit: 3, deadline: 50 }))
    const [code, , executed] = (await raw.answer(1)).body as [string, string, string]
    expect([code, executed, raw.items(1), seen.stopped]).toEqual(["deadline_exceeded", "yes", [0, 1, 2], 1])
    raw.destroy()
  })

  test("a stream counts as a call in flight until its generator is done", async () => {
    let go: (value: unknown) => void = () => undefined
    const connection = await start({
      stuck: async function* () {
        yield 1
        await new Promise((resolve) => {
          go = resolve
        })
      },
    })
    const stream = connection.stream("stuck", [], endless)
    await stream.next()
    await stream.return()
    expect(connection.inFlight).toBe(0)
    await connection.call("ping", [], inTime)
    expect(server.server.figures().concurrency).toBe(1)
    go(null)
    await waitFor(() => server.server.figures().concurrency === 0)
  })
})

describe("the end of a stream", () => {
  test("items that came are given before the error; an RpcError keeps its code, others are internal", async () => {
    const connection = await start({
      broken: async function* () {
        yield 1
        yield 2
        throw new Error("broke off")
      },
      empty: async function* () {
        yield 1
        throw new RpcError("not_found", "No more", { details: { at: 1 } })
      },
    })
    const stream = connection.stream("broken", [], endless)
    await waitFor(() => server.faults.length === 1)
    await connection.call("ping", [], inTime)
    expect([(await stream.next()).value, (await stream.next()).value]).toEqual([1, 2])
    const error = await failure(stream.next())
    expect([error.code, error.executed, error.message]).toEqual(["internal", "yes", "broke off"])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    const empty = await failure(all(connection.stream("empty", [], endless)))
    expect([empty.code, empty.details]).toEqual(["not_found", { at: 1 }])
    expect(server.faults.map((fault) => [fault.kind, fault.method])).toEqual([["handler", "broken"]])
  })

  test("an unknown method, and an item without a form or too large, end it", async () => {
    const { handler, seen } = producer(undefined, (n) => (n === 2 ? new Map() : n))
    const large = producer(undefined, () => new Uint8Array(100_000))
    server = await startServer({ map: handler, large: large.handler })
    const connection = await server.connect({ limits: { frameBytes: 80_000 } })
    open.push(connection)
    const unknown = await failure(connection.stream("nope", [], inTime).next())
    expect([unknown.code, unknown.executed]).toEqual(["unimplemented", "no"])
    const error = await failure(all(connection.stream("map", [], endless)))
    expect([error.code, error.message]).toEqual([
      "internal",
      'The result of "map" cannot be sent: a Map has no form in muster/1',
    ])
    const tooLarge = await failure(all(connection.stream("large", [], endless)))
    expect([tooLarge.code, tooLarge.executed]).toEqual(["resource_exhausted", "yes"])
    await waitFor(() => seen.stopped === 1 && large.seen.stopped === 1)
  })

  test("a lost connection ends it with unavailable, after what came", async () => {
    const { handler, seen } = producer()
    const connection = await start({ numbers: handler })
    const stream = connection.stream("numbers", [], { ...endless, window: 4 })
    await waitFor(() => seen.produced === 4)
    await connection.call("ping", [], inTime)
    await server.close()
    expect((await stream.next()).value).toBe(0)
    const error = await failure(all(stream))
    expect(error.code).toBe("unavailable")
    await waitFor(() => seen.stopped === 1)
  })

  test("a drain lets a stream end, and cuts off one that does not", async () => {
    const state = { finish: false }
    const connection = await start({
      follow: async function* () {
        for (let n = 0; !state.finish; n++) {
          yield n
          await sleep(1)
        }
        yield "last"
      },
    })
    const first = all(connection.stream("follow", [], endless))
    await waitFor(() => server.server.openCalls().length === 1)
    const drained = server.server.drain(5000)
    await waitFor(() => connection.state === "draining")
    const refused = await failure(connection.stream("follow", [], endless).next())
    expect([refused.code, refused.executed]).toEqual(["unavailable", "no"])
    state.finish = true
    expect((await first).at(-1)).toBe("last")
    await drained

    const endlessOne = producer(1)
    await server.close()
    const other = await start({ follow: endlessOne.handler })
    const cut = failure(all(other.stream("follow", [], endless)))
    await waitFor(() => endlessOne.seen.produced > 3)
    await server.server.drain(100)
    expect([(await cut).code, (await cut).executed]).toEqual(["unavailable", "yes"])
    await waitFor(() => endlessOne.seen.stopped === 1)
  })

  test("where streams are not spoken they are refused on both sides, and not executed", async () => {
    const { handler, seen } = producer()
    await start({ numbers: handler })
    const raw = new RawClient(server.port)
    await raw.greet(
      frame(FrameType.hello, 0, {
        magic: "muster",
        versions: [1, 1],
        limits: { frame: 65_536, inFlight: 0 },
        features: [],
        who: "old",
      }),
    )
    raw.send(streamRequest(1, "numbers", [], { credit: 4 }))
    const [code, , executed] = (await raw.answer(1)).body as [string, string, string]
    expect([code, executed, seen.produced]).toEqual(["unimplemented", "no", 0])
    raw.destroy()
  })
})
