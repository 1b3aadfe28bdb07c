import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { type CommandSpec, type ProcessAssignment, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { processRow } from "../../src/platform/ProcessTable.ts"
import { nodeMethods, type ProcessStats } from "../../src/protocol/NodeManager.ts"
import type { InstanceRequest, ProcessInspection, RestartVerdict } from "../../src/protocol/ProcessMessages.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine. Each test is named after what users of other supervisors complain about.
setDefaultTimeout(120_000)

const work = `
export const pid = () => process.pid
export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }
`

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

const restart = async (node: TestNode, request: InstanceRequest) =>
  (await node.call(nodeMethods.restartProcess, request)) as RestartVerdict

test("a service that was stopped does not come back when the agent starts again", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("work.js", work)))
  await node.running(2)
  await node.apply(2, assignment(listen, node.module("work.js", work), { desired: "stopped", specRevision: 2 }))
  await waitFor(async () => (await node.process()).state === "STOPPED")
  await node.stop()
  await node.start()
  expect(await node.process()).toMatchObject({ state: "STOPPED", desired: "stopped", workers: [] })
  await Bun.sleep(1_000)
  expect(node.left()).toEqual([])
  expect((await node.process()).workers).toEqual([])
})

test("killing several workers at once does not leave fewer of them, nor a reload that is broken then", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("work.js", work), { workers: 3 }))
  const before = await node.running(3)
  for (const pid of before) process.kill(pid, "SIGKILL")
  const after = await waitFor(async () => {
    const now = await node.running(3)
    return now.every((pid) => !before.includes(pid)) && now
  })
  expect(new Set(after).size).toBe(3)
  for (const pid of after.slice(1)) process.kill(pid, "SIGKILL")
  expect(await node.reload(`greeter@${listen.port}`)).toMatchObject({ outcome: "done", total: 3 })
  const last = await node.running(3)
  expect(last.filter((pid) => after.includes(pid))).toEqual([])
  await waitFor(() => node.left().length === 3)
})

test("a service that does not end says who holds it up, for how long, and when that is over", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("work.js", work)
  await node.apply(1, assignment(listen, module, { workers: 1, drainTimeoutMs: 20_000 }))
  const [pid = 0] = await node.running(1)
  const answer = callOnce(listen.port, "slow", [4_500])
  await waitFor(async () => {
    const { workers } = (await node.call(nodeMethods.processStats, { name: `greeter@${listen.port}` })) as ProcessStats
    return workers[0]?.concurrency === 1
  })
  await node.apply(2, assignment(listen, module, { workers: 1, drainTimeoutMs: 20_000, desired: "stopped" }))
  const stopping = await waitFor(async () => {
    const now = await node.process()
    return now.state === "STOPPING" && now.reason !== null && now
  })
  expect(stopping.reason).toMatch(
    new RegExp(
      `^pid ${pid} was asked to end \\d\\.\\d s ago and is killed in 2\\d\\.\\d s; it waits for 1 open call: slow for \\d\\.\\d s from `,
    ),
  )
  expect(await answer).toBe(pid)
  await waitFor(async () => (await node.process()).state === "STOPPED")
  expect((await node.process()).reason).toBeNull()
})

test("a restart does not say that it went well when it did not", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const module = node.module("work.js", work)
  await node.apply(1, assignment(listen, module))
  const before = await node.running(2)
  expect(await restart(node, { name })).toMatchObject({ outcome: "done", restarted: 2, total: 2, reason: null })
  const after = await node.running(2)
  expect(after.filter((pid) => before.includes(pid))).toEqual([])

  expect(await restart(node, { name, slot: 1 })).toMatchObject({ outcome: "done", restarted: 1, total: 1 })
  const one = await node.running(2)
  expect(one[0]).toBe(after[0] ?? 0)
  expect(one[1]).not.toBe(after[1] ?? 0)
  await expect(restart(node, { name, slot: 7 })).rejects.toThrow("instance 7")
  await expect(restart(node, { name: "nobody@1" })).rejects.toThrow('this node runs no "nobody@1"')

  writeFileSync(module, `throw new Error("not today")`)
  const failed = await restart(node, { name, slot: 0 })
  expect(failed).toMatchObject({ outcome: "failed", restarted: 0, total: 1 })
  expect(failed.reason).toContain("not today")
  writeFileSync(module, work)
  await node.apply(2, assignment(listen, module, { desired: "stopped", specRevision: 2 }))
  await waitFor(async () => (await node.process()).state === "STOPPED")
  expect(await restart(node, { name })).toMatchObject({
    outcome: "failed",
    total: 0,
    reason: "it is stopped, and has to be started",
  })
})

test("calls that wait while a service is restarted are not refused", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("work.js", work)))
  await node.running(2)
  const failures: Array<unknown> = []
  let answered = 0
  const state = { over: false }
  const callers = Array.from({ length: 4 }, async () => {
    while (!state.over)
      await callOnce(listen.port, "pid").then(
        () => (answered += 1),
        (error: unknown) => failures.push(error),
      )
  })
  await waitFor(() => answered > 20)
  expect(await restart(node, { name: `greeter@${listen.port}` })).toMatchObject({ outcome: "done" })
  const soFar = answered
  await waitFor(() => answered > soFar + 20)
  state.over = true
  await Promise.all(callers)
  expect(failures).toEqual([])
})

