import { describe, expect, test } from "bun:test"
import { type CallInterceptor, connect } from "../../src/client/index.ts"
import { waitFor } from "../support/waitFor.ts"
import { failure } from "./fixtures/failure.ts"
import { TestServer } from "./fixtures/TestServer.ts"

type Place = { port: number; worker: number; runs: number }

const pair = async (options: Parameters<typeof TestServer.start>[0] = {}) => {
  const servers = await Promise.all([TestServer.start(options), TestServer.start(options)])
  return {
    servers,
    endpoints: servers.map((server) => server.endpoint()),
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server.kill()
    },
  }
}

/** How often each of two servers ran what is counted by this name. */
const runsOf = async (endpoints: ReadonlyArray<{ ip: string; port: number }>, what: string) =>
  await Promise.all(
    endpoints.map(async (endpoint) => {
      const client = connect("greeter", { endpoints: [endpoint], timeoutMs: 5_000 })
      const runs = await client.call<number>("runs", what)
      client.close()
      return runs
    }),
  )

describe("a call that was refused without being run", () => {
  test("goes to another worker, as often as `retries` allows", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 5_000 })
    // Each of the two refuses it once: only the second round of the first finds it willing.
    expect(await client.call<Place>("busy", "a", 1)).toMatchObject({ runs: 2 })
    expect(client.stats()).toMatchObject({ retries: 2, failures: { resource_exhausted: 2 } })
    expect((await runsOf(two.endpoints, "a")).toSorted()).toEqual([1, 2])
    client.close()
  })

  test("fails as not executed when nobody takes it", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 5_000 })
    const error = await failure(client.call("busy", "b", 1_000))
    expect(error).toMatchObject({ code: "resource_exhausted", executed: "no" })
    const total = async () => (await runsOf(two.endpoints, "b")).reduce((sum, runs) => sum + runs, 0)
    expect(await total()).toBe(3)
    await failure(client.with({ retries: 0 }).call("busy", "b", 1_000))
    expect(await total()).toBe(4)
    await failure(client.with({ retries: 5 }).call("busy", "b", 1_000))
    expect(await total()).toBe(10)
    client.close()
  })

  test("takes no more than its time for all tries together", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    await client.call("hello", "a")
    const start = performance.now()
    const error = await failure(client.with({ timeoutMs: 60, retries: 10 }).call("busy", "c", 1_000))
    expect(error).toMatchObject({ executed: "no" })
    expect(performance.now() - start).toBeLessThan(1_000)
    client.close()
  })
})

test("retries of a service that refuses everything stay within a fifth of the calls", async () => {
  await using server = await TestServer.start()
  const client = connect("greeter", {
    endpoints: [server.endpoint()],
    timeoutMs: 10_000,
    retryBudget: { perSecond: 0 },
  })
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 50 }, () => failure(client.call("busy", "d", 1e9))))
  }
  const [runs = 0] = await runsOf([server.endpoint()], "d")
  expect(runs).toBeWithin(510, 601)
  expect(client.stats().retries).toBe(runs - 500)
  expect(client.stats().retriesLeft).toBeLessThan(25)
  client.close()
})

