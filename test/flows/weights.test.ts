import { join } from "node:path"
import { readFileSync } from "node:fs"
import { expect, test } from "bun:test"
import { Load } from "../support/callers.ts"
import { Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

/** The port of the process set that a worker belongs to. */
const portOf = (pid: number) => Number(/probe@(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))?.[1])

test("weights 100, 50 and 0 give shares of 2:1:0 within 3 points over 10,000 calls", async () => {
  await using cluster = new Cluster("127.1.15.1")
  await cluster.ready()
  const agent = await cluster.join("127.1.15.100")
  const endpoints = [online(agent.ip, 9100, 100), online(agent.ip, 9101, 50), online(agent.ip, 9102, 0)]
  await cluster.greeter("probe", endpoints, { module, workers: 1 })
  const ports = new Map(agent.workers().map(({ pid }) => [pid, portOf(pid)]))
  expect([...ports.values()].toSorted()).toEqual([9100, 9101, 9102])

  const load = new Load({ data: agent.data, service: "probe", width: 16, method: "work", args: [0] })
  await waitFor(() => load.outcomes.length >= 10_000, { timeoutMs: 60_000, what: "10,000 calls" })
  const outcomes = await load.stop()
  expect(load.failures).toEqual([])
  const share = (port: number) =>
    outcomes.filter(({ value }) => ports.get(value as number) === port).length / outcomes.length
  expect(Math.abs(share(9100) - 2 / 3)).toBeLessThan(0.03)
  expect(Math.abs(share(9101) - 1 / 3)).toBeLessThan(0.03)
  expect(share(9102)).toBe(0)
}, 120_000)