test("a stop does not say that all is well as long as somebody has the port", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("work.js", work)
  await node.apply(1, assignment(listen, module, { workers: 1 }))
  await node.running(1)
  // Beside the worker's socket, as SO_REUSEPORT lets the same user do.
  const squatter = createServer()
  await new Promise<void>((resolve) => {
    squatter.listen({ host: listen.ip, port: listen.port, reusePort: true }, resolve)
  })
  try {
    await node.apply(2, assignment(listen, module, { workers: 1, desired: "stopped", specRevision: 2 }))
    const held = await waitFor(async () => {
      const now = await node.process()
      return now.state === "STOPPED" && now.reason !== null && now
    })
    expect(held.reason).toStartWith(`127.0.0.1:${listen.port} is in use by pid ${process.pid} (`)
    expect(node.logs).toContain(`has stopped, but 127.0.0.1:${listen.port} is in use by pid ${process.pid}`)
  } finally {
    squatter.close()
  }
  await waitFor(async () => (await node.process()).reason === null, { timeoutMs: 20_000 })
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(listen.port, listen.ip, resolve))
  other.close()
})

test("a reload does not cut off the call that it waits for, and says which; what a module leaves open holds up nobody", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const leftOpen = `
    import { createServer } from "node:net"
    setInterval(() => {}, 10)
    createServer().listen(0, "127.0.0.1")
    void fetch("http://127.0.0.1:1").catch(() => new Promise(() => {}))`
  await node.apply(1, assignment(listen, node.module("work.js", leftOpen + work), { drainTimeoutMs: 60_000 }))
  const before = await node.running(2)
  const answer = callOnce(listen.port, "slow", [4_500])
  await waitFor(async () => {
    const { workers } = (await node.call(nodeMethods.processStats, { name })) as ProcessStats
    return workers.some(({ concurrency }) => concurrency === 1)
  })
  const reload = node.reload(name)
  const leaver = await waitFor(async () => {
    const { instances } = (await node.call(nodeMethods.inspectProcess, { name })) as ProcessInspection
    return instances.flatMap(({ leaving }) => leaving).find(({ openCallCount }) => openCallCount === 1)
  })
  expect(leaver.openCalls[0]?.method).toBe("slow")
  expect(leaver.killInMs).toBeGreaterThan(30_000)
  expect(await answer).toBe(leaver.pid)
  // Long before its time to drain is over.
  expect(await reload).toMatchObject({ outcome: "done", replaced: 2 })
  await waitFor(() => node.left().length === 2)
  expect((await node.running(2)).filter((pid) => before.includes(pid))).toEqual([])
  expect(node.logs).not.toContain("killing it")
})

test("an update does not leave a process to init: what it replaces or takes away has ended, however stubborn it is", async () => {
  await using node = await started()
  const runs = node.path("runs")
  const stubborn = (version: number): ProcessAssignment => ({
    name: "stubborn",
    specRevision: version,
    listen: null,
    spec: {
      ...specDefaults,
      service: "stubborn" as CommandSpec["service"],
      kind: "command",
      // It leaves its session too, with a child that hears no signal either.
      command: {
        shell: `trap '' TERM; echo ${version} $$ >> ${runs}; setsid sh -c "trap '' TERM; echo ${version} \\$\\$ >> ${runs}; while :; do sleep 0.2; done" & while :; do sleep 0.2; done`,
      },
      instances: 1,
      user: "",
      group: "",
      nice: 0,
      rlimits: {},
      stopSignal: "TERM",
      startMs: 100,
      startTimeoutMs: 10_000,
      maxRssBytes: 0,
      passSocket: false,
      nodes: [],
      drainTimeoutMs: 300,
    },
  })
  const alive = () =>
    (existsSync(runs) ? readFileSync(runs, "utf8").trim().split("\n") : []).flatMap((line) => {
      const [version = 0, pid = 0] = line.split(" ").map(Number)
      const row = processRow(pid)
      return row === undefined || row.state === "Z" ? [] : [{ version, pid, parent: row.parent }]
    })
  const versions = () => alive().map(({ version }) => version)
  await node.apply(1, stubborn(1))
  await waitFor(() => versions().join() === "1,1")
  // Changed while the change before is under way, taken away, and there again while it still ends.
  await node.apply(2, stubborn(2))
  await node.apply(3, stubborn(3))
  await waitFor(() => versions().includes(3))
  await node.apply(4)
  await node.apply(5, stubborn(5))
  await waitFor(() => versions().join() === "5,5", { timeoutMs: 30_000 })
  expect(alive().map(({ parent }) => parent)).toEqual([process.pid, await node.running(1).then(([pid]) => pid ?? 0)])
  await node.apply(6)
  await waitFor(() => alive().length === 0, { timeoutMs: 30_000 })
})
