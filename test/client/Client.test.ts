import { createServer, type Server } from "node:net"
import { describe, expect, test } from "bun:test"
import { connect, RpcError } from "../../src/client/index.ts"
import { listen } from "../../src/platform/Transport.ts"
import { RpcServer, serverMethod } from "../../src/rpc/RpcServer.ts"
import { waitFor } from "../support/waitFor.ts"
import { failure } from "./fixtures/failure.ts"
import { TestServer } from "./fixtures/TestServer.ts"

type Who = { ip: string; port: number; worker: number }

/** A port that nobody listens on. */
const closedPort = async (): Promise<number> => {
  const server = await silentServer()
  const { port } = server
  server.close()
  return port
}

/** Accepts connections, and never says anything. */
const silentServer = () =>
  new Promise<{ port: number; server: Server; close: () => void }>((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("No port")
      resolve({ port: address.port, server, close: () => server.close() })
    })
  })

describe("a call", () => {
  test("answers the method's result, with arguments of every kind", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    expect(await client.call("hello", "世界")).toBe("Hello, 世界!")
    const args = [1, -2.5, null, false, [], { deep: [{ x: "y" }] }, new Uint8Array([1, 2])]
    expect(await client.call<unknown>("echo", ...args)).toEqual(args)
    expect(await client.call("ping")).toBe("pong")
    client.close()
  })

  test("may take as long as it likes", async () => {
    await using server = await TestServer.start()
    for (const timeoutMs of [Infinity, 2 ** 40]) {
      const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs })
      expect(await client.call("hello", "you")).toBe("Hello, you!")
      client.close()
    }
  })

  test("without any time left is not sent, and is held against nobody", async () => {
    await using server = await TestServer.start()
    for (const timeoutMs of [0, -1]) {
      const client = connect("greeter", { endpoints: [server.endpoint()] })
      await client.call("hello", "you")
      expect(await failure(client.with({ timeoutMs }).call("hello", "you"))).toMatchObject({
        code: "deadline_exceeded",
        executed: "no",
      })
      expect(client.stats()).toMatchObject({ calls: 1, failures: {}, endpoints: [{ state: "open" }] })
      client.close()
      const late = connect("greeter", { endpoints: [server.endpoint()], timeoutMs })
      expect(await failure(late.call("hello", "you"))).toMatchObject({ code: "deadline_exceeded", executed: "no" })
      late.close()
    }
  })

  test("that gets no answer names its time in whole milliseconds", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    await client.call("hello", "you")
    process.kill(server.pid, "SIGSTOP")
    const error = await failure(client.with({ timeoutMs: 60.123_456 }).call("hello", "you"))
    process.kill(server.pid, "SIGCONT")
    expect(error.message).toContain('No answer to "hello" within 60 ms')
    client.close()
  })

  test("reaches a worker that was away when its siblings were found, without another connection being lost", async () => {
    const worker = (id: number) =>
      new RpcServer({ service: "greeter", worker: { id, count: 2 }, methods: (name) => serverMethod(name, () => id) })
    const both = [worker(0), worker(1)]
    let serving = 0
    const listener = await listen({
      on: { host: "127.0.0.1", port: 0 },
      onConnection: (duplex) => both[serving]?.accept(duplex),
    })
    const client = connect("greeter", { endpoints: [{ ip: "127.0.0.1", port: listener.port }], timeoutMs: 2_000 })
    for (let nth = 0; nth < 100; nth++) expect(await client.call("who")).toBe(0)
    serving = 1
    await waitFor(async () => (await client.call("who")) === 1, { timeoutMs: 8_000, what: "an answer of worker 1" })
    client.close()
    await listener.close()
    for (const server of both) await server.drain(0)
  })

  test("waits for room where the server takes only so many at once", async () => {
    const server = new RpcServer({
      service: "greeter",
      worker: { id: 0, count: 1 },
      methods: (name) => serverMethod(name, ([nth]) => Bun.sleep(2).then(() => nth)),
      limits: { inFlight: 16 },
    })
    const listener = await listen({
      on: { host: "127.0.0.1", port: 0 },
      onConnection: (duplex) => server.accept(duplex),
    })
    const client = connect("greeter", { endpoints: [{ ip: "127.0.0.1", port: listener.port }], timeoutMs: 10_000 })
    await client.call("first", 0)
    const numbers = Array.from({ length: 300 }, (_, nth) => nth)
    expect(await Promise.all(numbers.map((nth) => client.call<number>("say", nth)))).toEqual(numbers)
    expect(client.stats()).toMatchObject({ calls: 301, inFlight: 0, failures: {}, retries: 0 })
    client.close()
    await listener.close()
    await server.drain(0)
  })

  test("passes the server's error on, with where it came from", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const error = await failure(client.call("deny"))
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: "permission_denied", executed: "yes", details: { why: "because" } })
    expect(error.message).toBe(`greeter deny at 127.0.0.1:${server.port}: not you`)
    expect(await failure(client.call("nothing"))).toMatchObject({ code: "unimplemented", executed: "no" })
    client.close()
  })

  test("takes 500 ms at most when nothing else was said, and tells the server how much is left", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const left = await client.call<number>("Test::left")
    expect(left).toBeGreaterThan(300)
    expect(left).toBeLessThanOrEqual(500)
    const start = performance.now()
    const error = await failure(client.call("sleep", 3_000))
    expect(error.code).toBe("deadline_exceeded")
    expect(performance.now() - start).toBeWithin(450, 900)
    expect(await client.with({ timeoutMs: 3_000 }).call("sleep", 600)).toBe("slept")
    client.close()
  })

  test("can be cancelled", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    expect(await client.with({ signal: new AbortController().signal }).call("hello", "a")).toBe("Hello, a!")
    expect((await failure(client.with({ signal: AbortSignal.timeout(50) }).call("sleep", 4_000))).code).toBe(
      "cancelled",
    )
    expect(await failure(client.with({ signal: AbortSignal.abort() }).call("hello", "a"))).toMatchObject({
      code: "cancelled",
      executed: "no",
    })
    client.close()
  })

  test("says what is wrong with the list when there is nowhere to go", async () => {
    const port = await closedPort()
    const nowhere = connect("greeter", {
      endpoints: [
        { ip: "127.0.0.1", port, weight: 0 },
        { ip: "127.0.0.2", port, status: "offline" },
      ],
    })
    const error = await failure(nowhere.call("hello"))
    expect(error).toMatchObject({ code: "unavailable", executed: "no", endpoint: undefined })
    expect(error.message).toBe("greeter hello: none of 2 endpoints is online with a weight above 0")
    expect((await failure(nowhere.with({ ip: "127.0.0.2" }).call("hello"))).message).toContain("offline")
    expect((await failure(nowhere.with({ ip: "127.0.0.3" }).call("hello"))).message).toContain(
      "no endpoint of 127.0.0.3",
    )
    nowhere.close()
    expect((await failure(nowhere.call("hello"))).message).toContain("the client is closed")
  })

  test("refuses an endpoint that is another service", async () => {
    await using server = await TestServer.start({ service: "other" })
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const error = await failure(client.call("hello", "a"))
    expect(error).toMatchObject({ code: "failed_precondition", executed: "no" })
    expect(error.message).toContain(`"other"`)
    client.close()
  })
})

