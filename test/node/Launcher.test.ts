import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import type { RunRecord } from "../../src/node/running/RunRecord.ts"
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
