import { join } from "node:path"
import { expect, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

test("after a reboot with no manager there, a node's services answer again", async () => {
  await using cluster = new Cluster("127.1.14.1")
  await cluster.ready()
  const agent = await cluster.join("127.1.14.100")
  await cluster.greeter("probe", [online(agent.ip, 9100), online(agent.ip, 9101)], { module, workers: 2 })
  expect(agent.workers()).toHaveLength(4)
  expect((await agent.call("probe", "who")).code).toBe(0)

  await cluster.manager.stop("SIGKILL")
  await agent.cutPower()
  expect((await agent.call("probe", "who")).code).not.toBe(0)

  const started = agent.start()
  await started.until("four workers", () => agent.workers().length === 4)
  const answer = await started.until("an answer", async () => {
    const { code, stdout } = await agent.call("probe", "TestService.test", "1", "世界")
    return code === 0 && (JSON.parse(stdout) as { args: ReadonlyArray<unknown>; pid: number })
  })
  expect(answer.args).toEqual([1, "世界"])
  expect(agent.workers().map(({ pid }) => pid)).toContain(answer.pid)
}, 90_000)