describe("the choice of an endpoint", () => {
  test("follows the weights: 100, 50 and 0 get 2:1:0 of 10,000 calls, offline none", async () => {
    await using first = await TestServer.start({ workers: 2 })
    await using second = await TestServer.start({ workers: 3 })
    await using third = await TestServer.start()
    await using fourth = await TestServer.start()
    const client = connect("greeter", {
      endpoints: [
        first.endpoint({ weight: 100 }),
        second.endpoint({ weight: 50 }),
        third.endpoint({ weight: 0 }),
        fourth.endpoint({ status: "offline" }),
      ],
      timeoutMs: 10_000,
    })
    const shares = new Map<number, number>()
    const workers = new Set<string>()
    for (let round = 0; round < 100; round++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => client.call<Who>("who")))
      for (const { port, worker } of answers) {
        shares.set(port, (shares.get(port) ?? 0) + 1)
        workers.add(`${port} ${worker}`)
      }
    }
    expect((shares.get(first.port) ?? 0) / 10_000).toBeWithin(2 / 3 - 0.03, 2 / 3 + 0.03)
    expect((shares.get(second.port) ?? 0) / 10_000).toBeWithin(1 / 3 - 0.03, 1 / 3 + 0.03)
    expect(shares.get(third.port) ?? 0).toBe(0)
    expect(shares.get(fourth.port) ?? 0).toBe(0)
    // All workers of both have got some of it, though the first connections went to one each.
    expect(workers.size).toBe(5)
    client.close()
  })

  test("is the caller's with { ip }, even of an endpoint without weight", async () => {
    await using first = await TestServer.start({ ip: "127.1.1.100" })
    await using second = await TestServer.start({ ip: "127.1.1.101" })
    const client = connect("greeter", { endpoints: [first.endpoint(), second.endpoint({ weight: 0 })] })
    for (let round = 0; round < 20; round++) {
      expect((await client.with({ ip: "127.1.1.101" }).call<Who>("who")).ip).toBe("127.1.1.101")
      expect((await client.call<Who>("who")).ip).toBe("127.1.1.100")
    }
    client.close()
  })
})

