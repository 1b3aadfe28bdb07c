import { expect, setDefaultTimeout, test } from "bun:test"
import type { ModuleSpec, ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const host = "127.42.2.1"
const code = `
import { task } from "muster/service"
export const pid = () => process.pid
export const queue = () => task("later", {}, { delayMs: 3_600_000 })
export const tasks = { later: async () => {} }
`

const called = (set: ProcessAssignment, service: string): ProcessAssignment => ({
  ...set,
  name: `${service}@${set.listen?.port ?? 0}`,
  spec: { ...set.spec, service: service as ModuleSpec["service"] },
})

const ask = async (port: number, service: string, method: string) => {
  const connection = await RpcConnection.open({ to: { host, port }, client: "test", service })
  try {
    return await connection.call(method, [], { timeoutMs: 5_000 })
  } finally {
    connection.close()
  }
}

test("a renamed service keeps its processes, their tasks and figures, and answers by its new name", async () => {
  await using node = await new TestNode().join()
  await node.start()
  const port = await freePort(host)
  const rpc = { ...defaultRpcSettings, taskWorkers: 1 }
  const set = { ...assignment({ ip: host, port }, node.module("work.js", code), { rpc }), id: `service-1@${port}` }
  await node.apply(1, set)
  const before = await node.running(2)
  expect(await ask(port, "greeter", "queue")).toBeDefined()
  await ask(port, "greeter", "queue")

  await node.apply(2, called(set, "hello"))
  expect(await node.running(2)).toEqual(before)
  expect(await node.process()).toMatchObject({ name: `hello@${port}`, service: "hello", reload: null })
  await waitFor(async () => {
    for (let nth = 0; nth < 8; nth++) await ask(port, "hello", "pid")
    return true
  })
  await expect(ask(port, "greeter", "pid")).rejects.toThrow('Expected the service "greeter", found "hello"')
  const stats = (await node.call(nodeMethods.processStats, { name: `hello@${port}` })) as ProcessStats
  expect(stats.stats).toMatchObject({ task_queue_num: 2, worker_num: 2, task_worker_num: 1 })
  // What workers ask of their agent they ask by the name they were started with.
  expect(await ask(port, "hello", "stats")).toMatchObject({ task_queue_num: 2, worker_num: 2 })
  await ask(port, "hello", "queue")
  expect(await ask(port, "hello", "stats")).toMatchObject({ task_queue_num: 3 })

  process.kill(before[0] ?? 0, "SIGKILL")
  const after = await waitFor(async () => {
    const now = await node.running(2)
    return !now.includes(before[0] ?? 0) && now
  })
  expect(after[1]).toBe(before[1] ?? 0)
  expect(await node.reload(`hello@${port}`)).toMatchObject({ outcome: "done", replaced: 3 })
  expect(await ask(port, "hello", "pid")).toBeNumber()
  await node.stop()
  expect(node.left()).toEqual([])
})

test("two services that take each other's names keep their own processes and tasks", async () => {
  await using node = await new TestNode().join()
  await node.start()
  const path = node.module("work.js", code)
  const rpc = { ...defaultRpcSettings, taskWorkers: 1 }
  const make = async (service: string) => {
    const listen = { ip: host, port: await freePort(host) }
    const own = { ...assignment(listen, path, { rpc, workers: 1 }), id: `id-${service}` }
    return { ...own, name: service, spec: { ...own.spec, service: service as ModuleSpec["service"] } }
  }
  const [one, two] = [await make("one"), await make("two")]
  await node.apply(1, one, two)
  const pids = async () =>
    Object.fromEntries(
      (await node.status()).processes.map(({ name, workers }) => [name, workers.map(({ pid }) => pid)]),
    )
  await waitFor(async () => (await node.status()).processes.every(({ state }) => state === "RUNNING"))
  const before = await pids()
  await ask(one.listen?.port ?? 0, "one", "queue")
  const swap = (set: ProcessAssignment, service: string): ProcessAssignment => ({
    ...called(set, service),
    name: service,
  })
  await node.apply(2, swap(one, "two"), swap(two, "one"))
  const after = await pids()
  expect([after["one"], after["two"]]).toEqual([before["two"], before["one"]])
  const queued = async (name: string) =>
    ((await node.call(nodeMethods.processStats, { name })) as ProcessStats).stats.task_queue_num
  expect([await queued("one"), await queued("two")]).toEqual([0, 1])
})

test("a set from before there were ids is known by its name, and not started anew", async () => {
  await using node = await new TestNode().join()
  await node.start()
  const port = await freePort(host)
  const set = assignment({ ip: host, port }, node.module("work.js", code), { workers: 1 })
  await node.apply(1, set)
  const before = await node.running(1)
  await node.apply(2, { ...set, id: `service-1@${port}` })
  expect(await node.running(1)).toEqual(before)
  await node.apply(3, called({ ...set, id: `service-1@${port}` }, "hello"))
  expect(await node.running(1)).toEqual(before)
})
