import { afterEach, describe, expect, test } from "bun:test"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler, ServerCall } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, helloFrame, RawClient, request } from "./RawClient.ts"
import { startServer, type TestServer } from "./TestServer.ts"

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

/** What a call failed with. */
const failure = async (call: Promise<unknown>): Promise<RpcError> => {
  try {
    await call
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError)
    return error as RpcError
  }
  throw new Error("the call succeeded")
}

/** A handler that waits to be let go, and says who waits. */
const gate = () => {
  const waiting: Array<{ call: ServerCall; go: (value: unknown) => void }> = []
  const handler: Handler = (_args, call) => new Promise((go) => waiting.push({ call, go }))
  return { waiting, handler }
}

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
    expect(connection.hello).toEqual({ service: "greeter", worker: { id: 1, count: 4, pid: process.pid }, version: 1 })
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

  test("more calls at once than the server takes are refused, on both sides", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler }, { limits: { inFlight: 16 } })
    const calls = Array.from({ length: 16 }, () => connection.call("wait", [], inTime))
    const error = await failure(connection.call("wait", [], inTime))
    expect([error.code, error.executed]).toEqual(["resource_exhausted", "no"])
    await waitFor(() => waiting.length === 16)
    const raw = await RawClient.greeted(server.port)
    raw.send(...Array.from({ length: 17 }, (_, index) => request(index + 1, "wait")))
    expect((await raw.answer(17)).body).toEqual(["resource_exhausted", "More than 16 calls at once", "no", null])
    raw.destroy()
    for (const { go } of waiting) go(null)
    await Promise.all(calls)
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

describe("deadlines and cancelling", () => {
  test("the client gives up by itself, and the handler is told", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler })
    const startedAt = performance.now()
    const pending = failure(connection.call("wait", [], { timeoutMs: 100 }))
    await waitFor(() => waiting.length === 1)
    const { signal } = waiting[0]!.call
    const error = await pending
    const tookMs = performance.now() - startedAt
    expect([error.code, error.executed]).toEqual(["deadline_exceeded", "maybe"])
    expect(tookMs).toBeGreaterThanOrEqual(99)
    expect(tookMs).toBeLessThan(1000)
    await waitFor(() => signal.aborted)
    expect(waiting[0]!.call.remainingMs()).toBe(0)
    expect(server.server.openCalls()).toMatchObject([{ method: "wait" }])
    waiting[0]!.go("too late")
    await waitFor(() => server.server.openCalls().length === 0)
  })

  test("the server answers for itself when the deadline passes", async () => {
    await start({ wait: () => new Promise(() => {}) })
    const raw = await RawClient.greeted(server.port)
    raw.send(request(1, "wait", [], { deadline: 50 }))
    const [code, , executed] = (await raw.answer(1)).body as [string, string, string]
    expect([code, executed]).toEqual(["deadline_exceeded", "yes"])
    raw.destroy()
  })

  test("a request that waited until its deadline was over is not run", async () => {
    let ran = 0
    await start({
      burn: () => {
        const until = performance.now() + 60
        while (performance.now() < until);
      },
      count: () => ++ran,
    })
    const raw = await RawClient.greeted(server.port)
    raw.send(request(1, "burn"), request(2, "count", [], { deadline: 30 }), request(3, "count", [], { deadline: 5000 }))
    const [code, , executed] = (await raw.answer(2)).body as [string, string, string]
    expect([code, executed]).toEqual(["deadline_exceeded", "no"])
    expect((await raw.answer(3)).body).toBe(1)
    raw.destroy()
  })

  test("cancelling reaches the handler's signal and answers at once", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler })
    const controller = new AbortController()
    const pending = failure(connection.call("wait", [], { ...inTime, signal: controller.signal }))
    await waitFor(() => waiting.length === 1)
    const { signal } = waiting[0]!.call
    expect(signal.aborted).toBe(false)
    controller.abort()
    const error = await pending
    expect([error.code, error.executed]).toEqual(["cancelled", "maybe"])
    await waitFor(() => signal.aborted)
    expect((signal.reason as RpcError).code).toBe("cancelled")
    const never = await failure(connection.call("wait", [], { ...inTime, signal: controller.signal }))
    expect([never.code, never.executed, waiting.length]).toEqual(["cancelled", "no", 1])
    waiting[0]!.go(null)
    await waitFor(() => server.server.openCalls().length === 0)
    expect(connection.inFlight).toBe(0)
  })

  test("a lost client aborts what runs for it", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler })
    void failure(connection.call("wait", [], inTime))
    await waitFor(() => waiting.length === 1)
    const { signal } = waiting[0]!.call
    connection.close()
    await waitFor(() => signal.aborted)
  })

  test("deadlines of very different lengths are each kept", async () => {
    const connection = await start({ wait: () => new Promise(() => {}) })
    const took = await Promise.all(
      [1, 20, 90, 300, 700].map(async (timeoutMs) => {
        const startedAt = performance.now()
        await failure(connection.call("wait", [], { timeoutMs }))
        return performance.now() - startedAt - timeoutMs
      }),
    )
    for (const late of took) {
      expect(late).toBeGreaterThan(-1)
      expect(late).toBeLessThan(400)
    }
  })
})

