import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync } from "node:fs"
import type { ProcessStatus } from "../../src/protocol/NodeManager.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }
  export const whoami = () => process.pid`

const ip = "127.43.1.1"

/** A node with a service of two workers, and an agent as a process of its own. */
const begin = async (over: Parameters<typeof assignment>[2] = {}) => {
  const node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  const path = node.module("slow.js", module)
  await node.apply(1, assignment(listen, path, { tls: "off", ...over }))
  const pids = await node.running(over.workers ?? 2)
  return { node, agent, listen, path, pids }
}

const call = (port: number, method: string, ...args: ReadonlyArray<unknown>) =>
  callOnce(port, method, args, undefined, ip)

const records = (node: TestNode) => readdirSync(node.path("run")).filter((name) => name.endsWith(".run"))

const adopted = ({ workers }: ProcessStatus) => workers.map(({ adopted }) => adopted)

test("no worker is restarted when the agent is killed, and the next agent goes on with it", async () => {
  const { agent, listen, node, pids } = await begin()
  await using _ = node
  const answer = call(listen.port, "slow", 700)
  await Bun.sleep(100)
  await agent.end("SIGKILL")
  expect(pids).toContain((await answer) as number)
  expect(pids).toContain((await call(listen.port, "whoami")) as number)
  await using next = await AgentProcess.start(node)
  expect(await node.running(2)).toEqual(pids)
  expect(adopted(await node.process())).toEqual([true, true])
  expect(records(node)).toHaveLength(2)
  expect(next.output).toContain(`takes over 2 processes that run: pid ${pids[0]}, ${pids[1]}`)

  // It supervises them as its own: what dies is replaced, a reload replaces the rest.
  process.kill(pids[0] ?? 0, "SIGKILL")
  const after = await waitFor(async () => {
    const now = await node.running(2)
    return !now.includes(pids[0] ?? 0) && now
  })
  expect(after[1]).toBe(pids[1] ?? 0)
  expect((await node.reload(`greeter@${listen.port}`)).outcome).toBe("done")
  const reloaded = await node.running(2)
  expect(reloaded.filter((pid) => after.includes(pid))).toEqual([])
  expect(adopted(await node.process())).toEqual([false, false])
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
  expect(records(node)).toEqual([])
})
