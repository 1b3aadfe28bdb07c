import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync } from "node:fs"
import { connect } from "../../src/client/index.ts"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

const module = `
export const pid = () => process.pid
export const parse = async (text) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  if (text === "abort") process.abort()
  if (text === "kill") process.kill(process.pid, "SIGKILL")
  if (text === "exit") process.exit(0)
  return text.length
}
export const steady = async () => { await new Promise((resolve) => setTimeout(resolve, 20)); return process.pid }
`

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: unknown) => (error instanceof RpcError ? `${error.code} ${error.executed}` : String(error)),
  )

for (const payload of ["abort", "kill", "exit"]) {
  test(`a call that ends workers (${payload}) is refused after it has ended two, and others are answered`, async () => {
    await using node = await started()
    const listen = await local()
    const name = `greeter@${listen.port}`
    await node.apply(1, assignment(listen, node.module("work.js", module), { workers: 3 }))
    await node.running(3)
    const stats = async () => (await node.call(nodeMethods.processStats, { name })) as ProcessStats
    const crash = () => outcome(callOnce(listen.port, "parse", [payload]))
    const crashes = async () => (await node.process()).workers.reduce((sum, { restarts }) => sum + restarts, 0)
    for (const nth of [1, 2]) {
      expect((await stats()).poison).toEqual([])
      expect(await crash()).toMatch(/^(?:unavailable|unknown|aborted) maybe$/)
      await waitFor(async () => (await crashes()) === nth)
    }
    const { poison } = await waitFor(async () => {
      const now = await stats()
      return now.poison.length > 0 && now
    })
    expect(poison).toEqual([{ hash: poison[0]?.hash ?? "", method: "parse", crashes: 2 }])
    expect(node.logs).toContain('refused from now on: "parse" with the same arguments ran each time when workers ended')
    // A worker hears of it with the answer to its next report; the third one may be taken before.
    let refused = 0
    await waitFor(async () => {
      refused = (await crash()) === "failed_precondition no" ? refused + 1 : 0
      return refused === 20
    })
    expect(await callOnce(listen.port, "parse", ["harmless"])).toBe(8)
    expect(await crashes()).toBeLessThanOrEqual(4)
    await node.running(3)
    // Another version may bear it.
    await node.reload(name)
    expect((await stats()).poison).toEqual([])
    expect(readdirSync(node.path("run")).filter((file) => file.endsWith(".journal"))).toHaveLength(3)
  })
}

test("a call that many make is not taken for poison when something else ends the workers", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  await node.apply(1, assignment(listen, node.module("work.js", module)))
  await node.list(listen)
  await node.running(2)
  const client = connect("greeter", { dataDir: node.dataDir, timeoutMs: 5_000 })
  const state = { stopped: false, refused: 0, answered: 0 }
  const loops = Array.from({ length: 16 }, async () => {
    while (!state.stopped) {
      try {
        await client.call("steady")
        state.answered += 1
      } catch (error) {
        if (String(error).includes("is refused")) state.refused += 1
      }
    }
  })
  for (let nth = 0; nth < 3; nth++) {
    const [victim = 0] = await node.running(2)
    process.kill(victim, "SIGKILL")
    await waitFor(async () => !(await node.running(2)).includes(victim))
    // A worker hears of the suspects after one report, and says with another that they have ended well.
    const told = new Set<number>()
    await waitFor(async () => {
      const stats = (await node.call(nodeMethods.processStats, { name })) as ProcessStats
      told.add(stats.stats.methods["steady"]?.calls ?? 0)
      return told.size >= 8
    })
  }
  state.stopped = true
  await Promise.all(loops)
  client.close()
  expect(state.refused).toBe(0)
  expect(state.answered).toBeGreaterThan(100)
  expect(((await node.call(nodeMethods.processStats, { name })) as ProcessStats).poison).toEqual([])
})
