import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import type { RunRecord } from "../../src/node/running/RunRecord.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const command = (argv: ReadonlyArray<string>, startMs: number) =>
  ({
    name: "program",
    specRevision: 1,
    listen: null,
    spec: { kind: "command", service: "program", command: { argv }, instances: 1, startMs },
  }) as unknown as ProcessAssignment

const runFiles = (node: TestNode) => readdirSync(node.path("run"))
const records = (node: TestNode) =>
  runFiles(node)
    .filter((name) => name.endsWith(".run"))
    .map((name) => JSON.parse(readFileSync(node.path("run", name), "utf8")) as RunRecord)

const failed = (node: TestNode) =>
  waitFor(async () => (await node.process()).workers.some(({ state }) => state === "BACKOFF" || state === "FATAL"), {
    timeoutMs: 30_000,
    what: `a failure\n${node.logs}`,
  })

test("what can't be started leaves no file behind at each try", async () => {
  await using node = await (await new TestNode().join()).start()
  await node.apply(1, command(["/none/at/all"], 100))
  await failed(node)
  expect(records(node)).toEqual([])
  await node.apply(2)
  await waitFor(async () => (await node.status()).processes.length === 0)
  const listen = { ip: "127.0.0.1", port: await freePort() }
  await node.apply(3, assignment(listen, "/none/at/all/service.js", { workers: 1 }))
  await failed(node)
  expect(runFiles(node).filter((name) => /\.(run|journal)$/.test(name))).toEqual([])
})

test("the agent after the next one knows of a process that it has come up under the next", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  await node.apply(1, command(["sleep", "300"], 4_000))
  const [begun] = await waitFor(() => records(node)[0]?.process !== undefined && records(node))
  expect(begun?.isUp).toBe(false)
  await agent.end("SIGKILL")
  await using _next = await AgentProcess.start(node)
  expect(await node.running(1)).toEqual([begun?.process?.pid ?? 0])
  await waitFor(() => records(node)[0]?.isUp)
  expect(records(node)).toMatchObject([{ run: begun?.run, process: begun?.process }])
})

test("a busy worker that was asked to end, and could not say so yet, is not asked again by the next agent", async () => {
  await using node = await new TestNode().join()
  const agent = await AgentProcess.start(node)
  const listen = { ip: "127.0.0.1", port: await freePort() }
  // It hears nothing while it computes; asked twice it would not wait for its open calls.
  const module = node.module(
    "busy.js",
    `export const slow = async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); return process.pid }
     export const spin = (ms) => { const end = Date.now() + ms; while (Date.now() < end); }`,
  )
  await node.apply(1, assignment(listen, module, { workers: 1, tls: "off", drainTimeoutMs: 30_000 }))
  const [pid = 0] = await node.running(1)
  const connection = await RpcConnection.open({ to: { host: listen.ip, port: listen.port }, client: "test" })
  const answer = connection.call("slow", [17_000], { timeoutMs: 60_000 }).catch(String)
  const spun = connection.call("spin", [12_000], { timeoutMs: 60_000 }).catch(String)
  void node.reload(`greeter@${listen.port}`).catch(() => undefined)
  await waitFor(() => records(node).some(({ isLeaving }) => isLeaving), { timeoutMs: 11_000 })
  await agent.end("SIGKILL")
  await using _next = await AgentProcess.start(node)
  await spun
  expect(await answer).toBe(pid)
  connection.close()
  await waitFor(() => records(node).length === 1)
})
