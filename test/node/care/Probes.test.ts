import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import type { Probe } from "../../../src/domain/Probe.ts"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { assignment, certificate, TestNode } from "../TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const ip = "127.46.3.1"
const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip, port: await freePort(ip) })

const timing = { periodMs: 200, timeoutMs: 2_000, rise: 1, fall: 2, delayMs: 0 }
const module = `
export const pid = () => process.pid
export const spin = () => { for (;;); }
`

/** A server whose answers the test decides. */
const health = async () => {
  const state = { status: 200, asked: 0 }
  const server = Bun.serve({
    hostname: ip,
    port: 0,
    fetch: () => {
      state.asked += 1
      return new Response(null, { status: state.status })
    },
  })
  const probe: Probe = { kind: "http", path: "/health", host: ip as never, port: server.port ?? 0, ...timing }
  return Object.assign(state, {
    probe,
    url: `http://${ip}:${server.port}/health`,
    [Symbol.dispose]: () => void server.stop(true),
  })
}

const first = async (node: TestNode) => (await node.process()).workers[0]

const call = async (listen: { ip: string; port: number }, method: string) => {
  const connection = await RpcConnection.open({ to: { host: listen.ip, port: listen.port }, client: "test" })
  try {
    return await connection.call(method, [], { timeoutMs: 100_000 })
  } finally {
    connection.close()
  }
}

test("a worker that runs is not READY before its probe is good, and not READY any more when it turns bad", async () => {
  await using node = await started()
  using server = await health()
  server.status = 503
  const listen = await local()
  const spec = assignment(listen, node.module("work.js", module), { workers: 1, readiness: server.probe })
  await node.apply(1, spec)
  const bad = `readiness: HTTP 503 from ${server.url}`
  await waitFor(async () => (await first(node))?.reason?.includes(bad))
  expect(await first(node)).toMatchObject({ state: "RUNNING", ready: false })
  server.status = 204
  await waitFor(async () => (await first(node))?.ready === true)
  const before = await first(node)
  server.status = 500
  await waitFor(async () => (await first(node))?.ready === false)
  expect(await first(node)).toMatchObject({ state: "RUNNING", pid: before?.pid, restarts: 0 })
  server.status = 200
  await waitFor(async () => (await first(node))?.ready === true)
  expect((await first(node))?.reason).toBeNull()
})

test("a reload waits for readiness, and fails with what the probe has heard; the old worker serves on", async () => {
  await using node = await started()
  using server = await health()
  const listen = await local()
  const rpc = assignment(listen, "").spec
  if (rpc.kind !== "module") throw new Error("a module")
  const spec = assignment(listen, node.module("work.js", module), {
    workers: 1,
    readiness: server.probe,
    rpc: { ...rpc.rpc, startTimeoutMs: 3_000 },
  })
  await node.apply(1, spec)
  const before = await waitFor(async () => {
    const one = await first(node)
    return one?.ready === true && one.pid
  })
  server.status = 503
  const verdict = await node.reload(spec.name)
  expect(verdict.outcome).toBe("failed")
  expect(verdict.reason).toBe(`not ready within 3 s: readiness: HTTP 503 from ${server.url}`)
  expect((await first(node))?.pid).toBe(before)
  server.status = 200
  expect((await node.reload(spec.name)).outcome).toBe("done")
  expect((await first(node))?.pid).not.toBe(before)
})

test("a process whose liveness probe turns bad is replaced, and the last answer is the reason", async () => {
  await using node = await started()
  using server = await health()
  const listen = await local()
  const spec = assignment(listen, node.module("work.js", module), {
    workers: 1,
    liveness: { ...server.probe, fall: 3 },
  })
  await node.apply(1, spec)
  const [before] = await node.running(1)
  server.status = 503
  await waitFor(() => node.logs.includes(`liveness: HTTP 503 from ${server.url}, 3 times in a row`))
  server.status = 200
  await waitFor(
    async () => {
      const one = await first(node)
      return one?.state === "RUNNING" && one.pid !== before
    },
    { timeoutMs: 30_000 },
  )
})

