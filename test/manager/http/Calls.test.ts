import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { bucketOf } from "../../../src/domain/Histogram.ts"
import { emptyStats } from "../../../src/protocol/Stats.ts"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const hello = {
  name: "hello",
  parameters: [{ name: "who", optional: false }],
  rest: false,
  kind: "unary",
  idempotent: false,
}

/** A set that answers ten more calls, of which one fails, each time that it is asked. */
const growing = () => {
  let calls = 0
  return (name: string) => {
    calls += 10
    const figures = {
      calls,
      running: 1,
      errors: { internal: calls / 10 },
      latency: [bucketOf(2_000), calls],
      maxMicros: 2_000,
      totalMicros: 1,
    }
    return {
      name,
      at: Date.now(),
      stats: { ...emptyStats, start_time: 1, request_count: calls, worker_num: 1, methods: { hello: figures } },
      workers: [
        {
          slot: 0,
          kind: "calls",
          pid: 4711,
          request_count: calls,
          connection_num: 3,
          concurrency: 1,
          rss_bytes: 50_000_000,
          loop_lag_ms: 1,
        },
      ],
      methods: [hello],
      poison: [],
    }
  }
}

describe("the calls of a service", () => {
  let manager: TestManager
  let admin: Visitor
  let agent: TestAgent
  let service: { id: string }
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    agent = await joinedAgent(manager, "one", "127.1.32.1", 8821)
    service = await runService(manager, "greeter", [agent], [{ ip: "127.1.32.1", port: 9101 }])
  })
  afterAll(async () => {
    await agent.stop()
    await manager.stop()
  })

  const page = async () => (await admin.ask(`/services/${service.id}/calls`)).text

  test("name the node that tells nothing, with its reason", async () => {
    const text = await page()
    expect(text).toContain("<b>one</b>")
    expect(text).toContain("no figures here")
  })

  test("are told over the API, with what the nodes say of the methods", async () => {
    agent.stats = growing()
    const { body } = await api(manager)("GET", "/services/greeter/stats")
    expect(body.nodes).toMatchObject([{ nodeName: "one", name: "greeter@9101", stats: { request_count: 10 } }])
    expect(body.total).toMatchObject({ request_count: 10, methods: { hello: { errors: { internal: 1 } } } })
    expect(body.silent).toEqual([])
    await waitFor(async () => (await api(manager)("GET", "/services/greeter/methods")).body.methods.length === 1)
    expect((await api(manager)("GET", "/services/greeter/methods")).body.methods).toEqual([hello])
    expect((await api(manager)("GET", "/services/none/stats")).status).toBe(404)
  })

  test("are shown with their rates from the second look on, and live while somebody looks, no longer", async () => {
    agent.stats = growing()
    const leaving = new AbortController()
    const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const stream = await fetch(`${manager.url}/events?t=calls:${service.id}`, {
      headers: { cookie },
      signal: leaving.signal,
    })
    let seen = ""
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) seen += decoder.decode(chunk)
    })().catch(() => undefined)
    await waitFor(() => seen.includes("10%") && seen.includes("#calls-methods") && seen.includes("pid 4711"))
    expect(await page()).toContain("2 ms")
    leaving.abort()
    await reading
    let last = -1
    await waitFor(
      async () => {
        const before = agent.statsAsked
        await Bun.sleep(4_500)
        last = agent.statsAsked - before
        return last === 0
      },
      { timeoutMs: 30_000, what: `nobody is asked any more; ${last} more questions` },
    )
  }, 60_000)

  test("of a service without a process say what to do next", async () => {
    const made = (await api(manager)("POST", "/services", { name: "foreign" })).body
    const { text } = await admin.ask(`/services/${made.id}/calls`)
    expect(text).toContain("Set the process")
    expect((await admin.ask("/events?t=calls:none")).status).toBe(404)
  })
})

test("two agents of one host, which have one name, are told apart by their addresses", async () => {
  const manager = await startManager()
  const ips = ["127.1.32.11", "127.1.32.12"]
  const agents = []
  for (const ip of ips) agents.push(await joinedAgent(manager, "twin", ip, 8821))
  for (const agent of agents) agent.stats = growing()
  await runService(
    manager,
    "pair",
    agents,
    ips.map((ip) => ({ ip, port: 9101 })),
  )
  const { body } = await api(manager)("GET", "/services/pair/stats")
  expect(body.nodes).toMatchObject(ips.map((ip) => ({ nodeName: `twin (${ip})` })))
  for (const agent of agents) await agent.stop()
  await manager.stop()
})
