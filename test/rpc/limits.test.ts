import { afterEach, describe, expect, test } from "bun:test"
import * as net from "node:net"
import { FrameReader, FrameType } from "../../src/protocol/Frame.ts"
import { hello } from "../../src/protocol/Handshake.ts"
import { callLimits } from "../../src/protocol/Limits.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { type Handler, type ServerMethod, serverMethod } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, RawClient, request, streamRequest } from "./RawClient.ts"
import { all, producer } from "./producer.ts"
import { failure, gate, startServer, type TestServer } from "./TestServer.ts"

const inTime = { timeoutMs: 5000 }
let server: TestServer
const open: Array<RpcConnection> = []

const start = async (methods: Readonly<Record<string, Handler>>, options = {}) => {
  server = await startServer(methods, options)
  return connect()
}

const connect = async () => {
  const connection = await server.connect()
  open.push(connection)
  return connection
}

afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await server.close()
})

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)

describe("limits of a server", () => {
  test("connections above the limit are told resource_exhausted; one that leaves makes room", async () => {
    const first = await start({}, { limits: { connections: 2 } })
    const second = await connect()
    const refused = await failure(connect())
    expect([refused.code, refused.message]).toEqual(["resource_exhausted", "More than 2 connections at once"])
    expect(server.faults.map((fault) => fault.kind)).toContain("refused")
    expect(server.server.figures()).toMatchObject({ accepted: 3, aborted: 1, connections: 2 })
    expect(await second.call("ping", [], inTime)).toBe("pong")
    first.close()
    await waitFor(() => server.server.connections === 1)
    expect(await (await connect()).call("ping", [], inTime)).toBe("pong")
    await waitFor(() => server.server.figures().closed === 2)
  })

  test("a flood of refused connections leaves nothing behind", async () => {
    await start({}, { limits: { connections: 1 } })
    const clients = upTo(300).map(() => new RawClient(server.port))
    await waitFor(() => clients.every((client) => client.closed))
    expect(clients.every((client) => client.seen.length === 1)).toBe(true)
    await waitFor(() => server.server.figures().closed === 300)
    expect(server.server.connections).toBe(1)
  })

  test("calls on all connections together are limited, streams among them", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler, numbers: producer().handler }, { limits: { inFlightTotal: 20 } })
    const other = await connect()
    const calls = upTo(19).map((n) => (n % 2 ? connection : other).call("wait", [], inTime))
    const stream = connection.stream("numbers", [], inTime)
    await stream.next()
    await waitFor(() => waiting.length === 19)
    const refused = await failure(other.call("wait", [], inTime))
    expect([refused.code, refused.executed]).toEqual(["resource_exhausted", "no"])
    expect(refused.message).toBe("More than 20 calls at once on all connections")
    expect(server.server.figures()).toMatchObject({ concurrency: 20, aborted: 1 })
    await stream.return()
    for (const { go } of waiting) go(null)
    await Promise.all(calls)
    await waitFor(() => server.server.figures().concurrency === 0)
    expect(await other.call("ping", [], inTime)).toBe("pong")
  })

  test("calls of one method are limited, others go on", async () => {
    const { handler, waiting } = gate()
    const recorded: Array<string | undefined> = []
    const meter = { record: (_micros: number, code: string | undefined) => void recorded.push(code) }
    const connection = await start({}, { table: [serverMethod("wait", handler, { concurrencyMax: 2, meter })] })
    const calls = [connection.call("wait", [], inTime), connection.call("wait", [], inTime)]
    await waitFor(() => waiting.length === 2)
    const refused = await failure(connection.call("wait", [], inTime))
    expect([refused.code, refused.executed, refused.message]).toEqual([
      "resource_exhausted",
      "no",
      'More than 2 calls of "wait" at once',
    ])
    expect(await connection.call("ping", [], inTime)).toBe("pong")
    for (const { go } of waiting) go(1)
    await Promise.all(calls)
    const again = connection.call("wait", [], inTime)
    await waitFor(() => waiting.length === 3)
    waiting[2]!.go("again")
    expect(await again).toBe("again")
    expect(recorded).toEqual(["resource_exhausted", undefined, undefined, undefined])
  })

  test("who takes no answers while more wait than may is sent away with resource_exhausted", async () => {
    const releases: Array<(value: unknown) => void> = []
    await start(
      { later: () => new Promise((go) => releases.push(go)), big: () => new Uint8Array(4_000_000) },
      { limits: { queuedBytes: 100_000, slowReaderMs: 60_000 } },
    )
    const raw = await RawClient.greeted(server.port, { frameBytes: 8_000_000 })
    raw.send(...upTo(40).map((n) => request(n + 1, "later")))
    await waitFor(() => releases.length === 40)
    raw.socket.pause()
    for (const go of releases) go(new Uint8Array(2_000_000))
    const fault = await waitFor(() => server.faults.find(({ kind }) => kind === "protocol"))
    expect(fault.error).toBeInstanceOf(RpcError)
    expect((fault.error as RpcError).code).toBe("resource_exhausted")
    await waitFor(() => server.server.connections === 1)
    expect(server.server.openCalls()).toEqual([])
    raw.destroy()
  })

  test("a connection without calls is told to leave and closed; one with a call or a stream is not", async () => {
    const { handler, waiting } = gate()
    const idle = await start({ wait: handler, numbers: producer().handler }, { limits: { idleMs: 300 } })
    const busy = await connect()
    const streaming = await connect()
    const call = busy.call("wait", [], { timeoutMs: 20_000 })
    const stream = streaming.stream("numbers", [], { timeoutMs: Infinity })
    await stream.next()
    const raw = await RawClient.greeted(server.port)
    const goaway = await raw.frame(({ type }) => type === FrameType.goaway)
    expect(goaway.body).toEqual({ last: 0, reason: "No call for 300 ms", holdOffMs: 0 })
    await waitFor(() => raw.closed && idle.state === "closed")
    expect([busy.state, streaming.state]).toEqual(["open", "open"])
    await stream.return()
    waiting[0]!.go("done")
    expect(await call).toBe("done")
    await waitFor(() => server.server.connections === 0)
  })

  test("a connection that is pinged but not called is idle all the same", async () => {
    await start({}, { limits: { idleMs: 300 } })
    const raw = await RawClient.greeted(server.port)
    const pinging = setInterval(() => raw.send(frame(FrameType.ping, 1)), 20)
    await waitFor(() => raw.closed)
    clearInterval(pinging)
    expect(raw.seen.some(({ type }) => type === FrameType.goaway)).toBe(true)
  })
})

