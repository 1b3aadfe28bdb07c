import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "bun:test"
import { CallError, type Client, connect } from "../../src/client/index.ts"
import { type Agent, Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/chain.ts")
const services = ["first", "second", "third"]
const budgetMs = 200

interface Hop {
  readonly service: string
  readonly leftMs: number
  readonly traceId: string
}

let cluster: Cluster
let agent: Agent
let client: Client
let files = 0

beforeAll(async () => {
  cluster = new Cluster("127.1.32.1")
  await cluster.ready()
  agent = await cluster.join("127.1.32.100")
  for (const [index, service] of services.entries())
    await cluster.greeter(service, [online(agent.ip, 9101 + index)], { module, workers: 1 })
  client = connect("first", { dataDir: agent.data })
  // Connections between the hops are made at the first call.
  await client.with({ timeoutMs: 10_000 }).call("through", 0)
}, 120_000)

afterAll(async () => {
  client.close()
  await cluster[Symbol.asyncDispose]()
}, 60_000)

// Of the whole machine, so it is comparable between processes.
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

const timesIn = (file: string) => {
  const text = existsSync(file) ? readFileSync(file, "utf8") : ""
  const time = (word: string) => new RegExp(`^${word} ([\\d.]+)$`, "m").exec(text)?.[1]
  return { began: time("began"), stopped: time("stopped") }
}

/** How long after `end` the third hop stopped; `end` gives the moment from which it counts. */
const stopAfter = async (settings: { timeoutMs: number; signal?: AbortSignal }, end: () => number) => {
  const file = join(cluster.folder, `times-${++files}`)
  const answer = client
    .with(settings)
    .call("endless", file)
    .catch((error: unknown) => error)
  await waitFor(() => timesIn(file).began !== undefined, { what: "the third hop has begun" })
  const endedAt = end()
  const stopped = await waitFor(() => timesIn(file).stopped, { what: "the third hop has stopped" })
  return { error: await answer, ms: Number(stopped) - endedAt }
}

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Infinity

test("each hop of three sees what is left of the time of the first, and the trace is the same", async () => {
  const hops = (await client.with({ timeoutMs: budgetMs }).call("through", 15)) as ReadonlyArray<Hop>
  expect(hops.map(({ service }) => service)).toEqual(services)
  const [first, second, third] = hops.map(({ leftMs }) => leftMs) as [number, number, number]
  expect(first).toBeLessThanOrEqual(budgetMs)
  expect(second).toBeLessThanOrEqual(first - 14)
  expect(third).toBeLessThanOrEqual(second - 14)
  expect(third).toBeGreaterThan(0)
  expect(new Set(hops.map(({ traceId }) => traceId)).size).toBe(1)
})

test("the third hop stops within 20 ms of a cancel of the first", async () => {
  const late: Array<number> = []
  for (let nth = 0; nth < 9; nth++) {
    const controller = new AbortController()
    const { error, ms } = await stopAfter({ timeoutMs: 10_000, signal: controller.signal }, () => {
      controller.abort()
      return nowMs()
    })
    expect(error).toBeInstanceOf(CallError)
    expect(error).toMatchObject({ code: "cancelled", executed: "maybe" })
    late.push(ms)
  }
  expect(median(late)).toBeLessThan(20)
})

test("the third hop stops when the time of the first is over", async () => {
  const late: Array<number> = []
  for (let nth = 0; nth < 5; nth++) {
    const overAt = nowMs() + budgetMs
    const { error, ms } = await stopAfter({ timeoutMs: budgetMs }, () => overAt)
    expect(error).toMatchObject({ code: "deadline_exceeded" })
    late.push(ms)
  }
  expect(median(late)).toBeLessThan(20)
})
