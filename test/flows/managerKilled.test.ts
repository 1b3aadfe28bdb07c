import { join } from "node:path"
import { expect, test } from "bun:test"
import { Load } from "../support/callers.ts"
import { Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

test("kill -9 of the manager fails no call, and its successor finds its nodes again", async () => {
  await using cluster = new Cluster("127.1.13.1")
  await cluster.ready()
  const agent = await cluster.join("127.1.13.100")
  await cluster.greeter("probe", [online(agent.ip, 9100)], { module, workers: 2 })

  const load = new Load({ data: agent.data, service: "probe", width: 8, method: "work", args: [1] })
  await waitFor(() => load.outcomes.length > 200, { what: "calls before" })
  await cluster.manager.stop("SIGKILL")
  const before = load.outcomes.length
  await waitFor(() => load.outcomes.length > before + 2_000, { what: "calls without a manager" })
  const [worker] = agent.workers()
  if (worker === undefined) throw new Error("no worker runs")
  expect((await agent.call("probe", "TestService::test", "7")).code).toBe(0)

  cluster.startManager()
  await cluster.ready()
  await cluster.manager.until(
    "the new manager is connected to the node",
    async () => (await cluster.node(agent.ip))?.connection === "connected",
  )
  await load.stop()
  expect(load.failures).toEqual([])
  expect(agent.workers().map(({ pid }) => pid)).toContain(worker.pid)
}, 90_000)
