import { afterEach, describe, expect, test } from "bun:test"
import { FrameType } from "../../src/protocol/Frame.ts"
import type { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler, ServerCall } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, RawClient, request, streamRequest } from "./RawClient.ts"
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

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)

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
