import { join } from "node:path"
import { expect, test } from "bun:test"
import { Load } from "../support/callers.ts"
import { Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

test("kill -9 of a worker under load fails the calls in flight on it and no others, and it is replaced", async () => {
  await using cluster = new Cluster("127.1.12.1")
  await cluster.ready()
  const agent = await cluster.join("127.1.12.100")
  await cluster.greeter("probe", [online(agent.ip, 9100)], { module, workers: 3 })
  const before = agent.workers().map(({ pid }) => pid)
  expect(before).toHaveLength(3)

  const width = 24
  const load = new Load({ data: agent.data, service: "probe", width, method: "work", args: [20] })
  await waitFor(() => load.outcomes.length > 300, { what: "300 calls" })
  const victim = load.outcomes.at(-1)?.value as number
  expect(before).toContain(victim)
  const killedAt = performance.now()
  process.kill(victim, "SIGKILL")

  const replaced = await waitFor(
    () => {
      const now = agent.workers().map(({ pid }) => pid)
      return now.length === 3 && !now.includes(victim) && now
    },
    { what: "a new worker in the killed one's slot" },
  )
  expect(replaced.filter((pid) => before.includes(pid))).toHaveLength(2)
  const soFar = load.outcomes.length
  await waitFor(() => load.outcomes.length > soFar + 500, { what: "500 more calls" })
  const outcomes = await load.stop()

  expect(load.failures.length).toBeGreaterThan(0)
  expect(load.failures.length).toBeLessThanOrEqual(width)
  expect(load.failures.filter(({ error }) => error !== "unavailable")).toEqual([])
  expect(load.failures.filter(({ at }) => at < killedAt - 200 || at > killedAt + 50)).toEqual([])
  const answers = outcomes.filter(({ at, error }) => error === undefined && at > killedAt + 50)
  expect(new Set(answers.map(({ value }) => value))).not.toContain(victim)
}, 90_000)
