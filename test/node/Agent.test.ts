import { afterEach, expect, setDefaultTimeout, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "../../src/client/index.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import { denoPath, greeterModule, root } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, entry, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const agent = join(root, "test/node/fixtures/agent.ts")
const runtimes = {
  bun: [process.execPath, agent],
  deno: [denoPath(), "run", "-A", "-q", "--unstable-net", agent],
}

const agents: Array<Bun.Subprocess> = []
afterEach(() => {
  for (const one of agents.splice(0)) if (one.exitCode === null) one.kill("SIGKILL")
})

/** Runs the node's agent as a process of its own. */
const startAgent = async (node: TestNode, runtime: keyof typeof runtimes) => {
  const log = node.path("agent.log")
  await Bun.write(log, "")
  const child = Bun.spawn([...runtimes[runtime], node.dataDir, entry], {
    cwd: root,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: "inherit",
  })
  agents.push(child)
  const port = await waitFor(async () => /^PORT (\d+)$/m.exec(await Bun.file(log).text())?.[1], { timeoutMs: 20_000 })
  await node.attach(Number(port))
  return child
}

/** Whether a worker would stand still in `accept` when another has taken the connection: its socket was changed by whoever shares it. */
const mayBlock = (pid: number) => {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/3`, "utf8"))?.[1] ?? "0"
  return (Number.parseInt(flags, 8) & 0o4000) === 0
}

for (const runtime of ["bun", "deno"] as const) {
  test(`an agent on ${runtime} serves with workers on ${runtime}, and its stop leaves no process behind`, async () => {
    await using node = await new TestNode().join()
    const child = await startAgent(node, runtime)
    const listen = { ip: "127.0.0.1", port: await freePort() }
    await node.apply(1, assignment(listen, greeterModule))
    const pids = await node.running(2)
    const answers = await Promise.all(Array.from({ length: 20 }, () => callOnce(listen.port, "hello", ["世界"])))
    for (const answer of answers) expect(answer).toMatch(/^Hello, 世界! Process \d+ says so\.$/)
    process.kill(pids[0] ?? 0, "SIGKILL")
    await waitFor(async () => !(await node.running(2)).includes(pids[0] ?? 0))
    const secure = await freePort()
    await node.apply(2, { ...assignment({ ...listen, port: secure }, greeterModule, { tls: "on", specRevision: 2 }) })
    await node.running(2)
    expect(await callOnce(secure, "ping", [], await node.managerTls())).toBe("pong")
    child.kill("SIGTERM")
    await child.exited
    expect(node.left()).toEqual([])
  })

  test(`user code on ${runtime} calls other services through muster/client`, async () => {
    await using node = await new TestNode().join()
    const child = await startAgent(node, runtime)
    const listen = { ip: "127.0.0.1", port: await freePort() }
    const endpoints = [{ ...listen, weight: 100, status: "online" }]
    const released = { releasedAt: 1, releasedBy: "test" }
    const list = { service: "greeter", revision: 1, tls: "auto", endpoints, ...released }
    await node.call(nodeMethods.applyList, { list })
    const module = node.module(
      "relay.js",
      `import { connect } from "muster/client"
       let greeter
       export const hello = (name) => "hello " + name
       export const relay = async (name) => (greeter ??= await connect("greeter")).call("hello", name)`,
    )
    await node.apply(1, assignment(listen, module))
    await node.running(2)
    expect(await callOnce(listen.port, "relay", ["you"])).toBe("hello you")
    child.kill("SIGTERM")
    await child.exited
    expect(node.left()).toEqual([])
  })

  test(`a reload on ${runtime} fails no call, and a version that is broken replaces nobody`, async () => {
    await using node = await new TestNode().join()
    const child = await startAgent(node, runtime)
    const listen = { ip: "127.0.0.1", port: await freePort() }
    const name = `greeter@${listen.port}`
    const text = "export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }"
    const module = node.module("slow.js", text)
    await node.list(listen)
    await node.apply(1, assignment(listen, module, { drainTimeoutMs: 10_000 }))
    const before = await node.running(2)
    const client = connect("greeter", { dataDir: node.dataDir, timeoutMs: 20_000 })
    const state = { stopped: false, answered: 0 }
    const loops = Array.from({ length: 16 }, async () => {
      while (!state.stopped) {
        await client.call("slow", 5)
        state.answered += 1
      }
    })
    await waitFor(() => state.answered > 50)
    expect(await node.reload(name)).toMatchObject({ outcome: "done", replaced: 2, total: 2 })
    const after = await node.running(2)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
    node.module("slow.js", `${text}\nthrow new TypeError("not today")`)
    const verdict = await node.reload(name)
    expect(verdict).toMatchObject({ outcome: "failed", replaced: 0, total: 2 })
    expect(verdict.reason).toContain("not today")
    expect(await node.running(2)).toEqual(after)
    expect(after.map(mayBlock)).toEqual([false, false])
    const soFar = state.answered
    await waitFor(() => state.answered > soFar + 50)
    state.stopped = true
    await Promise.all(loops)
    client.close()
    child.kill("SIGTERM")
    await child.exited
    expect(node.left()).toEqual([])
  })

  test(`a broken module is named with its place on ${runtime}`, async () => {
    await using node = await new TestNode().join()
    const child = await startAgent(node, runtime)
    const listen = { ip: "127.0.0.1", port: await freePort() }
    const module = node.module("broken.js", "export const a = 1\nexport const b = = 2\n")
    await node.apply(1, assignment(listen, module, { workers: 1 }))
    const broken = await waitFor(async () => (await node.process()).reason)
    expect(broken).toStartWith(`${module}:2:`)
    const throwing = node.module("throwing.js", "export const a = () => 1\n\n  throw new TypeError('not today')\n")
    await node.apply(2, assignment(listen, throwing, { workers: 1, specRevision: 2 }))
    const thrown = await waitFor(async () => {
      const { reason } = await node.process()
      return reason?.startsWith(throwing) === true && reason
    })
    expect(thrown).toStartWith(`${throwing}:3:`)
    expect(thrown).toContain("TypeError: not today")
    child.kill("SIGTERM")
    await child.exited
  })
}
