import { expect, setDefaultTimeout, test } from "bun:test"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
export const pid = () => process.pid
export const tasks = { nothing: async () => {} }
`
const taskWorkers = (count: number) => ({ rpc: { ...defaultRpcSettings, taskWorkers: count } })

/** The pids of the task workers, when exactly so many run. */
const running = (node: TestNode, count: number) =>
  waitFor(
    async () => {
      const { taskWorkers: all } = await node.process()
      return all.length === count && all.every(({ state }) => state === "RUNNING") && all.map(({ pid }) => pid ?? 0)
    },
    { timeoutMs: 20_000, what: `${count} running task workers` },
  )

test("task workers run beside those for calls, are replaced with them, and come and go by their own number", async () => {
  await using node = await new TestNode().join()
  await node.start()
  const listen = { ip: "127.0.0.1", port: await freePort() }
  const name = `greeter@${listen.port}`
  const path = node.module("work.js", module)
  await node.apply(1, assignment(listen, path, taskWorkers(2)))
  const calls = await node.running(2)
  const tasks = await running(node, 2)
  expect(new Set([...calls, ...tasks]).size).toBe(4)
  const figures = await waitFor(async () => {
    const now = (await node.call(nodeMethods.processStats, { name })) as ProcessStats
    return now.workers.length === 4 && now
  })
  expect(figures).toMatchObject({ stats: { worker_num: 2, task_worker_num: 2 } })
  expect(figures.workers.map(({ kind, slot }) => `${kind}/${slot}`)).toEqual([
    "calls/0",
    "calls/1",
    "tasks/0",
    "tasks/1",
  ])

  expect(await node.reload(name)).toMatchObject({ outcome: "done", replaced: 4, total: 4 })
  const after = [...(await node.running(2)), ...(await running(node, 2))]
  expect(after.filter((pid) => [...calls, ...tasks].includes(pid))).toEqual([])

  const [first, victim = 0] = await running(node, 2)
  process.kill(victim, "SIGKILL")
  const replaced = await waitFor(async () => {
    const now = await running(node, 2)
    return !now.includes(victim) && now
  })
  expect(replaced[0]).toBe(first)

  await node.apply(2, assignment(listen, path, { ...taskWorkers(0), specRevision: 2 }))
  await waitFor(async () => (await node.process()).taskWorkers.length === 0)
  expect(await node.running(2)).toEqual(after.slice(0, 2))
  await waitFor(() => node.left().length === 2)
})

test("workers that answered calls before there were task workers queue tasks for them", async () => {
  await using node = await new TestNode().join()
  await node.start()
  const listen = { ip: "127.0.0.1", port: await freePort() }
  const path = node.module(
    "mailer.js",
    `import { writeFileSync } from "node:fs"
     import { task } from "muster/service"
     export const later = async (file) => await task("write", file)
     export const tasks = { write: async (file) => writeFileSync(file, String(process.pid)) }`,
  )
  const file = node.path("written")
  await node.apply(1, assignment(listen, path, taskWorkers(0)))
  const calls = await node.running(2)
  await expect(callOnce(listen.port, "later", [file])).rejects.toThrow("has no task workers: set taskWorkers above 0")
  await node.apply(2, assignment(listen, path, { ...taskWorkers(1), specRevision: 2 }))
  const [pid] = await running(node, 1)
  expect(await callOnce(listen.port, "later", [file])).toBeString()
  await waitFor(async () => (await Bun.file(file).text()) === `${pid}`)
  expect(await node.running(2)).toEqual(calls)
})
