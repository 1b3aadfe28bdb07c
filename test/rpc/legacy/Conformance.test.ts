import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import type { Handler } from "../../../src/rpc/RpcServer.ts"
import { bytesOf, capturedRequests, refusedRequests } from "../../protocol/legacy/vectors.ts"
import { waitFor } from "../../support/waitFor.ts"
import { failure, gate, startServer, type TestServer } from "../TestServer.ts"
import { OldClient, packJson, packPhp } from "./OldClient.ts"

const seen: Array<ReadonlyArray<unknown>> = []
const held = gate()

const methods: Readonly<Record<string, Handler>> = {
  hello: (args) => `Hello, ${String(args[0])}!`,
  "TestService.test": (args) => {
    seen.push(args)
    return args
  },
  echo: (args) => args[0],
  text: (args) => "x".repeat(Number(args[0])),
  no: () => false,
  nothing: () => undefined,
  fails: () => {
    throw new Error("no such mailbox")
  },
  refuses: () => {
    throw new RpcError("failed_precondition", "sold out", { executed: "no" })
  },
  held: held.handler,
  // oxlint-disable-next-line func-style -- generators have no other form
  items: async function* () {
    yield 1
  },
}

let server: TestServer
beforeAll(async () => {
  server = await startServer(methods, { legacy: true })
})
afterAll(() => server.close())

describe("a client of the predecessor, in JSON", () => {
  test("gets the bytes that its own server would have sent", async () => {
    using client = new OldClient(server.port)
    for (const [request, answer] of [
      [capturedRequests[0]?.json, '"pong"'],
      [capturedRequests[1]?.json, '"Hello, 世界!"'],
      [capturedRequests[2]?.json, "[]"],
    ] as const)
      expect(await client.call(bytesOf(request ?? ""))).toBe(answer)
  })

  test("gets each value back", async () => {
    using client = new OldClient(server.port)
    const { json, params } = capturedRequests[3] ?? { json: "", params: [] }
    expect(JSON.parse(await client.call(bytesOf(json)))).toEqual(params)
    expect(seen.at(-1)).toEqual(params ?? [])
  })

  test("sees a failure as such, and not as false", async () => {
    using client = new OldClient(server.port)
    expect(await client.callJson("no")).toBe(false)
    expect(await client.callJson("nothing")).toBeNull()
    expect(await client.callJson("fails")).toEqual({
      msg: "no such mailbox",
      code: -99,
      error: "internal",
      executed: "yes",
    })
    expect(await client.callJson("refuses")).toEqual({
      msg: "sold out",
      code: -99,
      error: "failed_precondition",
      executed: "no",
    })
    expect(await client.callJson("Nobody::knows")).toMatchObject({ code: -99, error: "unimplemented", executed: "no" })
    expect(await client.callJson("items")).toMatchObject({ code: -99, error: "failed_precondition", executed: "no" })
    // The connection goes on.
    expect(await client.callJson("PING", null)).toBe("pong")
  })

  test("is told what is wrong with a request, and goes on", async () => {
    using client = new OldClient(server.port)
    for (const [request, reason] of [
      [packJson(7), "func is not the name of a method"],
      [packJson("hello", { name: "x" }), "params is not a list"],
      [packJson("hello", "x"), "params is not a list"],
      [Buffer.concat([new Uint8Array([0, 0, 0, 1]), Buffer.from("{\r\n")]), "The body is no JSON in UTF-8"],
      [Buffer.concat([new Uint8Array([0, 0, 0, 0]), Buffer.from("\r\n")]), "The body is no JSON in UTF-8"],
      [
        Buffer.concat([new Uint8Array([0, 0, 0, 2]), Buffer.from("[]\r\n")]),
        "The request is no map of func and params",
      ],
      [packJson("hello", [JSON.parse('{"__proto__":1}')]), "is not allowed"],
    ] as const)
      expect(JSON.parse(await client.call(request))).toEqual({
        msg: expect.stringContaining(reason),
        code: -99,
        error: "invalid_argument",
        executed: "no",
      })
    expect(await client.callJson("ping")).toBe("pong")
  })
})

describe("a client of the predecessor, in PHP's serialize", () => {
  test("gets the bytes that its own server would have sent", async () => {
    using client = new OldClient(server.port)
    for (const [request, answer] of [
      [capturedRequests[0]?.php, 's:4:"pong";'],
      [capturedRequests[1]?.php, 's:14:"Hello, 世界!";'],
      [capturedRequests[2]?.php, "a:0:{}"],
    ] as const)
      expect(await client.call(bytesOf(request ?? ""))).toBe(answer)
  })

  test("gets each value back, also one with CRLF, which its own server could not send", async () => {
    using client = new OldClient(server.port)
    const { params, php } = capturedRequests[3] ?? { php: "", params: [] }
    const answer = await client.call(bytesOf(php))
    expect(seen.at(-1)).toEqual(params ?? [])
    // Read back by PHP 8.2 it is the same list.
    expect(answer).toStartWith("a:18:{i:0;N;i:1;b:1;i:2;b:0;i:3;i:0;i:4;i:-7;i:5;i:2147483648;")
    expect(answer).toContain('i:11;S:14:"你好\\0d\n世界";')
  })

  test("sees a failure as such, and not as false", async () => {
    using client = new OldClient(server.port)
    expect(await client.call(packPhp("no"))).toBe("b:0;")
    expect(await client.call(packPhp("fails"))).toBe(
      'a:4:{s:3:"msg";s:15:"no such mailbox";s:4:"code";i:-99;s:5:"error";s:8:"internal";s:8:"executed";s:3:"yes";}',
    )
  })

  test("can't send an object of a class, nor a reference, nor names of arguments", async () => {
    using client = new OldClient(server.port)
    for (const [request, reason] of [
      [refusedRequests.object, "objects are not taken"],
      [refusedRequests.stdClass, "objects are not taken"],
      [refusedRequests.reference, "references are not taken"],
      [refusedRequests.namedArguments, "params is not a list"],
    ] as const) {
      const answer = await client.call(bytesOf(request))
      expect(answer).toContain(reason)
      expect(answer).toContain('"invalid_argument"')
      expect(answer).toContain('s:8:"executed";s:2:"no";')
    }
    expect(await client.call(packPhp("ping"))).toBe('s:4:"pong";')
  })
})

