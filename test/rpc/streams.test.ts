import { afterEach, describe, expect, test } from "bun:test"
import { FrameType } from "../../src/protocol/Frame.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import type { CallStream, RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler, ServerCall } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, RawClient, request, streamRequest } from "./RawClient.ts"
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

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const all = async (stream: AsyncIterable<unknown>) => {
  const items: Array<unknown> = []
  for await (const item of stream) items.push(item)
  return items
}
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)

/** A producer of numbers that says how far it is and when it was told to stop. */
const producer = (pauseMs?: number, body: (n: number) => unknown = (n) => n) => {
  const seen = { produced: 0, stopped: 0, stoppedAt: 0, calls: [] as Array<ServerCall> }
  const handler: Handler = async function* (_args, call) {
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

describe("streams", () => {
  test("items arrive in their order, all of them, whatever the window", async () => {
    const connection = await start({
      count: async function* ([n]) {
        for (let index = 0; index < Number(n); index++) yield index
      },
    })
    for (const window of [1, 2, 3, 64, 5000])
      expect(await all(connection.stream("count", [3000], { ...endless, window }))).toEqual(upTo(3000))
    expect(await all(connection.stream("count", [0], endless))).toEqual([])
    expect(connection.inFlight).toBe(0)
    expect(server.server.openCalls()).toEqual([])
  })

  test("every value is an item, null and undefined too", async () => {
    const values = [null, false, 0, "", "世界", [1, [2]], { a: null }, new Uint8Array([1, 2])]
    const connection = await start({
      values: async function* () {
        yield* values
        yield undefined
      },
    })
    expect(await all(connection.stream("values", [], inTime))).toEqual([...values, null])
  })

  test("a hundred streams and calls between them keep each to its own", async () => {
    const connection = await start({
      echo: ([value]) => value,
      count: async function* ([from, n]) {
        for (let index = 0; index < Number(n); index++) {
          if (index % 10 === 0) await sleep(0)
          yield Number(from) + index
        }
      },
    })
    const streams = upTo(100).map((n) => all(connection.stream("count", [n * 1000, 100], { ...inTime, window: 7 })))
    const calls = upTo(100).map((n) => connection.call("echo", [n], inTime))
    expect(await Promise.all(calls)).toEqual(upTo(100))
    for (const [n, items] of (await Promise.all(streams)).entries())
      expect(items).toEqual(upTo(100).map((index) => n * 1000 + index))
  })

  test("a method with one answer gives it as one item, also when that takes a while; ping too", async () => {
    const connection = await start({
      now: () => "now",
      later: async () => {
        await sleep(20)
        return [1, 2]
      },
      iterable: async () => {
        await sleep(5)
        return (async function* () {
          yield "found"
        })()
      },
    })
    expect(await all(connection.stream("now", [], inTime))).toEqual(["now"])
    expect(await all(connection.stream("later", [], inTime))).toEqual([[1, 2]])
    expect(await all(connection.stream("iterable", [], inTime))).toEqual(["found"])
    expect(await all(connection.stream("ping", [], inTime))).toEqual(["pong"])
  })

  test("a stream that is called for one answer is refused: not run where it is a generator, else run", async () => {
    let ran = 0
    const made = producer()
    const connection = await start({
      stream: async function* () {
        yield ran++
      },
      hidden: () => {
        ran++
        return made.handler([], undefined as unknown as ServerCall)
      },
    })
    const error = await failure(connection.call("stream", [], inTime))
    expect([error.code, error.executed, ran]).toEqual(["failed_precondition", "no", 0])
    const hidden = await failure(connection.call("hidden", [], inTime))
    expect([hidden.code, hidden.executed, ran, made.seen.produced]).toEqual(["failed_precondition", "yes", 1, 0])
  })

  test("what a handler may know: that a stream is asked for", async () => {
    const seen: Array<boolean> = []
    const connection = await start({ note: (_args, call) => void seen.push(call.isStream) })
    await all(connection.stream("note", [], inTime))
    await connection.call("note", [], inTime)
    expect(seen).toEqual([true, false])
  })

  test("waiting for room on the connection, a stream keeps its place and can be left", async () => {
    const waiting: Array<(value: unknown) => void> = []
    const connection = await start(
      { wait: () => new Promise((go) => waiting.push(go)), one: async () => 1 },
      { limits: { inFlight: 16 } },
    )
    const calls = upTo(16).map(() => connection.call("wait", [], inTime))
    const late = connection.stream("one", [], inTime)
    const left = connection.stream("one", [], inTime)
    const overdue = connection.stream("one", [], { timeoutMs: 30 })
    const error = await failure(overdue.next())
    expect([error.code, error.executed]).toEqual(["deadline_exceeded", "no"])
    await left.return()
    await waitFor(() => waiting.length === 16)
    for (const go of waiting) go(null)
    await Promise.all(calls)
    expect(await all(late)).toEqual([1])
    expect(await left.next()).toEqual({ done: true, value: undefined })
    expect(server.server.served).toBe(17)
  })
})

describe("credit", () => {
  test("a fast producer makes no more than the window ahead of a slow consumer", async () => {
    const { handler, seen } = producer()
    const connection = await start({ numbers: handler })
    const stream = connection.stream("numbers", [], { ...endless, window: 10 })
    await waitFor(() => seen.produced >= 10)
    await connection.call("ping", [], inTime)
    await sleep(30)
    expect(seen.produced).toBe(10)
    for (let n = 0; n < 200; n++) {
      expect((await stream.next()).value).toBe(n)
      expect(seen.produced).toBeLessThanOrEqual(n + 1 + 10)
    }
    await stream.return()
  })

  test("memory stays bounded when a gigabyte is offered to who takes little", async () => {
    const piece = new Uint8Array(1024 * 1024)
    const { handler, seen } = producer(undefined, () => piece)
    const connection = await start({ pieces: handler })
    const before = process.memoryUsage().rss
    const stream = connection.stream("pieces", [], { ...endless, window: 8 })
    for (let n = 0; n < 20; n++) {
      await stream.next()
      await sleep(2)
    }
    expect(seen.produced).toBeLessThanOrEqual(20 + 8)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
    await stream.return()
  })

  test("no credit, no item; and credit comes in parts", async () => {
    const { handler, seen } = producer()
    await start({ numbers: handler })
    const raw = await RawClient.greeted(server.port)
    raw.send(streamRequest(1, "numbers"), request(2, "ping"))
    await raw.answer(2)
    expect([seen.produced, raw.items(1)]).toEqual([0, []])
    raw.send(frame(FrameType.credit, 1, 2))
    await waitFor(() => raw.items(1).length === 2)
    raw.send(frame(FrameType.credit, 1, 3))
    await waitFor(() => raw.items(1).length === 5)
    expect([seen.produced, raw.items(1)]).toEqual([5, [0, 1, 2, 3, 4]])
    raw.send(frame(FrameType.cancel, 1))
    expect((await raw.answer(1)).body).toEqual(["cancelled", "The caller cancelled the call", "yes", null])
    await waitFor(() => seen.stopped === 1)
    raw.destroy()
  })

  test("who reads nothing stops the producer, whatever credit was given, and goes on where it stopped", async () => {
    const piece = new Uint8Array(100_000)
    const { handler, seen } = producer(undefined, (n) => (n === 0 ? "first" : piece))
    await start({ pieces: handler })
    const raw = await RawClient.greeted(server.port)
    raw.socket.pause()
    raw.send(streamRequest(1, "pieces", [], { credit: 1_000_000 }))
    let produced = -1
    await waitFor(() => {
      const still = seen.produced === produced && produced > 0
      produced = seen.produced
      return still
    })
    expect(seen.produced * piece.length).toBeLessThan(64 * 2 ** 20)
    const stoppedAt = seen.produced
    raw.socket.resume()
    await waitFor(() => raw.items(1).length > stoppedAt + 10)
    raw.destroy()
    await waitFor(() => seen.stopped === 1)
  })

  test("a producer without a pause leaves others their turn, and can be cancelled", async () => {
    const { handler, seen } = producer()
    const connection = await start({ numbers: handler })
    const stream = connection.stream("numbers", [], { ...endless, window: 1_000_000 })
    expect(await connection.call("ping", [], inTime)).toBe("pong")
    await stream.return()
    await waitFor(() => seen.stopped === 1)
  })
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
    let finish = false
    const connection = await start({
      follow: async function* () {
        for (let n = 0; !finish; n++) {
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
    finish = true
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

describe("one-way calls", () => {
  test("they run, nothing comes back, and what cannot be sent is thrown", async () => {
    const ran: Array<unknown> = []
    const connection = await start({
      note: ([value], call) => {
        ran.push([value, call.meta])
        throw new Error("nobody hears")
      },
    })
    connection.send("note", [1])
    connection.send("note", [2], { traceparent: "00-ab" })
    expect(await connection.call("ping", [], inTime)).toBe("pong")
    expect(ran).toEqual([
      [1, {}],
      [2, { traceparent: "00-ab" }],
    ])
    expect(() => connection.send("note", [1n])).toThrow(RpcError)
    connection.close()
    expect(() => connection.send("note", [3])).toThrow("The connection is closed")
    expect(ran).toHaveLength(2)
  })
})