test("an endless loop does not hide behind the other workers of the port: each is pinged by itself", async () => {
  await using node = await started()
  const listen = await local()
  const rpc = assignment(listen, "").spec
  if (rpc.kind !== "module") throw new Error("a module")
  const spec = assignment(listen, node.module("work.js", module), {
    workers: 2,
    // Not by the agent's own look at event loops.
    rpc: { ...rpc.rpc, heartbeatTimeoutMs: 0 },
    drainTimeoutMs: 500,
    liveness: { kind: "rpc", port: 0, ...timing, timeoutMs: 500 },
    readiness: { kind: "rpc", port: 0, ...timing },
  })
  await node.apply(1, spec)
  const before = await node.running(2)
  await waitFor(async () => (await node.process()).workers.every(({ ready }) => ready))
  const stuck = call(listen, "spin").catch(() => undefined)
  const after = await waitFor(
    async () => {
      const now = await node.running(2)
      return now.some((pid) => !before.includes(pid)) && now
    },
    { timeoutMs: 60_000 },
  )
  await stuck
  expect(after.filter((pid) => before.includes(pid))).toHaveLength(1)
  expect(node.logs).toMatch(/liveness: ping of the worker: .+, 2 times in a row/)
})

test("a port with TLS is pinged with the node's own certificate", async () => {
  await using node = await started()
  const { cert, key, ca } = await certificate("node:n1")
  expect([cert, key, ca].every((text) => text.includes("BEGIN"))).toBe(true)
  const listen = await local()
  const readiness: Probe = { kind: "rpc", port: listen.port, ...timing }
  const spec = assignment(listen, node.module("work.js", module), { workers: 1, tls: "on", readiness })
  await node.apply(1, spec)
  await waitFor(async () => (await first(node))?.ready === true, { timeoutMs: 20_000, what: `ready\n${node.logs}` })
})

test("an exec probe runs in the process's folder and environment, and tells what it said last", async () => {
  await using node = await started()
  const listen = await local()
  const path = node.module("work.js", module)
  const shell = `echo "$COLOUR $MUSTER_SLOT $(pwd) $MUSTER_PID" > asked; test -e good || { echo "no good"; exit 7; }`
  const readiness: Probe = { kind: "exec", command: { shell }, ...timing }
  await node.apply(1, assignment(listen, path, { workers: 1, readiness, env: { COLOUR: "red" } }))
  await waitFor(async () => (await first(node))?.reason?.includes("exit code 7 from") && true)
  const one = await first(node)
  expect(one?.reason).toEndWith(": no good")
  const asked = readFileSync(node.path("code", "asked"), "utf8").trim()
  expect(asked).toBe(`red 0 ${node.path("code")} ${one?.pid}`)
  writeFileSync(node.path("code", "good"), "")
  await waitFor(async () => (await first(node))?.ready === true)
})

test("an exec probe that takes too long leaves nothing behind, a child in a session of its own included", async () => {
  await using node = await started()
  const listen = await local()
  const path = node.module("work.js", module)
  const shell = `(setsid sh -c 'trap "" TERM; echo $$ > daemon; sleep 301; true' &); sleep 301`
  const readiness: Probe = { kind: "exec", command: { shell }, ...timing, timeoutMs: 1_500, periodMs: 60_000, fall: 1 }
  await node.apply(1, assignment(listen, path, { workers: 1, readiness }))
  await waitFor(async () => (await first(node))?.reason?.includes("did not end within 1500 ms, and was killed") && true)
  const daemon = readFileSync(node.path("code", "daemon"), "utf8").trim()
  await waitFor(() => !existsSync(`/proc/${daemon}`))
  expect(readdirSync(node.path("run")).filter((name) => name.startsWith("scratch"))).toEqual([])
})

test("a probe that is changed asks anew, without a new process; one that is taken away holds nobody up", async () => {
  await using node = await started()
  using server = await health()
  server.status = 503
  const listen = await local()
  const path = node.module("work.js", module)
  await node.apply(1, assignment(listen, path, { workers: 1, readiness: server.probe }))
  const before = await waitFor(async () => {
    const one = await first(node)
    return one?.reason !== null && one?.pid
  })
  const tcp: Probe = {
    kind: "tcp",
    host: ip as never,
    port: server.probe.kind === "http" ? server.probe.port : 0,
    ...timing,
  }
  await node.apply(2, assignment(listen, path, { workers: 1, readiness: tcp, specRevision: 2 }))
  await waitFor(async () => (await first(node))?.ready === true)
  await node.apply(3, assignment(listen, path, { workers: 1, readiness: server.probe, specRevision: 3 }))
  await waitFor(async () => (await first(node))?.ready === false)
  await node.apply(4, assignment(listen, path, { workers: 1, specRevision: 4 }))
  await waitFor(async () => (await first(node))?.ready === true)
  expect((await first(node))?.pid).toBe(before)
})