describe("on a port where the predecessor's clients are answered", () => {
  test("clients of muster/1 are answered as ever, all on the same port", async () => {
    using json = new OldClient(server.port)
    using php = new OldClient(server.port)
    const muster = await server.connect()
    expect(await muster.call("hello", ["muster"], { timeoutMs: 5_000 })).toBe("Hello, muster!")
    expect(await json.callJson("hello", ["json"])).toBe("Hello, json!")
    expect(await php.call(packPhp("hello", ['s:3:"php";']))).toBe('s:11:"Hello, php!";')
    expect((await failure(muster.call("fails", [], { timeoutMs: 5_000 }))).code).toBe("internal")
    muster.close()
  })

  test("a frame is understood with its CRLF uncounted, counted, or left out, however it is cut", async () => {
    const body = '{"func":"hello","params":["a\\r\\nb"]}'
    const head = (length: number) => Buffer.from([0, 0, 0, length])
    const forms = [
      Buffer.concat([head(body.length), Buffer.from(`${body}\r\n`)]),
      Buffer.concat([head(body.length + 2), Buffer.from(`${body}\r\n`)]),
      Buffer.concat([head(body.length), Buffer.from(body)]),
    ]
    using client = new OldClient(server.port)
    client.send(...forms, ...forms.toReversed())
    for (let n = 0; n < 6; n++) expect(await client.answer()).toBe('"Hello, a\\r\\nb!"')
    using slow = new OldClient(server.port)
    for (const form of forms) {
      for (const byte of form) {
        slow.send(new Uint8Array([byte]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await slow.answer()).toBe('"Hello, a\\r\\nb!"')
    }
  })

  test("requests that come at once are answered in their order", async () => {
    using client = new OldClient(server.port)
    client.send(packJson("held", [1]), packJson("hello", [2]), packPhp("x"), packJson("hello", [4]))
    const first = await waitFor(() => held.waiting.shift())
    expect(client.received).toBe(0)
    first.go("first")
    expect(await client.answer()).toBe('"first"')
    expect(await client.answer()).toBe('"Hello, 2!"')
    // Not its dialect: the connection has one.
    expect(await client.answer()).toContain("The body is no JSON")
    expect(await client.answer()).toBe('"Hello, 4!"')
  })

  test("no answer has a CRLF before its end, not even in its length", async () => {
    using json = new OldClient(server.port)
    using php = new OldClient(server.port)
    // 0x0d0a bytes, and one of 0x0d0aXX.
    for (const length of [0x0d0a, 0x0d0a00, 0x0d0a7f]) {
      const text = await json.callJson("text", [length - 2])
      expect(text).toBe("x".repeat(length - 2))
      const overhead = `s:${length}:"";`.length
      const answer = await php.call(packPhp("text", [`i:${length - overhead};`]))
      expect(answer).toMatch(new RegExp(`^s:0+${length - overhead}:"x`))
      expect(answer.length).toBeGreaterThan(length)
    }
  })

  test("a drain lets the running call be answered, and closes those that wait for nothing", async () => {
    const own = await startServer(methods, { legacy: true })
    using idle = new OldClient(own.port)
    using busy = new OldClient(own.port)
    using silent = new OldClient(own.port)
    expect(await idle.callJson("ping")).toBe("pong")
    busy.send(packJson("held"))
    await waitFor(() => held.waiting.length > 0)
    expect(own.server.figures().connections).toBe(3)
    const drained = own.server.drain(5_000)
    await idle.ended()
    await silent.ended()
    held.waiting.shift()?.go("done")
    expect(await busy.answer()).toBe('"done"')
    await busy.ended()
    await drained
    expect(own.server.figures()).toMatchObject({ connections: 0, concurrency: 0 })
    await own.close()
  })

  test("calls count and are limited as all others are", async () => {
    const own = await startServer(methods, { legacy: true, limits: { inFlightTotal: 1 } })
    using one = new OldClient(own.port)
    using two = new OldClient(own.port)
    one.send(packJson("held"))
    await waitFor(() => held.waiting.length > 0)
    expect(own.server.openCalls().map(({ method }) => method)).toEqual(["held"])
    expect(await two.callJson("hello")).toMatchObject({ code: -99, error: "resource_exhausted", executed: "no" })
    held.waiting.shift()?.go(1)
    expect(await one.answer()).toBe("1")
    expect(own.server.figures()).toMatchObject({ requests: 2, responses: 2, accepted: 2 })
    await own.close()
  })

  test("where it is off, they are told off as any other bytes that are not muster/1", async () => {
    const own = await startServer(methods)
    using client = new OldClient(own.port)
    client.send(packJson("ping"))
    await client.ended()
    await own.close()
  })
})
