import { describe, expect, test } from "bun:test"
import { CallError, type CallSettings, connect } from "../../src/client/index.ts"
import { waitFor } from "../support/waitFor.ts"
import { failure } from "./fixtures/failure.ts"
import { TestServer } from "./fixtures/TestServer.ts"

const all = async <A>(items: AsyncIterable<A>): Promise<Array<A>> => {
  const taken: Array<A> = []
  for await (const item of items) taken.push(item)
  return taken
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

describe("a stream", () => {
  test("brings its items in order, longer than a call may take, and ends", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 100 })
    expect(await all(client.stream<number>("count", 1_000))).toEqual(upTo(1_000))
    expect(await all(client.stream("count", 5, 60))).toEqual(upTo(5))
    expect(await all(client.stream("count", 0))).toEqual([])
    await waitFor(() => client.stats().inFlight === 0)
    expect(client.stats().calls).toBe(3)
    client.close()
  })

  test("may be asked for several items at once", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const stream = client.stream<number>("count", 3)
    const results = await Promise.all(Array.from({ length: 5 }, () => stream.next()))
    expect(results.map(({ value }) => value)).toEqual([0, 1, 2, undefined, undefined])
    expect(results.map(({ done }) => done)).toEqual([false, false, false, true, true])
    client.close()
  })

  test("ends on the server when its reader leaves, before the first item too", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    for await (const item of client.stream<number>("count", 1_000_000, 1)) if (item === 3) break
    const early = client.stream("sleep", 3_000)
    const first = early.next()
    await waitFor(() => client.stats().inFlight === 1)
    await early.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
    expect(await early.next()).toEqual({ done: true, value: undefined })
    await waitFor(() => client.stats().inFlight === 0)
    expect(await client.call<number>("runs", "counted")).toBe(0)
    const unused = client.stream("count", 3)
    await unused.return?.()
    expect(await all(unused)).toEqual([])
    client.close()
  })

  test("goes elsewhere before its first item, and fails after it", async () => {
    const dead = await TestServer.start({ ip: "127.1.1.150" })
    await using server = await TestServer.start({ ip: "127.1.1.151" })
    await dead.kill()
    const endpoints = [dead.endpoint({ weight: 100 }), server.endpoint({ weight: 1 })]
    const client = connect("greeter", { endpoints, timeoutMs: 5_000 })
    for (let nth = 0; nth < 5; nth++) expect(await all(client.stream("count", 3))).toEqual(upTo(3))
    const taken: Array<unknown> = []
    const error = await failure(
      (async () => {
        for await (const item of client.stream("breaking")) taken.push(item)
      })(),
    )
    expect(taken).toEqual([1, 2, 3])
    expect(error).toMatchObject({ code: "unavailable", executed: "maybe", method: "breaking" })
    expect(error.endpoint).toBe(`127.1.1.151:${server.port}`)
    client.close()
  })

  test("is limited in time when that is asked for, and can be cancelled", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()] })
    const late = await failure(all(client.with({ timeoutMs: 150 }).stream("count", 1_000, 20)))
    expect(late).toMatchObject({ code: "deadline_exceeded" })
    const signal = AbortSignal.timeout(100)
    expect(await failure(all(client.with({ signal }).stream("count", 1_000, 20)))).toMatchObject({ code: "cancelled" })
    client.close()
  })

  test("of a method that is none brings its result, and a call of one that is is refused", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    expect(await all(client.stream("hello", "a"))).toEqual(["Hello, a!"])
    expect((await failure(client.call("count", 3))).code).toBe("failed_precondition")
    expect((await failure(all(client.stream("deny")))).code).toBe("permission_denied")
    expect((await failure(all(client.stream("nothing")))).executed).toBe("no")
    client.close()
  })
})

describe("a call that is not answered", () => {
  test("is run", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    for (let nth = 0; nth < 3; nth++) await client.send("note", "x")
    await client.with({ meta: { a: 1 } }).send("note", "x")
    await waitFor(async () => (await client.call<number>("runs", "x")) === 4)
    client.close()
  })

  test("rejects when it can't be sent", async () => {
    const dead = await TestServer.start()
    await dead.kill()
    const client = connect("greeter", { endpoints: [dead.endpoint()], timeoutMs: 300 })
    expect(await failure(client.send("note", "x"))).toMatchObject({ code: "unavailable", executed: "no" })
    await using server = await TestServer.start()
    const other = connect("greeter", { endpoints: [server.endpoint()] })
    const error = await failure(other.send("note", () => 1))
    expect(error).toBeInstanceOf(CallError)
    expect(error).toMatchObject({ code: "invalid_argument", executed: "no" })
    client.close()
    other.close()
  })
})

test("the figures of a client say what it did, and are plain", async () => {
  await using server = await TestServer.start({ workers: 2 })
  const offline = { ip: "127.0.0.9", port: 1, status: "offline" as const }
  const client = connect("greeter", { endpoints: [server.endpoint(), offline], timeoutMs: 5_000 })
  expect(client.stats()).toMatchObject({ service: "greeter", calls: 0, endpoints: [{ state: "idle", workers: [] }] })
  for (let nth = 0; nth < 50; nth++) await client.call("hello", "a")
  await failure(client.call("deny"))
  const running = client.call("sleep", 200)
  const stats = client.stats()
  expect(structuredClone(stats)).toEqual(stats)
  expect(stats).toMatchObject({
    circuit: "closed",
    calls: 51,
    inFlight: 1,
    failures: { permission_denied: 1 },
    retries: 0,
  })
  expect(stats.endpoints).toMatchObject([
    { ip: server.ip, port: server.port, weight: 100, status: "online", state: "open" },
  ])
  expect(stats.endpoints[0]!.workers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 5)
  expect(Object.keys(stats.usualMs).toSorted()).toEqual(["hello"])
  expect(stats.usualMs["hello"]).toBeWithin(0.001, 1_000)
  await running
  client.close()
  expect(client.stats().endpoints).toEqual([])
})

test("a worker is called as often as others while it has quiet streams, and after their time is over", async () => {
  await using quiet = await TestServer.start({ ip: "127.1.1.141" })
  await using other = await TestServer.start({ ip: "127.1.1.142" })
  const client = connect("greeter", { endpoints: [quiet.endpoint(), other.endpoint()], timeoutMs: 5_000 })
  await waitFor(async () => {
    await client.call("who")
    return client.stats().endpoints.every(({ state }) => state === "open")
  })
  const callsOfQuiet = async () => {
    let count = 0
    for (let nth = 0; nth < 40; nth++) {
      if ((await client.call<{ ip: string }>("who")).ip === quiet.ip) count++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return count
  }
  const subscribe = (settings: CallSettings) =>
    Array.from({ length: 6 }, () =>
      failure(
        client
          .with({ ip: quiet.ip, ...settings })
          .stream("count", 1e9, 60_000)
          .next(),
      ),
    )
  const stop = new AbortController()
  const endless = subscribe({ signal: stop.signal })
  expect(await callsOfQuiet()).toBeWithin(8, 33)
  stop.abort()
  for (const { code } of await Promise.all(endless)) expect(code).toBe("cancelled")
  for (const { code } of await Promise.all(subscribe({ timeoutMs: 100 }))) expect(code).toBe("deadline_exceeded")
  expect(client.stats().circuit).toBe("closed")
  expect(await callsOfQuiet()).toBeWithin(8, 33)
  client.close()
}, 20_000)
