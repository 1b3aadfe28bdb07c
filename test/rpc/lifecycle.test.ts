import { afterEach, describe, expect, test } from "bun:test"
import * as net from "node:net"
import { FrameType } from "../../src/protocol/Frame.ts"
import { hello } from "../../src/protocol/Handshake.ts"
import { callLimits } from "../../src/protocol/Limits.ts"
import type { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { Handler } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, helloFrame, RawClient, request } from "./RawClient.ts"
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
    // It is told in a way that lets its calls go elsewhere.
    const late = await server.connect()
    await waitFor(() => late.state === "closed")
    expect((await failure(late.call("wait", [], inTime))).executed).toBe("no")
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

  test("requests that have come and wait for their turn are run before the client is told to leave", async () => {
    await start({
      burn: ([ms]) => {
        const until = performance.now() + Number(ms)
        while (performance.now() < until);
      },
    })
    const raw = await RawClient.greeted(server.port)
    raw.send(...Array.from({ length: 10 }, (_, index) => request(index + 1, "burn", [20])))
    await raw.answer(1)
    const drained = server.server.drain(5000)
    await raw.frame(({ type }) => type === FrameType.goaway)
    raw.send(request(11, "burn", [20]))
    expect((await raw.answer(11)).body).toContain("no")
    const answers = raw.seen.filter(({ type }) => type === FrameType.response)
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    raw.destroy()
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

  test("a drain is over in its time, also when a client never closes its end", async () => {
    await start({})
    const raw = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true })
    raw.on("error", () => {}).resume()
    raw.write(helloFrame())
    await waitFor(() => server.server.connections === 2)
    const startedAt = performance.now()
    await server.server.drain(300)
    expect(performance.now() - startedAt).toBeLessThan(2000)
    raw.destroy()
  })

  test("a client that has not said HELLO is told, too", async () => {
    await start({})
    const raw = new RawClient(server.port)
    await waitFor(() => server.server.connections === 2)
    const drained = server.server.drain(3000)
    expect(await raw.refusal()).toBe("unavailable")
    await drained
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

describe("signs of life", () => {
  test("who is silent is asked, and taken for dead when it doesn't answer; who answers stays", async () => {
    const connection = await start({}, { limits: { pingMs: 200, silenceMs: 1000 } })
    const raw = await RawClient.greeted(server.port)
    const asked = await raw.frame((seen) => seen.type === FrameType.ping)
    expect(asked.id).toBe(0)
    expect(await raw.refusal()).toBe("unavailable")
    expect(connection.state).toBe("open")
    expect(await connection.call("ping", [], inTime)).toBe("pong")
  })

  test("a client notices a server that has died without a word", async () => {
    const mute = net.createServer((socket) => {
      socket.on("error", () => {}).resume()
      const greeting = { service: "mute", worker: { id: 0, count: 1, pid: 1 } }
      socket.write(frame(FrameType.hello, 0, { ...hello("mute", callLimits), ...greeting }))
    })
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve))
    await start({})
    const { port } = mute.address() as net.AddressInfo
    const to = { host: "127.0.0.1", port }
    const connection = await RpcConnection.open({ to, client: "test", limits: { pingMs: 200, silenceMs: 600 } })
    const error = await failure(connection.call("anything", [], inTime))
    expect([error.code, error.executed, connection.state]).toEqual(["unavailable", "maybe", "closed"])
    mute.close()
  })
})

test("a connection that a pause of the server made idle is told to leave before it is left", async () => {
  server = await startServer({}, { limits: { idleMs: 200 } })
  const raw = await RawClient.greeted(server.port)
  // The event loop stands still for longer than it waits after it has told.
  for (const until = performance.now() + 1_600; performance.now() < until;);
  await waitFor(() => raw.closed)
  expect(raw.seen.map(({ type }) => type)).toEqual([FrameType.hello, FrameType.goaway])
})

test("who says no HELLO is told of by the whole time that was allowed, not by what was left after connecting", async () => {
  await start({})
  const sockets: Array<net.Socket> = []
  const silent = net.createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1")
  await waitFor(() => silent.listening)
  const { port } = silent.address() as net.AddressInfo
  const opening = RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test", handshakeTimeoutMs: 400 })
  // It is connected when this is over.
  for (const until = performance.now() + 200; performance.now() < until;);
  const error = await failure(opening)
  expect([error.code, error.executed]).toEqual(["unavailable", "no"])
  expect(error.message).toBe(`127.0.0.1:${port} said no HELLO within 400 ms`)
  for (const socket of sockets) socket.destroy()
  silent.close()
})
