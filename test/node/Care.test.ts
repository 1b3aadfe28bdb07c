import { expect, setDefaultTimeout, test } from "bun:test"
import { connect } from "../../src/client/index.ts"
import { defaultRpcSettings, type RpcSettings } from "../../src/domain/RpcSettings.ts"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })
const rpc = (over: Partial<RpcSettings>) => ({ rpc: { ...defaultRpcSettings, ...over } })

const module = `
export const pid = () => process.pid
export const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); return process.pid }
const kept = []
export const grow = (bytes) => { kept.push(new Uint8Array(bytes).fill(1)); return process.memoryUsage.rss() }
`

test("workers that have answered enough calls are replaced, one at a time, and no call fails", async () => {
  await using node = await started()
  const listen = await local()
  const settings = rpc({ maxRequests: 200, maxRequestsJitter: 100 })
  await node.apply(1, assignment(listen, node.module("work.js", module), settings))
  await node.list(listen)
  const before = await node.running(2)
  const client = connect("greeter", { dataDir: node.dataDir, timeoutMs: 20_000 })
  const failures: Array<unknown> = []
  const answers = new Map<number, number>()
  const state = { stopped: false, most: 0 }
  const loops = Array.from({ length: 8 }, async () => {
    while (!state.stopped) {
      try {
        const pid = (await client.call("spin", 2)) as number
        answers.set(pid, (answers.get(pid) ?? 0) + 1)
      } catch (error) {
        failures.push(error)
      }
    }
  })
  await waitFor(
    async () => {
      state.most = Math.max(state.most, node.left().length)
      return (await node.running(2)).every((pid) => !before.includes(pid)) && answers.size >= 4
    },
    { timeoutMs: 60_000, what: "two recycled workers" },
  )
  state.stopped = true
  await Promise.all(loops)
  client.close()
  expect(failures).toEqual([])
  expect(state.most).toBeLessThanOrEqual(3)
  expect(node.logs).toMatch(/to be replaced: it has answered \d+ calls, and goes after (2\d\d|300)/)
  const { reload, workers } = await node.process()
  expect(workers.map(({ restarts }) => restarts)).toEqual([0, 0])
  expect(reload).toBeNull()
})

test("without a jitter that was set, no worker goes after another number of calls than was set", async () => {
  await using node = await started()
  const listen = await local()
  const each = 30
  const name = `greeter@${listen.port}`
  await node.apply(1, assignment(listen, node.module("work.js", module), { workers: 3, ...rpc({ maxRequests: each }) }))
  const before = await node.running(3)
  const connections = new Map<number, RpcConnection>()
  await waitFor(async () => {
    const connection = await RpcConnection.open({ to: { host: listen.ip, port: listen.port }, client: "test" })
    connections.get(connection.hello.worker.pid)?.close()
    connections.set(connection.hello.worker.pid, connection)
    return connections.size === before.length
  })
  for (const connection of connections.values())
    for (let nth = 1; nth < each; nth++) await connection.call("pid", [], { timeoutMs: 5_000 })
  await waitFor(async () => {
    const { workers } = (await node.call(nodeMethods.processStats, { name })) as ProcessStats
    return workers.length === 3 && workers.every(({ request_count }) => request_count === each - 1)
  })
  // The slots are looked at in their order: when the last one's worker is replaced, the others were not to be.
  for (const slot of [2, 1, 0]) {
    const now = await node.running(3)
    await connections.get(before[slot] ?? 0)?.call("pid", [], { timeoutMs: 5_000 })
    const after = await waitFor(async () => {
      const pids = await node.running(3)
      return pids[slot] !== before[slot] && pids
    })
    expect(after.with(slot, 0)).toEqual(now.with(slot, 0))
  }
  expect(Array.from(node.logs.matchAll(/has answered \d+ calls, and goes after \d+/g), String)).toEqual(
    before.map(() => `has answered ${each} calls, and goes after ${each}`),
  )
  for (const connection of connections.values()) connection.close()
})

test("a worker with too much memory is replaced, and the others are not", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("work.js", module)))
  const before = await node.running(2)
  const rss = (await callOnce(listen.port, "grow", [1])) as number
  const maxRssBytes = rss + 80 * 1024 ** 2
  await node.apply(2, assignment(listen, node.module("work.js", module), { ...rpc({ maxRssBytes }), specRevision: 2 }))
  expect(await node.running(2)).toEqual(before)
  await callOnce(listen.port, "grow", [120 * 1024 ** 2])
  const after = await waitFor(async () => {
    const now = await node.running(2)
    return now.some((pid) => !before.includes(pid)) && now
  })
  expect(after.filter((pid) => before.includes(pid))).toHaveLength(1)
  expect(node.logs).toMatch(/to be replaced: it has \d+\.\d MiB of memory, and may have \d+\.\d MiB/)
})

test("an old worker whose successor can't be started serves on", async () => {
  await using node = await started()
  const listen = await local()
  const path = node.module("work.js", module)
  await node.apply(1, assignment(listen, path, { workers: 1, ...rpc({ maxRequests: 5 }) }))
  const before = await node.running(1)
  node.module("work.js", `throw new Error("not today")`)
  for (let nth = 0; nth < 6; nth++) await callOnce(listen.port, "pid")
  await waitFor(() => /could not be replaced: .*not today; it serves on, and is tried again in 60.0 s/.test(node.logs))
  expect(await node.running(1)).toEqual(before)
  expect(await callOnce(listen.port, "pid")).toBe(before[0])
})

test("a worker whose event loop is stuck is killed and replaced, and its reason says so", async () => {
  await using node = await started()
  const listen = await local()
  const settings = { workers: 1, ...rpc({ heartbeatTimeoutMs: 3_000 }) }
  await node.apply(1, assignment(listen, node.module("work.js", module), settings))
  const before = await node.running(1)
  const stuck = callOnce(listen.port, "spin", [300_000]).catch((error: unknown) => error)
  const status = await waitFor(
    async () => {
      const [worker] = (await node.process()).workers
      return worker?.restarts === 1 && worker
    },
    { timeoutMs: 20_000, what: "the end of a stuck worker" },
  )
  expect(await stuck).toBeInstanceOf(RpcError)
  if (status.reason !== null) expect(status.reason).toMatch(/^stuck: its event loop did not turn for \d\.\d s$/)
  expect(node.logs).toMatch(/down: stuck: its event loop did not turn for \d\.\d s; next try in/)
  expect(await node.running(1)).not.toEqual(before)
  expect(await callOnce(listen.port, "pid")).not.toBe(before[0])
})
