import { expect, setDefaultTimeout, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { connect } from "../../src/client/index.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

/** A call to the worker of this pid, which may be one of several at the port. */
const callOf = async (port: number, pid: number, method: string) => {
  for (;;) {
    const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
    if (connection.hello.worker.pid === pid)
      return {
        answer: connection.call(method, [], { timeoutMs: 60_000 }).finally(() => connection.close()),
      }
    connection.close()
  }
}

const work = `
export const pid = () => process.pid
export const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); return process.pid }
export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }
`

/** Calls until it is stopped: by new clients, each on a connection of its own, and many at once by one client. */
const load = (node: TestNode, widths: { connecting: number; pipelined: number }) => {
  const failures: Array<unknown> = []
  const pids = new Set<number>()
  const state = { answered: 0, stopped: false }
  const newClient = () => connect("greeter", { dataDir: node.dataDir, timeoutMs: 20_000 })
  const client = newClient()
  const callAnew = async () => {
    const own = newClient()
    return await own.call("spin", 3).finally(() => own.close())
  }
  const loop = async (call: () => Promise<unknown>) => {
    while (!state.stopped) {
      try {
        pids.add((await call()) as number)
        state.answered += 1
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const loops = [
    ...Array.from({ length: widths.connecting }, () => loop(callAnew)),
    ...Array.from({ length: widths.pipelined }, () => loop(() => client.call("spin", 3))),
  ]
  return {
    failures,
    pids,
    get answered() {
      return state.answered
    },
    stop: async () => {
      state.stopped = true
      await Promise.all(loops)
      client.close()
    },
  }
}

test("reloads under load of many connections and pipelined calls with work in each fail no call", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  await node.apply(1, assignment(listen, node.module("work.js", work), { drainTimeoutMs: 20_000 }))
  await node.list(listen)
  const before = await node.running(2)
  const calls = load(node, { connecting: 16, pipelined: 48 })
  await waitFor(() => calls.answered > 100)
  const seen = new Set(before)
  for (let nth = 0; nth < 4; nth++) {
    const verdict = await node.reload(name)
    expect(verdict).toMatchObject({ outcome: "done", replaced: 2, total: 2, reason: null })
    const now = await node.running(2)
    expect(now.filter((pid) => seen.has(pid))).toEqual([])
    for (const pid of now) seen.add(pid)
  }
  const soFar = calls.answered
  await waitFor(() => calls.answered > soFar + 100)
  await calls.stop()
  expect(calls.failures).toEqual([])
  expect([...calls.pids].filter((pid) => !seen.has(pid))).toEqual([])
  const { reload, workers } = await node.process()
  expect(reload).toMatchObject({ state: "done", replaced: 2, total: 2, reason: null })
  expect(workers.map(({ restarts }) => restarts)).toEqual([0, 0])
  await expect(node.reload("nobody@1")).rejects.toThrow('this node runs no "nobody@1"')
})

test("a version that can't be loaded replaces nobody, and the verdict names the place", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const module = node.module("work.ts", work)
  await node.apply(1, assignment(listen, module, { workers: 3 }))
  const before = await node.running(3)
  writeFileSync(module, "export const fine = 1\nexport const pid = (name: string => name\n")
  const verdict = await node.reload(name)
  expect(verdict).toMatchObject({ outcome: "failed", replaced: 0, total: 3 })
  expect(verdict.reason).toMatch(new RegExp(`^${module}:2:\\d+: `))
  expect(await node.running(3)).toEqual(before)
  for (let nth = 0; nth < 20; nth++) expect(before).toContain((await callOnce(listen.port, "pid")) as number)
  const { reason, reload } = await node.process()
  expect(reload).toMatchObject({ state: "failed", replaced: 0, total: 3, reason: verdict.reason })
  expect(reason).toBeNull()
  expect(node.logs).toContain("reload failed: 0 of 3 workers replaced")
  writeFileSync(module, work)
  expect(await node.reload(name)).toMatchObject({ outcome: "done", replaced: 3, total: 3 })
  expect((await node.running(3)).filter((pid) => before.includes(pid))).toEqual([])
})

test("a changed spec that can't be started leaves the workers of the former one, also to come back after a crash", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("good.js", work)))
  const before = await node.running(2)
  const broken = node.module("bad.js", "import './nowhere.js'\nexport const pid = () => 0\n")
  await node.apply(2, assignment(listen, broken, { specRevision: 2 }))
  const { reload } = await waitFor(async () => {
    const now = await node.process()
    return now.reload?.state === "failed" && now
  })
  expect(reload?.reason).toContain("nowhere.js")
  expect(await node.running(2)).toEqual(before)
  process.kill(before[0] ?? 0, "SIGKILL")
  await waitFor(async () => !(await node.running(2)).includes(before[0] ?? 0))
  expect((await node.running(2))[1]).toBe(before[1] ?? 0)
  await node.apply(3, assignment(listen, node.module("better.js", work), { specRevision: 3 }))
  await waitFor(async () => (await node.process()).reload?.state === "done")
  expect((await node.running(2)).filter((pid) => before.includes(pid))).toEqual([])
})

