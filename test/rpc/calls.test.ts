import { afterEach, describe, expect, test } from "bun:test"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { RawClient, request } from "./RawClient.ts"
import { failure, gate, startServer, type TestServer } from "./TestServer.ts"

const inTime = { timeoutMs: 5000 }
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

describe("answers", () => {
  test("values arrive as they are, false and null and undefined too", async () => {
    const connection = await start({
      echo: ([value]) => value,
      nothing: () => undefined,
      later: async ([value]) => value,
    })
    for (const value of [false, null, 0, "", "世界", [1, [2]], { a: { b: null } }, new Uint8Array([1, 2]), 1.5]) {
      expect(await connection.call("echo", [value], inTime)).toEqual(value)
      expect(await connection.call("later", [value], inTime)).toEqual(value)
    }
    expect(await connection.call("nothing", [], inTime)).toBe(null)
    expect(server.server.served).toBe(19)
  })

  test("ping is answered by every service, and Class::method is Class.method", async () => {
    const names: Array<string> = []
    const connection = await start({
      "Greeter.hello": (_args, call) => {
        names.push(call.method)
        return "hi"
      },
    })
    expect(await connection.call("ping", [], inTime)).toBe("pong")
    expect(await connection.call("Greeter::hello", [], inTime)).toBe("hi")
    expect(names).toEqual(["Greeter.hello"])
  })

  test("the server says who it is, and another service is refused by name", async () => {
    const connection = await start({}, { service: "greeter", worker: { id: 1, count: 4 } })
    expect(connection.hello).toEqual({
      service: "greeter",
      worker: { id: 1, count: 4, pid: process.pid },
      version: 1,
      idempotent: [],
    })
    const error = await failure(server.connect({ service: "orders" }))
    expect([error.code, error.message]).toEqual([
      "failed_precondition",
      'Expected the service "orders", found "greeter"',
    ])
    await waitFor(() => server.server.connections === 1)
  })

  test("answers come in the order in which they are done", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler, fast: () => "fast" })
    const done: Array<string> = []
    const slow = connection.call("wait", [], inTime).then(() => done.push("slow"))
    await connection.call("fast", [], inTime).then(() => done.push("fast"))
    waiting[0]?.go(null)
    await slow
    expect(done).toEqual(["fast", "slow"])
  })

  test("a thousand calls at once on one connection get each its own answer", async () => {
    const connection = await start({
      twice: ([n]) => Number(n) * 2,
      later: ([n]) => new Promise((resolve) => setTimeout(() => resolve(n), Number(n) % 7)),
    })
    const calls = Array.from({ length: 1000 }, (_, n) => connection.call(n % 2 ? "twice" : "later", [n], inTime))
    expect(connection.inFlight).toBe(1000)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1000 }, (_, n) => (n % 2 ? n * 2 : n)))
    expect(connection.inFlight).toBe(0)
  })

  test("what a handler may know of its call", async () => {
    let seen: unknown
    const connection = await start({
      know: (_args, call) => {
        const { client, meta, method, peer, remote } = call
        seen = { client, meta, method, peer, remote: remote.split(":")[0], left: call.remainingMs() > 4000 }
      },
    })
    await connection.call("know", [], { ...inTime, meta: { traceparent: "00-ab" } })
    expect(seen).toEqual({
      client: "test",
      meta: { traceparent: "00-ab", deadline: 5000 },
      method: "know",
      peer: undefined,
      remote: "127.0.0.1",
      left: true,
    })
  })
})