describe("an endpoint that is away", () => {
  test("costs no call: one that was refused goes elsewhere", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", {
      endpoints: [server.endpoint({ weight: 1 }), { ip: "127.0.0.1", port: await closedPort() }],
    })
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.call("hello", "a")))
    expect(new Set(answers)).toEqual(new Set(["Hello, a!"]))
    client.close()
  })

  test("and says nothing at all takes half of one call's time, then none", async () => {
    await using server = await TestServer.start()
    const silent = await silentServer()
    const client = connect("greeter", {
      endpoints: [server.endpoint({ weight: 1 }), { ip: "127.0.0.1", port: silent.port, weight: 100 }],
      timeoutMs: 800,
    })
    expect(await client.call("hello", "a")).toBe("Hello, a!")
    const start = performance.now()
    for (let round = 0; round < 20; round++) await client.call("hello", "a")
    expect(performance.now() - start).toBeLessThan(800)
    client.close()
    silent.close()
  })

  test("fails the call that ran there, and no later one", async () => {
    await using survivor = await TestServer.start()
    await using victim = await TestServer.start()
    const client = connect("greeter", { endpoints: [survivor.endpoint(), victim.endpoint()], timeoutMs: 5_000 })
    await Promise.all(Array.from({ length: 50 }, () => client.call("hello", "a")))
    const doomed = connect("greeter", { endpoints: [victim.endpoint()], timeoutMs: 5_000 })
    const lost = failure(doomed.call("sleep", 4_000))
    await doomed.call("hello", "a")
    await victim.kill()
    expect(await lost).toMatchObject({ code: "unavailable", executed: "maybe" })
    // Each client hears of the end by itself; a call that crosses with the news is lost like one that ran.
    await waitFor(async () => {
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => client.call("hello", "a")))
      return results.every(({ status }) => status === "fulfilled")
    })
    await Promise.all(Array.from({ length: 200 }, () => client.call("hello", "a")))
    expect(await failure(doomed.call("hello", "a"))).toMatchObject({ code: "unavailable", executed: "no" })
    client.close()
    doomed.close()
  })

  test("keeps the count of its calls", async () => {
    await using survivor = await TestServer.start()
    await using victim = await TestServer.start()
    const client = connect("greeter", { endpoints: [survivor.endpoint(), victim.endpoint()], timeoutMs: 5_000 })
    await Promise.all(Array.from({ length: 100 }, () => client.call("hello", "a")))
    const before = client.stats()
    expect(before.calls).toBe(100)
    await victim.kill()
    await waitFor(() => client.stats().endpoints[1]?.workers.length === 0)
    const after = client.stats()
    expect(after.calls).toBe(100)
    expect(after.endpoints.map(({ calls }) => calls)).toEqual(before.endpoints.map(({ calls }) => calls))
    client.close()
  })

  test("is used again soon after it is back", async () => {
    const first = await TestServer.start({ ip: "127.1.1.104" })
    await using other = await TestServer.start({ ip: "127.1.1.105" })
    const client = connect("greeter", { endpoints: [first.endpoint(), other.endpoint()], timeoutMs: 2_000 })
    const ips = async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => client.call<Who>("who")))
      return new Set(answers.map(({ ip }) => ip))
    }
    expect((await ips()).size).toBe(2)
    await first.kill()
    await waitFor(async () => (await ips()).size === 1)
    await using again = await TestServer.start({ ip: "127.1.1.104", port: first.port })
    await waitFor(async () => (await ips()).has(again.ip), { timeoutMs: 5_000 })
    client.close()
  })

  test("by falling silent on its connections costs the calls of a moment, and is used again when it answers", async () => {
    await using silent = await TestServer.start({ ip: "127.1.1.107" })
    await using other = await TestServer.start({ ip: "127.1.1.108" })
    const client = connect("greeter", { endpoints: [silent.endpoint(), other.endpoint()], timeoutMs: 300 })
    const round = async () => {
      const calls = Array.from({ length: 20 }, () => client.call<Who>("who"))
      const results = await Promise.allSettled(calls)
      const ips = new Set(results.flatMap((result) => (result.status === "fulfilled" ? [result.value.ip] : [])))
      return { failed: results.filter(({ status }) => status === "rejected").length, ips }
    }
    await waitFor(async () => (await round()).ips.size === 2)
    silent.signal("SIGSTOP")
    expect((await round()).failed).toBeGreaterThan(0)
    for (let nth = 0; nth < 20; nth++) expect(await round()).toEqual({ failed: 0, ips: new Set([other.ip]) })
    silent.signal("SIGCONT")
    await waitFor(async () => (await round()).ips.has(silent.ip), { timeoutMs: 6_000 })
    client.close()
  }, 30_000)

  test("is not what one is that only takes long for an answer", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const long = client.with({ timeoutMs: 3_000 }).call("sleep", 900)
    for (let nth = 0; nth < 5; nth++) {
      expect((await failure(client.with({ timeoutMs: 60 }).call("sleep", 3_000))).code).toBe("deadline_exceeded")
      expect(await client.call("hello", "a")).toBe("Hello, a!")
    }
    expect(await long).toBe("slept")
    client.close()
  })

  test("is tried anyway when there is no other", async () => {
    const first = await TestServer.start({ ip: "127.1.1.106" })
    const client = connect("greeter", { endpoints: [first.endpoint()] })
    expect(await client.call("hello", "a")).toBe("Hello, a!")
    await first.kill()
    for (let round = 0; round < 20; round++) await failure(client.call("hello", "a"))
    await using again = await TestServer.start({ ip: "127.1.1.106", port: first.port })
    expect(await client.call("hello", again.ip)).toBe("Hello, 127.1.1.106!")
    client.close()
  })
})

describe("a worker that leaves", () => {
  test("loses no call while others take over", async () => {
    await using server = await TestServer.start({ workers: 2 })
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    const stop = new AbortController()
    let answered = 0
    const load = Array.from({ length: 8 }, async () => {
      while (!stop.signal.aborted) {
        await client.call("sleep", 2)
        answered++
      }
    })
    for (let round = 0; round < 10; round++) {
      const before = answered
      server.signal("SIGUSR1")
      await Promise.race([waitFor(() => answered > before + 50), Promise.all(load)])
    }
    stop.abort()
    await Promise.all(load)
    client.close()
  })

  test("finishes what runs before the server ends", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    const running = client.call("sleep", 300)
    await client.call("hello", "a")
    server.signal("SIGTERM")
    expect(await running).toBe("slept")
    client.close()
  })
})