describe("going away", () => {
  test("draining finishes what runs, refuses what is new and closes the rest", async () => {
    const { handler, waiting } = gate()
    const busy = await start({ wait: handler })
    const idle = await server.connect()
    const pending = busy.call("wait", [], inTime)
    await waitFor(() => waiting.length === 1)
    const drained = server.server.drain(5000)
    await waitFor(() => busy.state === "draining" && idle.state === "closed")
    const refused = await failure(busy.call("wait", [], inTime))
    expect([refused.code, refused.executed]).toEqual(["unavailable", "no"])
    const late = await failure(server.connect())
    expect([late.code, late.message]).toEqual(["unavailable", "The server is shutting down"])
    waiting[0]!.go("finished")
    expect(await pending).toBe("finished")
    await drained
    expect([busy.state, server.server.connections]).toEqual(["closed", 0])
  })

  test("requests that crossed the GOAWAY were not executed", async () => {
    const { handler, waiting } = gate()
    const connection = await start({ wait: handler })
    const first = connection.call("wait", [], inTime)
    await waitFor(() => waiting.length === 1)
    const drained = server.server.drain(5000)
    const crossed = await failure(connection.call("wait", [], inTime))
    expect([crossed.code, crossed.executed, waiting.length]).toEqual(["unavailable", "no", 1])
    waiting[0]!.go(1)
    expect(await first).toBe(1)
    await drained
  })

  test("a drain that waited long enough cuts off, and says the call was begun", async () => {
    const connection = await start({ wait: () => new Promise(() => {}) })
    const pending = failure(connection.call("wait", [], inTime))
    await waitFor(() => server.server.openCalls().length === 1)
    await server.server.drain(100)
    const error = await pending
    expect([error.code, error.executed]).toEqual(["unavailable", "yes"])
  })

  test("a client that doesn't leave by itself is left", async () => {
    await start({})
    const raw = await RawClient.greeted(server.port)
    const startedAt = performance.now()
    await server.server.drain(10_000)
    expect(raw.seen.map((seen) => seen.body)).toContainEqual({
      last: 0,
      reason: "The server is shutting down",
      holdOffMs: 0,
    })
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })

  test("requests may come right behind HELLO, in the same packet", async () => {
    await start({ echo: ([value]) => value })
    const raw = new RawClient(server.port)
    raw.send(helloFrame(), request(1, "echo", ["early"]), request(2, "ping"))
    expect((await raw.answer(1)).body).toBe("early")
    expect((await raw.answer(2)).body).toBe("pong")
    raw.destroy()
  })

  test("a one-way call runs and is never answered, whatever becomes of it", async () => {
    const ran: Array<unknown> = []
    await start({
      note: ([value]) => {
        ran.push(value)
        throw new Error("nobody hears")
      },
    })
    const raw = await RawClient.greeted(server.port)
    raw.send(
      frame(0x0c, 0, ["note", [1]]),
      frame(0x0c, 0, ["nope", []]),
      frame(0x0c, 0, Uint8Array.of(0xff)),
      request(1, "ping"),
    )
    await raw.answer(1)
    expect(ran).toEqual([1])
    expect(raw.seen.map((seen) => seen.body).slice(1)).toEqual(["pong"])
    raw.destroy()
  })
})