describe("a call that may have been executed", () => {
  test("fails, when nothing is said of its method", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 5_000 })
    expect(await failure(client.call("die", "a"))).toMatchObject({ code: "unavailable", executed: "maybe" })
    client.close()
  })

  test.each([
    ["the call", {}, { idempotent: true }],
    ["the client", { idempotent: ["work"] }, {}],
  ])("is repeated elsewhere when its method is idempotent by the word of %s", async (_, options, settings) => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 5_000, ...options })
    await client.with({ ip: "127.0.0.1" }).call("hello", "a")
    const [sick] = two.endpoints
    const alone = connect("greeter", { endpoints: [sick!], timeoutMs: 5_000 })
    await alone.call("sicken", true)
    for (let nth = 0; nth < 6; nth++) {
      expect(await client.with(settings).call<Place>("work", "a")).toMatchObject({ port: two.endpoints[1]!.port })
    }
    expect(client.stats().retries).toBeGreaterThan(0)
    expect((await failure(alone.with({ idempotent: false }).call("work", "a"))).executed).toBe("maybe")
    alone.close()
    client.close()
  })

  test("is repeated when the server says of its method that it is idempotent, unless the call says that it is not", async () => {
    await using two = await pair({ idempotent: ["work"] })
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 5_000 })
    for (const endpoint of two.endpoints) {
      const alone = connect("greeter", { endpoints: [endpoint], timeoutMs: 5_000 })
      await alone.call("sicken", true)
      alone.close()
    }
    // The first of its tries may have run it, so the whole may have been executed.
    expect(await failure(client.call("work", "b"))).toMatchObject({ code: "unavailable", executed: "maybe" })
    const total = async () => (await runsOf(two.endpoints, "b")).reduce((sum, runs) => sum + runs, 0)
    expect(await total()).toBe(3)
    await failure(client.with({ idempotent: false }).call("work", "b"))
    expect(await total()).toBe(4)
    client.close()
  })

  test("and then is refused where it is repeated, is told as such", async () => {
    await using two = await pair()
    const [first, second] = two.endpoints
    const client = connect("greeter", { endpoints: [first!, second!], timeoutMs: 5_000, idempotent: ["die"] })
    // Both die of it; the third try finds nobody.
    expect(await failure(client.call("die", "c"))).toMatchObject({ code: "unavailable", executed: "maybe" })
    client.close()
  })
})

describe("a call with an idempotency key", () => {
  test("says it to the server, and a key of a wrong length is refused", async () => {
    await using server = await TestServer.start()
    const client = connect("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    const [key] = await client.with({ idempotencyKey: "order 7", meta: { other: 1 } }).call<[string]>("key")
    expect(key).toBe("order 7")
    for (const idempotencyKey of ["", "x".repeat(256)]) {
      const error = await failure(client.with({ idempotencyKey }).call("key"))
      expect(error).toMatchObject({ code: "invalid_argument", executed: "no" })
      expect(error.message).toContain(`"idempotencyKey" is ${idempotencyKey.length} characters`)
    }
    client.close()
  })

  test("is repeated where it may have been executed, and nowhere else", async () => {
    const first = await TestServer.start({ ip: "127.1.1.141" })
    await using other = await TestServer.start({ ip: "127.1.1.142" })
    const client = connect("greeter", {
      endpoints: [first.endpoint(), other.endpoint({ weight: 0 })],
      timeoutMs: 2_000,
    })
    const keyed = client.with({ idempotencyKey: "order 8" })
    expect(await failure(keyed.call("die", "k"))).toMatchObject({ code: "unavailable", executed: "maybe" })
    client.apply({ revision: 1, tls: "off", endpoints: [full(first.endpoint()), full(other.endpoint())] })
    for (let nth = 0; nth < 5; nth++) {
      expect(await failure(keyed.call("die", "k"))).toMatchObject({ code: "unavailable", executed: "maybe" })
    }
    expect(await runsOf([other.endpoint()], "k")).toEqual([0])
    // Calls without the key go there.
    expect(await client.call("hello", "a")).toBe("Hello, a!")
    // Taken off the list, it is away all the same; back on it, it is found again.
    client.apply({ revision: 2, tls: "off", endpoints: [full(other.endpoint())] })
    expect((await failure(keyed.call("key"))).message).toContain("which may have executed this call")
    client.apply({ revision: 3, tls: "off", endpoints: [full(first.endpoint()), full(other.endpoint())] })
    await using again = await TestServer.start({ ip: first.ip, port: first.port })
    const place = await waitFor(async () => await keyed.call<[string, number, number]>("key"))
    expect(place).toEqual(["order 8", 1, again.port])
    client.close()
  })
})

describe("a hedged call", () => {
  test("is answered by the second worker when the first takes too long, which is told to stop", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 10_000, idempotent: ["slowWhenSick"] })
    const [slow, quick] = two.endpoints
    const alone = connect("greeter", { endpoints: [slow!], timeoutMs: 5_000 })
    await alone.call("sicken", true)
    await waitFor(async () => {
      await client.call("hello", "a")
      return client.stats().endpoints.every(({ state }) => state === "open")
    })
    const hedged = client.with({ hedgeAfterMs: 30 })
    const start = performance.now()
    // Chance may send the first few to the quick one.
    for (let nth = 0; nth < 4 || (client.stats().hedges === 0 && nth < 40); nth++) {
      expect(await hedged.call<Place>("slowWhenSick", 4_000)).toMatchObject({ port: quick!.port })
    }
    expect(performance.now() - start).toBeLessThan(3_500)
    expect(client.stats().hedges).toBeWithin(1, 5)
    await waitFor(async () => (await alone.call<number>("runs", "aborted")) === client.stats().hedges)
    alone.close()
    client.close()
  })

  test("is not hedged when its method is not idempotent, or there is no budget", async () => {
    await using two = await pair()
    const options = { endpoints: two.endpoints, timeoutMs: 10_000 }
    const client = connect("greeter", options)
    const poor = connect("greeter", { ...options, idempotent: ["sleep"], retryBudget: { ratio: 0, perSecond: 0 } })
    for (const caller of [client, poor]) {
      await Promise.all(Array.from({ length: 10 }, () => caller.call("hello", "a")))
      expect(await caller.with({ hedgeAfterMs: 10 }).call("sleep", 150)).toBe("slept")
      expect(caller.stats().hedges).toBe(0)
      caller.close()
    }
  })

  test("fails with the answer of a worker, without waiting for the other", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 10_000, idempotent: ["deny"] })
    const error = await failure(client.with({ hedgeAfterMs: 1_000 }).call("deny"))
    expect(error).toMatchObject({ code: "permission_denied", executed: "yes" })
    client.close()
  })

  test("can be cancelled", async () => {
    await using two = await pair()
    const client = connect("greeter", { endpoints: two.endpoints, timeoutMs: 10_000, idempotent: ["sleep"] })
    const settings = { hedgeAfterMs: 20, signal: AbortSignal.timeout(100) }
    expect((await failure(client.with(settings).call("sleep", 4_000))).code).toBe("cancelled")
    await waitFor(() => client.stats().inFlight === 0)
    client.close()
  })
})

