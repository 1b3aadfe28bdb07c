import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { assignment, TestNode } from "../node/TestNode.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  import { appendFileSync, existsSync } from "node:fs"
  import { RpcError } from "muster/service"
  const note = (path: string) => appendFileSync(path, process.pid + "\\n")
  export const pay = (path: string, amount: number) => { note(path); return { amount, pid: process.pid } }
  export const deny = (path: string) => { note(path); throw new RpcError("out_of_range", "too much", { details: { most: 3 } }) }
  export const wait = async (path: string, until: string) => {
    note(path)
    while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 5))
    return "waited"
  }
  export const large = (path: string, bytes: number) => { note(path); return new Uint8Array(bytes) }
  export const unsendable = (path: string) => { note(path); return () => 0 }
  export const items = async function* () { yield 1 }
  export const die = (path: string) => { note(path); process.kill(process.pid, "SIGKILL") }
`

let node: TestNode
let port = 0
let off = 0
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  ;[port, off] = [await freePort(), await freePort()]
  const path = node.module("keys.ts", module)
  const listen = { ip: "127.0.0.1", port }
  const rpc = { ...defaultRpcSettings, idempotencyWindowMs: 0 }
  await node.apply(1, assignment(listen, path), assignment({ ...listen, port: off }, path, { rpc, workers: 1 }))
  await node.running(2)
})
afterAll(() => node[Symbol.asyncDispose]())

const times = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").length : 0)

type Options = { readonly key?: unknown; readonly timeoutMs?: number; readonly to?: number; readonly client?: string }

/** A call on a connection of its own, so that either worker may get it. */
const call = async (method: string, args: ReadonlyArray<unknown>, options: Options = {}): Promise<unknown> => {
  const { client = "shop", key, timeoutMs = 5_000, to = port } = options
  const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port: to }, client })
  try {
    return await connection.call(method, args, { timeoutMs, ...(key === undefined ? {} : { meta: { key } }) })
  } finally {
    connection.close()
  }
}

const failure = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((error: unknown) => error)
  if (!(error instanceof RpcError)) throw new Error(`no RpcError: ${JSON.stringify(error)}`)
  return error
}

test("a call that is repeated under its key runs once, whichever worker gets it", async () => {
  const path = node.path("paid")
  const first = await call("pay", [path, 7], { key: "k1" })
  for (let repeat = 0; repeat < 8; repeat++) expect(await call("pay", [path, 7], { key: "k1" })).toEqual(first)
  expect(times(path)).toBe(1)
  await call("pay", [path, 7], { key: "k2" })
  await call("pay", [path, 7])
  await call("pay", [path, 7], { key: "k1", client: "another shop" })
  expect(times(path)).toBe(4)
})

test("an error is kept like a result", async () => {
  const path = node.path("denied")
  for (let repeat = 0; repeat < 3; repeat++) {
    const error = await failure(call("deny", [path], { key: "k3" }))
    expect(error).toMatchObject({ code: "out_of_range", message: "too much", executed: "yes", details: { most: 3 } })
  }
  expect(times(path)).toBe(1)
})

test("the same key with other arguments, or for another method, is the caller's mistake", async () => {
  const path = node.path("mistaken")
  await call("pay", [path, 1], { key: "k4" })
  for (const [method, args] of [
    ["pay", [path, 2]],
    ["deny", [path, 1]],
  ] as const) {
    expect(await failure(call(method, args, { key: "k4" }))).toMatchObject({ code: "invalid_argument", executed: "no" })
  }
  expect(times(path)).toBe(1)
})

test("a repetition waits for the call that runs, as long as it has time", async () => {
  const [path, go] = [node.path("waiting"), node.path("go")]
  const first = call("wait", [path, go], { key: "k5", timeoutMs: 30_000 })
  await waitFor(() => times(path) === 1)
  // One whose answer comes late, on a machine that is busy, hears that its own time is over.
  const short = await waitFor(async () => {
    const error = await failure(call("wait", [path, go], { key: "k5", timeoutMs: 300 }))
    return error.code !== "deadline_exceeded" && error
  })
  expect(short).toMatchObject({ code: "aborted", executed: "maybe" })
  const second = call("wait", [path, go], { key: "k5" })
  writeFileSync(go, "")
  expect(await Promise.all([first, second])).toEqual(["waited", "waited"])
  expect(times(path)).toBe(1)
})

test("when its worker has died nobody knows what became of a call, and it does not run again", async () => {
  const path = node.path("died")
  expect(await failure(call("die", [path], { key: "k6" }))).toMatchObject({ code: "unavailable", executed: "maybe" })
  const error = await waitFor(async () => {
    const error = await failure(call("die", [path], { key: "k6" }))
    return error.message.includes("died") && error
  })
  expect(error).toMatchObject({ code: "aborted", executed: "maybe" })
  expect(times(path)).toBe(1)
})

test("a result that can't be kept reaches the caller, and a repetition hears that it was made", async () => {
  const [large, unsendable] = [node.path("large"), node.path("unsendable")]
  // Just below what one frame takes, so that it can be sent, but not with the key around it.
  const bytes = 2 * 1024 * 1024 - 40
  const result = (await call("large", [large, bytes], { key: "k9" })) as Uint8Array
  expect(result.length).toBe(bytes)
  expect(await failure(call("unsendable", [unsendable], { key: "k10" }))).toMatchObject({ code: "internal" })
  for (const [method, args, key] of [
    ["large", [large, bytes], "k9"],
    ["unsendable", [unsendable], "k10"],
  ] as const) {
    const error = await failure(call(method, args, { key }))
    expect(error).toMatchObject({ code: "failed_precondition", executed: "yes" })
    expect(error.message).toContain("The call was made")
  }
  expect([times(large), times(unsendable)]).toEqual([1, 1])
})

test("a key that is none, a stream with a key, and keys where they are switched off are refused", async () => {
  for (const key of ["", "x".repeat(256), 7])
    expect(await failure(call("pay", [node.path("none"), 1], { key }))).toMatchObject({
      code: "invalid_argument",
      executed: "no",
    })
  const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "shop" })
  const stream = connection.stream("items", [], { timeoutMs: 5_000, meta: { key: "k7" } })
  expect(await failure(stream.next())).toMatchObject({ code: "invalid_argument" })
  connection.close()
  const refused = await failure(call("pay", [node.path("none"), 1], { key: "k8", to: off }))
  expect(refused).toMatchObject({ code: "failed_precondition", executed: "no" })
  expect(refused.message).toContain("idempotencyWindowMs")
  expect(times(node.path("none"))).toBe(0)
})