describe("what a server counts and tells", () => {
  test("figures: connections, requests, answers, bytes", async () => {
    const connection = await start({
      echo: ([value]) => value,
      count: async function* () {
        yield 1
        yield 2
      },
    })
    await connection.call("echo", ["x".repeat(10_000)], inTime)
    await failure(connection.call("nope", [], inTime))
    await all(connection.stream("count", [], inTime))
    connection.send("echo", [1])
    await connection.call("ping", [], inTime)
    const figures = server.server.figures()
    expect(figures).toMatchObject({
      connections: 1,
      accepted: 1,
      closed: 0,
      aborted: 0,
      requests: 5,
      responses: 4,
      concurrency: 0,
    })
    expect(figures.receivedBytes).toBeGreaterThan(10_000)
    expect(figures.receivedBytes).toBeLessThan(10_500)
    expect(figures.sentBytes).toBeGreaterThan(10_000)
    expect(figures.sentBytes).toBeLessThan(10_500)
  })

  test("a meter hears of each answer once, with its time and its error", async () => {
    const records: Array<readonly [string, number, string | undefined]> = []
    const metered = (name: string, handle: Handler): ServerMethod =>
      serverMethod(name, handle, { meter: { record: (micros, code) => void records.push([name, micros, code]) } })
    const connection = await start(
      {},
      {
        table: [
          metered("fast", () => 1),
          metered("slow", () => new Promise((resolve) => setTimeout(() => resolve(1), 50))),
          metered("fails", async () => {
            throw new RpcError("not_found", "nothing")
          }),
          metered("hangs", () => new Promise(() => {})),
          metered("items", async function* () {
            yield 1
            await new Promise((resolve) => setTimeout(resolve, 30))
            yield 2
          }),
          metered("map", () => new Map()),
        ],
      },
    )
    await connection.call("fast", [], inTime)
    await connection.call("slow", [], inTime)
    await failure(connection.call("fails", [], inTime))
    await failure(connection.call("hangs", [], { timeoutMs: 40 }))
    await all(connection.stream("items", [], inTime))
    await failure(connection.call("map", [], inTime))
    connection.send("fast", [])
    await connection.call("ping", [], inTime)
    expect(records.map(([name, , code]) => [name, code])).toEqual([
      ["fast", undefined],
      ["slow", undefined],
      ["fails", "not_found"],
      ["hangs", expect.stringMatching(/deadline_exceeded|cancelled/)],
      ["items", undefined],
      ["map", "internal"],
      ["fast", undefined],
    ])
    const micros = records.map(([, took]) => took)
    expect(micros[0]).toBeGreaterThan(0)
    expect(micros[1]).toBeGreaterThanOrEqual(49_000)
    expect(micros[3]).toBeGreaterThanOrEqual(39_000)
    expect(micros[4]).toBeGreaterThanOrEqual(29_000)
  })

  test("slow calls are told of, streams and fast ones are not", async () => {
    const slow: Array<readonly [string, boolean]> = []
    const connection = await start(
      {
        fast: () => 1,
        slow: () => new Promise((resolve) => setTimeout(() => resolve(1), 60)),
        items: async function* () {
          yield 1
          await new Promise((resolve) => setTimeout(resolve, 60))
        },
      },
      { slowCallMs: 50, onSlow: (call: { method: string }, ms: number) => void slow.push([call.method, ms >= 50]) },
    )
    await connection.call("fast", [], inTime)
    await all(connection.stream("items", [], inTime))
    await connection.call("slow", [], inTime)
    expect(slow).toEqual([["slow", true]])
  })

  test("the client learns which methods may be repeated", async () => {
    const connection = await start({}, { idempotent: ["find", "Orders.list"] })
    expect(connection.hello.idempotent).toEqual(["find", "Orders.list"])
    const many = upTo(5000).map((n) => `method${n}`)
    await server.close()
    const other = await start({}, { idempotent: many })
    expect(other.hello.idempotent.length).toBeGreaterThan(500)
    expect(other.hello.idempotent).toEqual(many.slice(0, other.hello.idempotent.length))
  })
})