test("a second reload supersedes the first, and its progress is seen while it runs", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const module = node.module("work.js", work)
  await node.apply(1, assignment(listen, module))
  await node.running(2)
  // Its loading does not end.
  writeFileSync(module, "await new Promise((resolve) => setTimeout(resolve, 60_000))\nexport const pid = () => 0\n")
  const first = node.reload(name)
  await waitFor(async () => node.left().length === 3 && (await node.process()).reload?.state === "running")
  expect((await node.process()).reload).toMatchObject({ replaced: 0, total: 2, endedAt: null })
  writeFileSync(module, work)
  expect(await node.reload(name)).toMatchObject({ outcome: "done", replaced: 2, total: 2 })
  expect(await first).toMatchObject({ outcome: "superseded", replaced: 0, total: 2, reason: null })
  await waitFor(() => node.left().length === 2)
})

test("a version whose workers die soon after they were ready does not get past the first", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const [end, ended, go] = [node.path("end"), node.path("ended"), node.path("go")]
  const holding = `import { existsSync, writeFileSync } from "node:fs"
    export const hold = async () => { while (!existsSync("${go}")) await new Promise((r) => setTimeout(r, 10)) }
    ${work}`
  const module = node.module("work.js", holding)
  await node.apply(1, assignment(listen, module, { drainTimeoutMs: 60_000 }))
  const before = await node.running(2)
  const held = await callOf(listen.port, before[0] ?? 0, "hold")
  // The first of them ends when it is told to; the next one, which is started in its place, does not.
  const dying = `setInterval(() => {
      if (!existsSync("${end}") || existsSync("${ended}")) return
      writeFileSync("${ended}", "")
      process.exit(7)
    }, 10)`
  writeFileSync(module, `${holding}\n${dying}`)
  const reload = node.reload(name)
  await waitFor(async () => (await node.process()).reload?.replaced === 1)
  writeFileSync(end, "")
  await waitFor(async () => {
    const { restarts, state } = (await node.process()).workers[0] ?? {}
    return restarts === 1 && state === "RUNNING"
  })
  // Only now the one before it has ended, and the new one is looked at.
  writeFileSync(go, "")
  const verdict = await reload
  await held.answer
  expect(verdict).toMatchObject({ outcome: "failed", replaced: 1, total: 2 })
  expect(verdict.reason).toBe("the new worker ended soon after it was ready: exited with code 7")
  expect((await node.process()).workers[1]).toMatchObject({ state: "RUNNING", pid: before[1] ?? 0 })
})

test("a service that keeps failing is started anew by a reload, all workers at once", async () => {
  await using node = await started()
  const listen = await local()
  const name = `greeter@${listen.port}`
  const module = node.module("work.js", `throw new Error("not today")`)
  await node.apply(1, assignment(listen, module))
  await waitFor(async () =>
    (await node.process()).workers.every(({ restarts, state }) => state === "BACKOFF" && restarts > 1),
  )
  const verdict = await node.reload(name)
  expect(verdict).toMatchObject({ outcome: "failed", replaced: 0, total: 2 })
  expect(verdict.reason).toContain("not today")
  writeFileSync(module, work)
  expect(await node.reload(name)).toMatchObject({ outcome: "done", replaced: 2, total: 2 })
  await node.running(2)
})

test("a reload of a stopped service has nothing to do", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("work.js", work), { desired: "stopped" }))
  const verdict = await node.reload(`greeter@${listen.port}`)
  expect(verdict).toMatchObject({ outcome: "done", replaced: 0, total: 0 })
})
