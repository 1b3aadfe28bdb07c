import { describe, expect, test } from "bun:test"
import { connect } from "../../src/client/index.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { failure } from "./fixtures/failure.ts"
import { pushList } from "./fixtures/lists.ts"
import { TestServer } from "./fixtures/TestServer.ts"

type Who = { ip: string; port: number; worker: number }

const settled = async <A>(count: number, call: () => Promise<A>) => {
  const results = await Promise.allSettled(Array.from({ length: count }, call))
  return {
    answers: results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
    failed: results.filter(({ status }) => status === "rejected").length,
  }
}

describe("the workers behind one port", () => {
  test("are all reached, and none gets more or less than its share", async () => {
    await using workers = await TestServer.startWorkers("127.1.1.130", 4)
    const client = connect("greeter", { endpoints: [workers[0]!.endpoint()], timeoutMs: 10_000 })
    await waitFor(async () => {
      await client.call("who")
      return client.stats().endpoints[0]?.workers.length === 4
    })
    const { pid } = client.stats().endpoints[0]!.workers.find(({ id }) => id === 2)!
    expect(pid).toBe(workers[1]!.pid)
    const counts = new Map<number, number>()
    let left = 8_000
    const caller = async () => {
      while (left-- > 0) {
        const { worker } = await client.call<Who>("who")
        counts.set(worker, (counts.get(worker) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    for (const id of [1, 2, 3, 4]) expect(counts.get(id)).toBeWithin(8_000 * 0.2, 8_000 * 0.3)
    client.close()
  })

  test("cost few calls their time when one of them stands still for half of each second", async () => {
    await using workers = await TestServer.startWorkers("127.1.1.131", 4)
    const client = connect("greeter", { endpoints: [workers[0]!.endpoint()], timeoutMs: 10_000 })
    await waitFor(async () => {
      await client.call("who")
      return client.stats().endpoints[0]?.workers.length === 4
    })
    const blocked = await client.call<number>("block")
    const times: Array<number> = []
    const shares = new Map<number, number>()
    const until = performance.now() + 4_000
    const caller = async () => {
      while (performance.now() < until) {
        const at = performance.now()
        const { worker } = await client.call<Who>("who")
        times.push(performance.now() - at)
        shares.set(worker, (shares.get(worker) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    // It must have hurt somebody, or nothing was blocked.
    expect(Math.max(...times)).toBeGreaterThan(200)
    expect(times.filter((ms) => ms > 200).length / times.length).toBeLessThan(0.01)
    expect((shares.get(blocked) ?? 0) / times.length).toBeLessThan(0.2)
    client.close()
  }, 20_000)

  test("go on without one that stops altogether, after the calls of a moment, and use it again when it goes on", async () => {
    await using workers = await TestServer.startWorkers("127.1.1.146", 4)
    const client = connect("greeter", { endpoints: [workers[0]!.endpoint()], timeoutMs: 300 })
    const reached = async () => {
      await client.call("who")
      return client.stats().endpoints[0]!.workers.filter(({ state }) => state === "open").length
    }
    await waitFor(async () => (await reached()) === 4)
    const stopped = workers[2]!
    stopped.signal("SIGSTOP")
    const first = await settled(200, () => client.call<Who>("who"))
    expect(first.failed).toBeWithin(1, 120)
    // Silent, it is no longer called, and its connection is given up.
    for (let nth = 0; nth < 20; nth++) expect((await settled(20, () => client.call("who"))).failed).toBe(0)
    await waitFor(async () => (await reached()) === 3)
    expect(client.stats().endpoints[0]!.state).toBe("open")
    stopped.signal("SIGCONT")
    await waitFor(async () => (await reached()) === 4, { timeoutMs: 15_000 })
    await waitFor(async () => (await client.call<Who>("who")).worker === 3)
    client.close()
  }, 30_000)

  test("are reached anew one by one as they are replaced, and no call fails", async () => {
    await using workers = await TestServer.startWorkers("127.1.1.132", 3)
    const client = connect("greeter", { endpoints: [workers[0]!.endpoint()], timeoutMs: 10_000 })
    const stop = new AbortController()
    let answered = 0
    const load = Array.from({ length: 8 }, async () => {
      while (!stop.signal.aborted) {
        await client.call("sleep", 2)
        answered++
      }
    })
    for (const [index, old] of workers.entries()) {
      const { ip, port } = old
      const next = await TestServer.start({ ip, port, workers: 3, worker: index + 1 })
      workers[index] = next
      old.signal("SIGTERM")
      await Promise.race([
        waitFor(() =>
          client.stats().endpoints[0]?.workers.some(({ pid, state }) => pid === next.pid && state === "open"),
        ),
        Promise.all(load),
      ])
      const before = answered
      await Promise.race([waitFor(() => answered > before + 50), Promise.all(load)])
    }
    stop.abort()
    await Promise.all(load)
    client.close()
  }, 30_000)
})

describe("a worker whose calls fail", () => {
  test("is left out after five of them, and takes a call again when its time is over", async () => {
    await using well = await TestServer.start({ ip: "127.1.1.133" })
    await using sick = await TestServer.start({ ip: "127.1.1.134" })
    const client = connect("greeter", { endpoints: [well.endpoint(), sick.endpoint()], timeoutMs: 5_000 })
    await client.with({ ip: sick.ip }).call("sicken", true)
    let failed = 0
    for (let nth = 0; nth < 60; nth++) failed += (await settled(1, () => client.call("work", "a"))).failed
    expect(failed).toBe(5)
    const worker = () => client.stats().endpoints[1]!.workers[0]!
    expect(worker()).toMatchObject({ state: "ejected", share: 0, ejections: 1, failures: { unavailable: 5 } })
    expect(worker().ejectedMs).toBeWithin(1_000, 6_001)
    expect(client.stats().circuit).toBe("half-open")
    // Asked for by name, it is called all the same.
    expect(await client.with({ ip: sick.ip }).call("sicken", false)).toBe(false)
    await waitFor(async () => (await client.call<Who>("work", "a")).ip === sick.ip, { timeoutMs: 15_000 })
    const { answers } = await settled(40, () => client.call<Who>("who"))
    expect(answers.filter(({ ip }) => ip === sick.ip).length).toBeGreaterThan(10)
    expect(client.stats().circuit).toBe("closed")
    client.close()
  }, 30_000)

  test("and whose one call to come back fails is left out for longer, at the cost of that call", async () => {
    await using well = await TestServer.start({ ip: "127.1.1.135" })
    await using sick = await TestServer.start({ ip: "127.1.1.136" })
    const client = connect("greeter", { endpoints: [well.endpoint(), sick.endpoint()], timeoutMs: 5_000 })
    await client.with({ ip: sick.ip }).call("sicken", true)
    let failed = 0
    await waitFor(
      async () => {
        failed += (await settled(4, () => client.call("work", "a"))).failed
        return client.stats().endpoints[1]!.workers[0]!.ejections === 2
      },
      { timeoutMs: 20_000 },
    )
    expect(client.stats().endpoints[1]!.workers[0]!.ejectedMs).toBeGreaterThan(7_000)
    expect(failed).toBeWithin(6, 10)
    client.close()
  }, 30_000)

  test("comes back by a call that is answered, whatever else is sent or streamed meanwhile", async () => {
    await using well = await TestServer.start({ ip: "127.1.1.139" })
    await using sick = await TestServer.start({ ip: "127.1.1.140" })
    const client = connect("greeter", { endpoints: [well.endpoint(), sick.endpoint()], timeoutMs: 5_000 })
    await client.with({ ip: sick.ip }).call("sicken", true)
    await settled(60, () => client.call("work", "a"))
    const state = () => client.stats().endpoints[1]!.workers[0]!.state
    expect(state()).toBe("ejected")
    await client.with({ ip: sick.ip }).call("sicken", false)
    await waitFor(() => state() === "probing", { timeoutMs: 15_000 })
    // Neither tells how the worker does: the one is never answered, the other not soon.
    await client.send("who")
    const counted = client.stream("count", 1e9)
    await counted.next()
    await waitFor(async () => (await client.call("who")) !== undefined && state() === "open", { timeoutMs: 15_000 })
    await counted.return?.()
    client.close()
  }, 40_000)

  test("is called on when it is the only one", async () => {
    await using sick = await TestServer.start()
    const client = connect("greeter", { endpoints: [sick.endpoint()], timeoutMs: 5_000 })
    await client.call("sicken", true)
    expect((await settled(30, () => client.call("work", "a"))).failed).toBe(30)
    await client.call("sicken", false)
    expect((await settled(30, () => client.call("work", "a"))).failed).toBe(0)
    client.close()
  })

  test("by the caller's own faults stays", async () => {
    await using first = await TestServer.start()
    await using second = await TestServer.start()
    const client = connect("greeter", { endpoints: [first.endpoint(), second.endpoint()], timeoutMs: 5_000 })
    for (let nth = 0; nth < 40; nth++) expect((await failure(client.call("deny"))).code).toBe("permission_denied")
    const states = client.stats().endpoints.flatMap(({ workers }) => workers.map(({ state }) => state))
    expect(states).toEqual(["open", "open"])
    client.close()
  })

  test("is used again at once when a list is pushed", async () => {
    using data = temporaryFolder()
    await using well = await TestServer.start({ ip: "127.1.1.137" })
    await using sick = await TestServer.start({ ip: "127.1.1.138" })
    const endpoints = [well.endpoint(), sick.endpoint()]
    pushList(data.path, { revision: 1, endpoints })
    const client = connect("greeter", { dataDir: data.path, timeoutMs: 5_000 })
    await client.with({ ip: sick.ip }).call("sicken", true)
    await settled(60, () => client.call("work", "a"))
    const state = () => client.stats().endpoints[1]!.workers[0]!.state
    expect(state()).toBe("ejected")
    await client.with({ ip: sick.ip }).call("sicken", false)
    pushList(data.path, { revision: 2, endpoints })
    await waitFor(() => state() === "open", { timeoutMs: 2_000 })
    const { answers } = await settled(40, () => client.call<Who>("who"))
    expect(answers.filter(({ ip }) => ip === sick.ip).length).toBeGreaterThan(10)
    client.close()
  })
})

test("an endpoint that is added later begins with a small share, one that was there from the start with its own", async () => {
  await using first = await TestServer.start({ ip: "127.1.1.143" })
  await using second = await TestServer.start({ ip: "127.1.1.144" })
  await using late = await TestServer.start({ ip: "127.1.1.145" })
  const list = (servers: ReadonlyArray<TestServer>, revision: number) => ({
    revision,
    tls: "off" as const,
    endpoints: servers.map(({ ip, port }) => ({ ip, port, weight: 100, status: "online" as const })),
  })
  const client = connect("greeter", { endpoints: [first.endpoint(), second.endpoint()], timeoutMs: 10_000 })
  // As it is meant to be: a pause of this host makes one of them seem slow, which is then called less.
  const shares = async () => {
    await client.call("who")
    return client.stats().endpoints.map(({ workers }) => workers[0]?.share)
  }
  await waitFor(async () => (await shares()).every((share) => share !== undefined))
  expect(await shares()).toEqual([0.5, 0.5])
  const addedAt = performance.now()
  client.apply(list([first, second, late], 2))
  await waitFor(async () => (await client.call<Who>("who")).ip === late.ip)
  const [, , share = 1] = await shares()
  // A tenth of what the others have, growing to as much in ten seconds.
  const started = Math.max(0.1, (performance.now() - addedAt) / 10_000)
  expect(share).toBeLessThanOrEqual(started / (2 + started))
  expect(share).toBeGreaterThan(0)
  await waitFor(async () => ((await shares())[2] ?? 0) > 0.12, { timeoutMs: 10_000 })
  client.close()
}, 30_000)

test("an endpoint that is away is dialled anew as soon as a list is pushed", async () => {
  using data = temporaryFolder()
  const first = await TestServer.start({ ip: "127.1.1.139" })
  await using other = await TestServer.start({ ip: "127.1.1.140" })
  const endpoints = [first.endpoint(), other.endpoint()]
  pushList(data.path, { revision: 1, endpoints })
  const client = connect("greeter", { dataDir: data.path, timeoutMs: 5_000 })
  await settled(40, () => client.call("who"))
  await first.kill()
  const endpoint = () => client.stats().endpoints[0]!
  await waitFor(() => endpoint().state === "away")
  expect(endpoint().reason).toContain("127.1.1.139")
  await using again = await TestServer.start({ ip: first.ip, port: first.port })
  pushList(data.path, { revision: 2, endpoints })
  await waitFor(() => endpoint().state === "open", { timeoutMs: 1_500 })
  expect((await client.with({ ip: again.ip }).call<Who>("who")).ip).toBe(again.ip)
  client.close()
})