describe("interceptors", () => {
  test("stand around each call, the first outermost, and may change it, answer it or call again", async () => {
    await using server = await TestServer.start()
    const seen: Array<string> = []
    const log: CallInterceptor = async (call, next) => {
      seen.push(`> ${call.service} ${call.method}`)
      const answer = await next(call).finally(() => seen.push(`< ${call.method}`))
      return answer
    }
    const shout: CallInterceptor = (call, next) =>
      call.method === "cached"
        ? Promise.resolve("from memory")
        : next({ ...call, args: call.args.map((arg) => `${String(arg)}!`) })
    const patient: CallInterceptor = async (call, next) => {
      const settings = { ...call.settings, timeoutMs: 4_000 }
      try {
        return await next({ ...call, settings })
      } catch {
        return await next(call)
      }
    }
    const client = connect("greeter", { endpoints: [server.endpoint()], interceptors: [log, shout, patient] })
    expect(await client.call("hello", "a")).toBe("Hello, a!!")
    expect(await client.call("cached")).toBe("from memory")
    expect((await failure(client.call("deny"))).code).toBe("permission_denied")
    expect(await client.with({ timeoutMs: 1 }).call<number>("Test.left")).toBeGreaterThan(1_000)
    expect(seen.slice(0, 4)).toEqual(["> greeter hello", "< hello", "> greeter cached", "< cached"])
    client.close()
  })
})

test("several calls to several services run at once", async () => {
  await using orders = await TestServer.start({ service: "orders" })
  await using stock = await TestServer.start({ service: "stock" })
  const clients = [
    connect("orders", { endpoints: [orders.endpoint()], timeoutMs: 5_000 }),
    connect("stock", { endpoints: [stock.endpoint()], timeoutMs: 5_000 }),
  ] as const
  const start = performance.now()
  const answers = await Promise.all(clients.flatMap((client) => [client.call("sleep", 400), client.call("sleep", 400)]))
  expect(answers).toEqual(["slept", "slept", "slept", "slept"])
  expect(performance.now() - start).toBeLessThan(1_200)
  for (const client of clients) client.close()
})

const full = (endpoint: { ip: string; port: number }) => ({ ...endpoint, weight: 100, status: "online" as const })
