import { expect, setDefaultTimeout, test } from "bun:test"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import type { StatsSnapshot } from "../../src/protocol/Stats.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

const module = `
export const pid = () => process.pid
export const fail = () => { throw new Error("not today") }
`

test("the figures of a process set are those of all its workers, also of those that have left", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  await node.apply(1, assignment(listen, node.module("work.js", module)))
  const before = await node.running(2)
  const stats = async () => (await node.call(nodeMethods.processStats, { name })) as ProcessStats
  const told = (calls: number, errors: number) =>
    waitFor(
      async () => {
        const now = await stats()
        const { fail, pid } = now.stats.methods
        return pid?.calls === calls && (fail?.errors["internal"] ?? 0) === errors && now
      },
      { what: `${calls} calls and ${errors} errors in the figures` },
    )
  for (let nth = 0; nth < 20; nth++) await callOnce(listen.port, "pid")
  for (let nth = 0; nth < 3; nth++) await callOnce(listen.port, "fail").catch(() => undefined)
  const first = await told(20, 3)
  expect(first).toMatchObject({ name, poison: [], stats: { worker_num: 2, task_worker_num: 0, tasking_num: 0 } })
  expect(first.workers.map(({ kind, pid, slot }) => ({ kind, pid, slot }))).toEqual(
    before.map((pid, slot) => ({ kind: "calls" as const, pid, slot })),
  )
  expect(first.methods.map((method) => method.name).toSorted()).toContain("pid")
  expect(Math.abs(first.at - Date.now())).toBeLessThan(10_000)

  for (const pid of before) process.kill(pid, "SIGKILL")
  await waitFor(async () => (await node.running(2)).every((pid) => !before.includes(pid)))
  expect((await told(20, 3)).stats.start_time).toBe(first.stats.start_time)
  for (let nth = 0; nth < 10; nth++) await callOnce(listen.port, "pid")
  await told(30, 3)

  // What a worker has counted since its last report is told when it leaves, too.
  for (let nth = 0; nth < 10; nth++) await callOnce(listen.port, "pid")
  await node.reload(name)
  expect((await stats()).stats.methods["pid"]?.calls).toBe(40)
  const own = (await callOnce(listen.port, "stats")) as StatsSnapshot
  expect(own.methods["pid"]?.calls).toBe(40)
  expect(own.start_time).toBe(first.stats.start_time)
  await expect(node.call(nodeMethods.processStats, { name: "nobody@1" })).rejects.toThrow(
    'this node runs no "nobody@1"',
  )
})
