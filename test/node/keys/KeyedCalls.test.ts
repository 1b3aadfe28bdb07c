import { expect, setDefaultTimeout, test } from "bun:test"
import { connect } from "../../../src/client/index.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "../TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
import { appendFileSync } from "node:fs"
export const pay = async (file, ms) => {
  appendFileSync(file, process.pid + "\\n")
  await new Promise((resolve) => setTimeout(resolve, ms))
  return process.pid
}
`

const started = async () => {
  const node = await new TestNode().join()
  await node.start()
  const listen = { ip: "127.0.0.1", port: await freePort() }
  await node.apply(1, assignment(listen, node.module("bank.js", module)))
  await node.list(listen)
  await node.running(2)
  return { node, listen }
}

const runs = async (file: string) => {
  const text = await Bun.file(file)
    .text()
    .catch(() => "")
  return text.split("\n").filter((line) => line !== "")
}

test("a call under a key runs once, whichever worker is asked and however often", async () => {
  const { node } = await started()
  await using _ = node
  const file = node.path("paid")
  const client = () => connect("greeter", { dataDir: node.dataDir, timeoutMs: 10_000, name: "anna" })
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const own = client()
      return await own
        .with({ idempotencyKey: "invoice-1" })
        .call("pay", file, 200)
        .finally(() => own.close())
    }),
  )
  expect(new Set(answers).size).toBe(1)
  expect(await runs(file)).toHaveLength(1)
})

test("a call under a key whose worker died is not run again: nobody knows what became of it", async () => {
  const { listen, node } = await started()
  await using _ = node
  const file = node.path("paid")
  const client = connect("greeter", { dataDir: node.dataDir, timeoutMs: 20_000, name: "anna" })
  const answer = client
    .with({ idempotencyKey: "invoice-2" })
    .call("pay", file, 60_000)
    .catch((error: unknown) => error)
  const [pid] = await waitFor(async () => {
    const all = await runs(file)
    return all.length > 0 && all
  })
  process.kill(Number(pid), "SIGKILL")
  expect(await answer).toMatchObject({ code: "aborted", executed: "maybe" })
  expect(String(await answer)).toContain("nobody knows what became of it")
  expect(await runs(file)).toHaveLength(1)
  client.close()
  await node.running(2)
  expect(await callOnce(listen.port, "pay", [file, 0])).toBeNumber()
})
