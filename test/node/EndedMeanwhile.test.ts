import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, writeFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import type { Crashes, CrashReport } from "../../src/protocol/ProcessMessages.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

/** A set that runs a program. */
const command = (shell: string, over: Record<string, unknown> = {}) =>
  ({
    name: "speaker",
    specRevision: 3,
    listen: null,
    spec: { kind: "command", service: "speaker", command: { shell }, instances: 1, startMs: 100, ...over },
  }) as unknown as ProcessAssignment

const crashesOf = async (node: TestNode, name: string) =>
  ((await node.call(nodeMethods.listCrashes, { name })) as Crashes).crashes

const reportOf = async (node: TestNode, name: string) => {
  const [crash] = await waitFor(async () => {
    const all = await crashesOf(node, name)
    return all.length > 0 && all
  })
  return (await node.call(nodeMethods.getCrash, { id: crash?.id })) as CrashReport
}

const gone = (pid: number) => waitFor(() => identityOf(pid) === undefined)

const lines = 20_000
const all = `${Array.from({ length: lines }, (_, at) => `line ${at + 1}\n`).join("")}last words\n`

/** Says much as soon as a file is there, and ends; the next one only lives. */
const speaker = (node: TestNode) => {
  const [go, said] = [node.path("go"), node.path("said")]
  const speak = `while [ ! -e ${go} ]; do sleep 0.02; done; seq -f 'line %.0f' ${lines}; echo last words; touch ${said}`
  return `if [ -e ${said} ]; then exec sleep 300; fi; ${speak}; exit 7`
}

test("what a process said last is lost, or nobody hears of its end, when both came while no agent ran", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  await node.apply(1, command(speaker(node)))
  const [pid = 0] = await node.running(1)
  await agent.end("SIGKILL")
  expect(node.holders()).toHaveLength(1)
  writeFileSync(node.path("go"), "")
  await gone(pid)
  await using next = await AgentProcess.start(node)
  expect(node.holders()).toHaveLength(1)
  const report = await reportOf(node, "speaker")
  expect(report).toMatchObject({
    pid,
    code: null,
    signal: null,
    outOfMemory: false,
    reason: "ended while no agent ran; how is not known",
    specRevision: 3,
  })
  expect(report.log.at(-1)?.text).toBe("last words")
  expect(report.log).toHaveLength(200)
  expect(node.said("speaker")).toBe(all)
  const [successor] = await node.running(1)
  expect(successor).not.toBe(pid)
  expect((await node.process()).workers).toMatchObject([{ restarts: 1, adopted: false }])
  await next.end("SIGTERM")
  expect([node.left(), node.holders()]).toEqual([[], []])
  expect(readdirSync(node.path("run")).filter((name) => /\.(run|pipe)$/.test(name))).toEqual([])
})

test("an agent that leaves its services takes their last words with it", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  await node.apply(1, command(speaker(node)))
  const [pid = 0] = await node.running(1)
  await agent.end("SIGQUIT")
  writeFileSync(node.path("go"), "")
  await gone(pid)
  await using next = await AgentProcess.start(node)
  await node.running(1)
  expect(node.said("speaker")).toBe(all)
  await next.end("SIGTERM")
})

test("a program that was to run once is run again when it ended while no agent ran", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  const go = node.path("go")
  const once = command(`echo begun; while [ ! -e ${go} ]; do sleep 0.02; done; echo done`, { restart: "never" })
  await node.apply(1, once)
  const [pid = 0] = await node.running(1)
  await agent.end("SIGKILL")
  writeFileSync(go, "")
  await gone(pid)
  await using next = await AgentProcess.start(node)
  await waitFor(async () => (await node.process()).workers[0]?.state === "EXITED")
  expect(node.said("speaker")).toBe("begun\ndone\n")
  await next.end("SIGTERM")
})

const ip = "127.43.7.1"

test("the calls of a worker that was killed while no agent ran are not in the report of its end", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  const listen = { ip, port: await freePort(ip) }
  const path = node.module("slow.js", `export const slow = (ms) => new Promise((r) => setTimeout(r, ms))`)
  const set = assignment(listen, path, { tls: "off", workers: 1 })
  await node.apply(1, set)
  const [pid = 0] = await node.running(1)
  const connection = await RpcConnection.open({ to: { host: ip, port: listen.port }, client: "shop" })
  const answer = connection.call("slow", [60_000], { timeoutMs: 60_000 }).catch(() => undefined)
  // It has begun before the next one was answered.
  await connection.call("slow", [1], { timeoutMs: 10_000 })
  await agent.end("SIGKILL")
  process.kill(pid, "SIGKILL")
  await answer
  await using next = await AgentProcess.start(node)
  const report = await reportOf(node, set.name)
  expect(report).toMatchObject({ pid, reason: "ended while no agent ran; how is not known" })
  expect(report.openCalls.map(({ method }) => method)).toEqual(["slow"])
  await node.running(1)
  await next.end("SIGTERM")
  expect(node.left()).toEqual([])
})

test("a process that was to end, and did so while no agent ran, counts as one that has crashed", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  const go = node.path("go")
  const stubborn = `trap '' TERM; while [ ! -e ${go} ]; do sleep 0.02; done`
  await node.apply(1, command(stubborn, { drainTimeoutMs: 60_000 }))
  const [pid = 0] = await node.running(1)
  await node.apply(2, command(stubborn, { drainTimeoutMs: 60_000, desired: "stopped" }))
  await waitFor(async () => (await node.process()).workers[0]?.state === "STOPPING")
  await agent.end("SIGKILL")
  writeFileSync(go, "")
  await gone(pid)
  await using next = await AgentProcess.start(node)
  await waitFor(async () => (await node.process()).state === "STOPPED")
  expect(await crashesOf(node, "speaker")).toEqual([])
  await next.end("SIGTERM")
})
