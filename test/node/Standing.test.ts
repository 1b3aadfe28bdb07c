import { expect, setDefaultTimeout, test } from "bun:test"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

const version = "export const version = () => process.env.VERSION"
const stopped = (node: TestNode) =>
  waitFor(async () => (await node.process()).workers.length === 0 && node.left().length === 0, {
    timeoutMs: 20_000,
    what: "a service without workers",
  })

test("a service that is stopped and changed at once starts as it was changed", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("version.js", version)
  const one = { workers: 1, env: { VERSION: "one" } }
  const two = { workers: 1, env: { VERSION: "two" } }
  await node.apply(1, assignment(listen, module, one))
  await node.running(1)
  await node.apply(2, assignment(listen, module, { ...two, desired: "stopped", specRevision: 2 }))
  await stopped(node)
  await node.apply(3, assignment(listen, module, { ...two, specRevision: 3 }))
  await node.running(1)
  expect(await callOnce(listen.port, "version")).toBe("two")
})

test("a service whose reload failed starts as it is now when it was stopped in between", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("version.js", version)
  const broken = node.module("broken.js", "throw new Error('not yet')")
  await node.apply(1, assignment(listen, module, { workers: 1, env: { VERSION: "one" } }))
  await node.running(1)
  await node.apply(2, assignment(listen, broken, { workers: 1, env: { VERSION: "two" }, specRevision: 2 }))
  await waitFor(async () => (await node.process()).reload?.state === "failed")
  await node.apply(
    3,
    assignment(listen, broken, { workers: 1, env: { VERSION: "two" }, desired: "stopped", specRevision: 3 }),
  )
  await stopped(node)
  node.module("broken.js", version)
  await node.apply(4, assignment(listen, broken, { workers: 1, env: { VERSION: "two" }, specRevision: 4 }))
  await node.running(1)
  expect(await callOnce(listen.port, "version")).toBe("two")
})

test("many reloads at once all come to a verdict", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("version.js", version)
  await node.apply(1, assignment(listen, module, { workers: 1 }))
  await node.running(1)
  const verdicts = await Promise.all(Array.from({ length: 8 }, () => node.reload(`greeter@${listen.port}`)))
  expect(verdicts.map(({ outcome }) => outcome).toSorted()).toEqual(["done", ...Array(7).fill("superseded")])
  expect(await node.running(1)).toHaveLength(1)
})

test("a limit of memory below what a worker starts with does not start worker after worker", async () => {
  await using node = await started()
  const listen = await local()
  const rpc = { ...defaultRpcSettings, maxRssBytes: 1_000_000 }
  await node.apply(1, assignment(listen, node.module("version.js", version), { workers: 1, rpc }))
  await waitFor(() => node.logs.includes("is the limit too low?"), { timeoutMs: 60_000, what: "a warning" })
  expect(node.logs).toMatch(/it is only \d+\.\d s old: the next one is not replaced before 8\.0 s/)
  expect(node.logs.match(/to be replaced/g)).toHaveLength(4)
  expect(await node.running(1)).toHaveLength(1)
})
