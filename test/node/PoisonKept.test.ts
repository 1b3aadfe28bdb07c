import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync } from "node:fs"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const ip = "127.42.8.1"

const module = `
export const parse = async (text) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  if (text === "abort") process.kill(process.pid, "SIGKILL")
  return text.length
}`

const begin = async () => {
  const node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  await node.apply(1, assignment(listen, node.module("work.js", module), { tls: "off", workers: 3 }))
  const name = `greeter@${listen.port}`
  const parse = (text: string) =>
    callOnce(listen.port, "parse", [text], undefined, ip).catch((error: unknown) =>
      error instanceof RpcError ? `${error.code} ${error.executed}` : String(error),
    )
  return {
    node,
    agent,
    name,
    parse,
    /** Ends a worker, and waits until there is another. */
    crash: async () => {
      const before = await node.running(3)
      const answer = await parse("abort")
      await waitFor(async () => {
        const now = await node.running(3)
        return now.some((pid) => !before.includes(pid))
      })
      return answer
    },
    poison: async () => ((await node.call(nodeMethods.processStats, { name })) as ProcessStats).poison,
    files: () => readdirSync(node.path("run")).filter((file) => file.endsWith(".poison")),
  }
}

test("a call that has ended two workers is still refused when the agent was killed, until there is another version", async () => {
  const { agent, crash, files, name, node, parse, poison } = await begin()
  await using _ = node
  await node.running(3)
  expect(await crash()).toMatch(/maybe$/)
  // One agent has seen the first, the next one the second.
  await agent.end("SIGKILL")
  const second = await AgentProcess.start(node)
  await node.running(3)
  expect(await crash()).toMatch(/maybe$/)
  const known = await waitFor(async () => {
    const now = await poison()
    return now.length > 0 && now
  })
  expect(known).toMatchObject([{ method: "parse", crashes: 2 }])
  await second.end("SIGKILL")
  const third = await AgentProcess.start(node)
  const pids = await node.running(3)
  expect(await poison()).toEqual(known)
  for (let nth = 0; nth < 12; nth++) expect(await parse("abort")).toBe("failed_precondition no")
  expect(await parse("harmless")).toBe(8)
  expect(await node.running(3)).toEqual(pids)

  await node.reload(name)
  expect(files()).toEqual([])
  await third.end("SIGKILL")
  await using _last = await AgentProcess.start(node)
  await node.running(3)
  expect(await poison()).toEqual([])
})
