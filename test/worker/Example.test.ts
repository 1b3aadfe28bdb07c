import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { join } from "node:path"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { assignment, TestNode } from "../node/TestNode.ts"
import { root } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

let node: TestNode
let connection: RpcConnection
let port = 0
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  port = await freePort()
  const rpc = { ...defaultRpcSettings, taskWorkers: 1 }
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, join(root, "examples/orders.ts"), { workers: 1, rpc }))
  await node.running(1)
  connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "reader" })
})
afterAll(async () => {
  connection.close()
  await node[Symbol.asyncDispose]()
})

const call = (method: string, ...args: ReadonlyArray<unknown>) => connection.call(method, args, { timeoutMs: 5_000 })

test("the example with everything does what it says", async () => {
  const order = { sku: "A-1", count: 2 }
  const items = connection.stream("follow", [], { timeoutMs: 30_000 })
  const { invoice } = (await call("place", order)) as { readonly invoice: string }
  expect(invoice).toMatch(/^\w+$/)
  expect(await items.next()).toEqual({ done: false, value: order })
  await items.return?.()
  expect(await call("count", "A-1")).toBe(1)
  expect(await call("whoami")).toMatchObject({ name: "reader" })
  await expect(call("place", { sku: 7 })).rejects.toMatchObject({ code: "invalid_argument", executed: "no" })
  await expect(call("place", { sku: "A-1", count: 5_000 })).rejects.toMatchObject({
    code: "out_of_range",
    details: { most: 1_000 },
  })
  const log = () => node.said(`greeter@${port}`)
  await waitFor(() => log().includes("invoice written  "))
})