describe("failures", () => {
  test("an unknown method was not executed", async () => {
    const connection = await start({})
    const error = await failure(connection.call("nope", [], inTime))
    expect([error.code, error.executed]).toEqual(["unimplemented", "no"])
  })

  test("what a handler throws is internal with its message, and the stack stays on the server", async () => {
    const connection = await start({
      sync: () => {
        throw new Error("broken at once")
      },
      later: async () => {
        throw new TypeError("broken later")
      },
    })
    for (const [method, message] of [
      ["sync", "broken at once"],
      ["later", "broken later"],
    ] as const) {
      const error = await failure(connection.call(method, [], inTime))
      expect([error.code, error.executed, error.message, error.details]).toEqual(["internal", "yes", message, null])
    }
    expect(server.faults.map((fault) => [fault.kind, fault.method])).toEqual([
      ["handler", "sync"],
      ["handler", "later"],
    ])
    expect((server.faults[0]!.error as Error).stack).toContain("calls.test.ts")
  })

  // oxlint-disable unicorn/no-thenable -- foreign promises are what this is about
  test("a promise of a foreign make, and one that is broken, are taken as promises", async () => {
    const thenable = (then: unknown) => ({ then })
    const connection = await start({
      foreign: () => thenable((done: (value: string) => void) => done("answered")),
      broken: () =>
        thenable(() => {
          throw new Error("no promise")
        }),
      getter: () => ({
        get then() {
          throw new Error("no then")
        },
      }),
      toJson: () => ({
        toJSON() {
          throw new Error("no JSON")
        },
      }),
    })
    expect(await connection.call("foreign", [], inTime)).toBe("answered")
    for (const [method, message] of [
      ["broken", "no promise"],
      ["getter", "no then"],
      ["toJson", 'The result of "toJson" cannot be sent: no JSON'],
    ] as const) {
      const error = await failure(connection.call(method, [], inTime))
      expect([error.code, error.message]).toEqual(["internal", message])
    }
    expect(await connection.call("ping", [], inTime)).toBe("pong")
  })

  // oxlint-enable unicorn/no-thenable

  test("an RpcError keeps its code, its details and what it says of execution", async () => {
    const connection = await start({
      stock: () => {
        throw new RpcError("failed_precondition", "Stock is empty", { executed: "no", details: { left: 0 } })
      },
      odd: () => {
        throw new RpcError("aborted", "Odd \ud800", { details: new Map() })
      },
    })
    const error = await failure(connection.call("stock", [], inTime))
    expect([error.code, error.message, error.executed, error.details]).toEqual([
      "failed_precondition",
      "Stock is empty",
      "no",
      { left: 0 },
    ])
    const odd = await failure(connection.call("odd", [], inTime))
    expect([odd.code, odd.message, odd.details]).toEqual(["aborted", "Odd \ufffd", null])
    expect(server.faults).toEqual([])
  })

  test("arguments without a form never leave, results without one are the handler's fault", async () => {
    const connection = await start({ map: () => new Map(), echo: ([value]) => value })
    const sent = await failure(connection.call("echo", [1n], inTime))
    expect([sent.code, sent.executed]).toEqual(["invalid_argument", "no"])
    const received = await failure(connection.call("map", [], inTime))
    expect([received.code, received.message]).toEqual([
      "internal",
      'The result of "map" cannot be sent: a Map has no form in muster/1',
    ])
    expect(await connection.call("echo", ["still open"], inTime)).toBe("still open")
  })

  test("frames above the other side's limit are refused by call, in both directions", async () => {
    server = await startServer(
      { big: ([n]) => "x".repeat(Number(n)), size: ([s]) => String(s).length },
      { limits: { frameBytes: 70_000 } },
    )
    const connection = await server.connect({ limits: { frameBytes: 80_000 } })
    open.push(connection)
    const sent = await failure(connection.call("size", ["x".repeat(70_000)], inTime))
    expect([sent.code, sent.executed]).toEqual(["invalid_argument", "no"])
    expect(await connection.call("size", ["x".repeat(69_900)], inTime)).toBe(69_900)
    const received = await failure(connection.call("big", [80_000], inTime))
    expect([received.code, received.executed]).toEqual(["resource_exhausted", "yes"])
    expect(await connection.call("big", [79_900], inTime)).toHaveLength(79_900)
  })

  test("more calls at once than the server takes are refused by it", async () => {
    await start({ wait: gate().handler }, { limits: { inFlight: 16 } })
    const raw = await RawClient.greeted(server.port)
    raw.send(...Array.from({ length: 17 }, (_, index) => request(index + 1, "wait")))
    expect((await raw.answer(17)).body).toEqual(["resource_exhausted", "More than 16 calls at once", "no", null])
    raw.destroy()
  })

  test("calls above what the server takes wait for room, in their order, with the arguments they were made with", async () => {
    const seen: Array<unknown> = []
    const note = async ([value]: ReadonlyArray<unknown>) => {
      await Promise.resolve()
      return seen.push(value)
    }
    const connection = await start({ note }, { limits: { inFlight: 16 } })
    const args: Array<number> = [0]
    const calls = Array.from({ length: 500 }, (_, index) => {
      args[0] = index
      return connection.call("note", args, inTime)
    })
    expect(connection.inFlight).toBe(500)
    await Promise.all(calls)
    expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index))
    expect(connection.inFlight).toBe(0)
  })

  test("a call that waits for room keeps its deadline and can be cancelled, and was then not executed", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler }, { limits: { inFlight: 16 } })
    const open = Array.from({ length: 16 }, () => connection.call("wait", [], inTime))
    await waitFor(() => waiting.length === 16)
    const abort = new AbortController()
    const late = failure(connection.call("wait", [], { timeoutMs: 50 }))
    const cancelled = failure(connection.call("wait", [], { timeoutMs: 5_000, signal: abort.signal }))
    abort.abort()
    for (const [error, code] of [[await late, "deadline_exceeded"] as const, [await cancelled, "cancelled"] as const])
      expect([error.code, error.executed]).toEqual([code, "no"])
    const lost = failure(connection.call("wait", [], inTime))
    for (const call of open) call.catch(() => undefined)
    connection.close()
    expect([(await lost).code, (await lost).executed]).toEqual(["unavailable", "no"])
    expect(waiting.length).toBe(16)
  })

  test("only so many calls wait for room", async () => {
    const connection = await start({ wait: gate().handler }, { limits: { inFlight: 16 } })
    const calls = Array.from({ length: 16 + 16_384 + 1 }, () => connection.call("wait", [], inTime))
    for (const call of calls) call.catch(() => undefined)
    const error = await failure(calls.at(-1) ?? Promise.resolve())
    expect([error.code, error.executed]).toEqual(["resource_exhausted", "no"])
    connection.close()
  })

  test("nobody listening is unavailable, not executed", async () => {
    await start({})
    const port = server.port
    await server.close()
    server = await startServer({})
    const error = await failure(RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" }))
    expect([error.code, error.executed]).toEqual(["unavailable", "no"])
  })

  test("a connection that the server refuses says why", async () => {
    server = await startServer({}, { accept: () => new RpcError("permission_denied", "The certificate is revoked") })
    const error = await failure(server.connect())
    expect([error.code, error.message]).toEqual(["permission_denied", "The certificate is revoked"])
    expect(server.faults.map((fault) => fault.kind)).toContain("refused")
  })

  test("when the server cuts the connection, open calls fail and later ones are not executed", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler })
    const states: Array<string> = []
    connection.onState((state) => states.push(state))
    const lost = failure(connection.call("wait", [], inTime))
    await waitFor(() => waiting.length === 1)
    await server.close()
    const error = await lost
    expect(error.code).toBe("unavailable")
    await waitFor(() => connection.state === "closed")
    const later = await failure(connection.call("wait", [], inTime))
    expect([later.code, later.executed]).toEqual(["unavailable", "no"])
    expect(states).toEqual(["draining", "closed"])
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

test("what a handler throws spoils its own call only, whatever it is", async () => {
  // Neither of them can be made a text; the iterator can't be had.
  const formless: unknown = Object.create(null)
  const connection = await start({
    now: () => {
      throw formless
    },
    later: async () => {
      await Promise.resolve()
      throw formless
    },
    items: () => ({
      [Symbol.asyncIterator]: () => {
        throw new Error("locked")
      },
    }),
    hello: () => "hello",
  })
  expect(await failure(connection.call("now", [], inTime))).toMatchObject({ code: "internal", executed: "yes" })
  expect(await failure(connection.call("later", [], inTime))).toMatchObject({ code: "internal", executed: "yes" })
  expect((await failure(connection.call("items", [], inTime))).code).toBe("failed_precondition")
  expect(await connection.call("hello", [], inTime)).toBe("hello")
  expect(server.server.figures().concurrency).toBe(0)
})
