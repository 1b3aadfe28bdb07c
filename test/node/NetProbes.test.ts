import { describe, expect, setDefaultTimeout, test } from "bun:test"
import { Effect } from "effect"
import { createServer, type Server } from "node:net"
import { askHttp, askRpc, askTcp } from "../../src/node/supervisor/probes/NetProbes.ts"
import { listen } from "../../src/platform/Transport.ts"
import { methodsOf, RpcServer } from "../../src/rpc/RpcServer.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { certificate } from "./TestNode.ts"

setDefaultTimeout(60_000)

const host = "127.46.1.1"
const run = Effect.runPromise

const http = (answer: (url: URL) => Response | Promise<Response>) => {
  const seen: Array<string> = []
  const server = Bun.serve({
    hostname: host,
    port: 0,
    fetch: (request) => {
      const url = new URL(request.url)
      seen.push(url.pathname)
      return answer(url)
    },
  })
  return { port: server.port ?? 0, seen, [Symbol.asyncDispose]: () => server.stop(true) }
}

const silent = async () => {
  const open = new Set<object>()
  const server = createServer((socket) => {
    open.add(socket)
    socket
      .on("close", () => open.delete(socket))
      .on("error", () => undefined)
      .resume()
  })
  const port = await freePort(host)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return { port, open, [Symbol.dispose]: () => void (server as Server).close() }
}

describe("http", () => {
  test.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ])("status %d is good: %p", async (status, ok) => {
    await using server = http(() => new Response(null, { status }))
    const answer = await run(askHttp({ host, port: server.port, path: "/health", timeoutMs: 5_000 }))
    expect(answer).toEqual({ ok, text: `HTTP ${status} from http://${host}:${server.port}/health` })
  })

  test("a redirect is not followed", async () => {
    await using server = http(() => new Response(null, { status: 302, headers: { location: "/elsewhere" } }))
    await run(askHttp({ host, port: server.port, path: "/a?b=1", timeoutMs: 5_000 }))
    expect(server.seen).toEqual(["/a"])
  })

  test("a body without an end does not hold it up", async () => {
    await using server = http(
      () =>
        new Response(new ReadableStream({ pull: async (c) => (await Bun.sleep(5), c.enqueue(new Uint8Array(1024))) })),
    )
    const answer = await run(askHttp({ host, port: server.port, path: "/", timeoutMs: 5_000 }))
    expect(answer.ok).toBe(true)
  })

  test("no answer in time is bad, and its connection does not stay", async () => {
    using server = await silent()
    const answer = await run(askHttp({ host, port: server.port, path: "/", timeoutMs: 100 }))
    expect(answer).toEqual({ ok: false, text: `http://${host}:${server.port}/: no answer within 100 ms` })
    await waitFor(() => server.open.size === 0)
  })

  test("nobody there is bad, in plain words", async () => {
    const port = await freePort(host)
    const answer = await run(askHttp({ host, port, path: "/", timeoutMs: 1_000 }))
    expect(answer).toEqual({ ok: false, text: `http://${host}:${port}/: connection refused` })
  })

  test("who is interrupted leaves no connection behind", async () => {
    using server = await silent()
    const ask = askHttp({ host, port: server.port, path: "/", timeoutMs: 60_000 })
    const asked = run(Effect.timeoutOption(ask, 300))
    await waitFor(() => server.open.size === 1)
    await asked
    await waitFor(() => server.open.size === 0)
  })
})

describe("tcp", () => {
  test("accepted is good, refused is not", async () => {
    using server = await silent()
    expect(await run(askTcp({ host, port: server.port, timeoutMs: 5_000 }))).toEqual({
      ok: true,
      text: `TCP ${host}:${server.port}: accepted`,
    })
    const port = await freePort(host)
    expect(await run(askTcp({ host, port, timeoutMs: 1_000 }))).toEqual({
      ok: false,
      text: `TCP ${host}:${port}: connection refused`,
    })
    await waitFor(() => server.open.size === 0)
  })
})

describe("rpc", () => {
  const serve = async (tls?: Awaited<ReturnType<typeof certificate>>) => {
    const server = new RpcServer({ service: "greeter", worker: { id: 0, count: 1 }, methods: methodsOf(new Map()) })
    const listener = await listen({ on: { host, port: 0 }, tls, onConnection: (duplex) => server.accept(duplex) })
    const end = async () => {
      await listener.close()
      await server.drain(0)
    }
    return { port: listener.port, server, [Symbol.asyncDispose]: end }
  }

  test("a pong is good, plain and by TLS with the node's certificate", async () => {
    const tls = await certificate("node:n1")
    for (const material of [undefined, tls]) {
      const callers = material && { ...material, expectedName: "node:n1" }
      await using server = await serve(material)
      const answer = await run(askRpc({ to: { host, port: server.port }, timeoutMs: 5_000, tls: () => callers }))
      expect(answer).toEqual({ ok: true, text: `ping of ${host}:${server.port}: answered "pong"` })
      await waitFor(() => server.server.connections === 0)
    }
  })

  test("a server that says nothing is bad in time, and one of another protocol too", async () => {
    using mute = await silent()
    const late = await run(askRpc({ to: { host, port: mute.port }, timeoutMs: 200 }))
    expect(late.ok).toBe(false)
    expect(late.text).toContain(`ping of ${host}:${mute.port}: `)
    await using other = http(() => new Response("no"))
    expect((await run(askRpc({ to: { host, port: other.port }, timeoutMs: 2_000 }))).ok).toBe(false)
    const port = await freePort(host)
    expect((await run(askRpc({ to: { host, port }, timeoutMs: 500 }))).ok).toBe(false)
  })
})