describe("hostile frames of streams", () => {
  test("too much credit, credit that is none and items without credit end the stream only", async () => {
    const { handler, seen } = producer()
    await start({ numbers: handler })
    const highest = frame(FrameType.credit, 1, 0x7fffffff)
    const hostile: ReadonlyArray<readonly [Uint8Array, string]> = [
      [Buffer.concat([highest, highest]), "resource_exhausted"],
      [frame(FrameType.credit, 1, 0), "invalid_argument"],
      [frame(FrameType.credit, 1, -1), "invalid_argument"],
      [frame(FrameType.credit, 1, 1.5), "invalid_argument"],
      [frame(FrameType.credit, 1, 2 ** 31), "invalid_argument"],
      [frame(FrameType.credit, 1, "many"), "invalid_argument"],
      [frame(FrameType.credit, 1), "invalid_argument"],
      [frame(FrameType.credit, 1, Uint8Array.of(0xff)), "invalid_argument"],
      [frame(FrameType.item, 1, "from the caller"), "resource_exhausted"],
    ]
    for (const [index, [bytes, code]] of hostile.entries()) {
      const raw = await RawClient.greeted(server.port)
      raw.send(streamRequest(1, "numbers", [], { credit: 2 }))
      await waitFor(() => raw.items(1).length === 2)
      raw.send(bytes, request(2, "ping"))
      const [got, , executed] = (await raw.answer(1)).body as [string, string, string]
      expect([got, executed]).toEqual([code, "yes"])
      expect((await raw.answer(2)).body).toBe("pong")
      await waitFor(() => seen.stopped === index + 1)
      raw.destroy()
    }
  })

  test("a first credit that is none spoils the call before it is run", async () => {
    const { handler, seen } = producer()
    await start({ numbers: handler })
    const raw = await RawClient.greeted(server.port)
    for (const [index, credit] of [-1, 1.5, 2 ** 31, "many", [1]].entries()) {
      raw.send(streamRequest(index + 1, "numbers", [], { credit }))
      const [code, , executed] = (await raw.answer(index + 1)).body as [string, string, string]
      expect([code, executed]).toEqual(["invalid_argument", "no"])
    }
    expect(seen.produced).toBe(0)
    raw.destroy()
  })

  test("frames of streams that nobody opened are skipped", async () => {
    await start({})
    const raw = await RawClient.greeted(server.port)
    raw.send(frame(FrameType.credit, 9, 5), frame(FrameType.item, 9, 1), frame(FrameType.end, 9), request(10, "ping"))
    expect((await raw.answer(10)).body).toBe("pong")
    raw.destroy()
  })

  test("a server that sends too much or no items is told by CANCEL, and the calls beside it go on", async () => {
    await start({})
    const seen: Array<number> = []
    const hostile = net.createServer((socket) => {
      const reader = new FrameReader(callLimits.frameBytes)
      const worker = { id: 0, count: 1, pid: 1 }
      socket.write(frame(FrameType.hello, 0, { ...hello("hostile", callLimits), service: "hostile", worker }))
      const many = Buffer.concat(upTo(5).map((n) => frame(FrameType.item, 1, n)))
      const answers: Readonly<Record<number, Uint8Array>> = {
        1: many,
        2: frame(FrameType.item, 2, Uint8Array.of(0xff)),
        3: frame(FrameType.response, 3, "no stream"),
        4: frame(FrameType.response, 4, "a call"),
      }
      socket
        .on("error", () => {})
        .on("data", (chunk: Uint8Array) => {
          reader.push(chunk)
          while (reader.next()) {
            if (reader.type === FrameType.cancel) seen.push(reader.id)
            if (reader.type === FrameType.request) socket.write(answers[reader.id] ?? "")
          }
        })
    })
    await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve))
    const { port } = hostile.address() as net.AddressInfo
    const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
    const streams = upTo(3).map(() => connection.stream("numbers", [], { ...inTime, window: 4 }))
    const call = connection.call("echo", [], inTime)
    const [tooMany, noItem, response] = await Promise.all(streams.map((stream) => failure(all(stream))))
    expect([tooMany!.code, noItem!.code, response!.code]).toEqual(["resource_exhausted", "internal", "internal"])
    expect(await call).toBe("a call")
    await waitFor(() => seen.length === 2)
    expect(seen).toEqual([1, 2])
    connection.close()
    hostile.close()
  })
})
