import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { pushList } from "../client/fixtures/lists.ts"
import { assignment, TestNode } from "../node/TestNode.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  import { context, method, RpcError, type ServiceInterceptor } from "muster/service"
  const waiting: Array<() => void> = []
  const wait = () => new Promise<void>((resolve) => waiting.push(resolve))
  export const release = () => { for (const go of waiting.splice(0)) go(); return context().method }
  export const bySpec = wait
  export const byModule = method({ concurrency: 2, handler: wait })
  export const both = method({ concurrency: 1, handler: wait })
  export const slow = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  export const count = async function* (to: number) { for (let at = 1; at <= to; at++) yield at }
  export const doubled = async function* (to: number) {
    const ctx = context()
    for await (const item of ctx.stream<number>(ctx.service, "count", to)) yield item * 2
  }
  const heard: Array<string> = []
  export const hear = (text: string) => void heard.push(text + " " + context().trace.traceId)
  export const heardSoFar = () => heard
  export const tell = async (text: string) => {
    const ctx = context()
    await ctx.send(ctx.service, "hear", text)
    return ctx.trace.traceId
  }
  export const interceptors: ReadonlyArray<ServiceInterceptor> = [
    async (call, next) => {
      if (call.method === "forbidden") throw new RpcError("permission_denied", call.settings.caller.name + " may not")
      return await next(call)
    },
    async (call, next) => (call.method === "echo" ? [await next({ ...call, args: ["changed"] })] : await next(call)),
  ]
  export const forbidden = () => "done"
  export const echo = (text: string) => text
`

let node: TestNode
let port = 0
let connection: RpcConnection
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  port = await freePort()
  const rpc = {
    ...defaultRpcSettings,
    methodConcurrency: { bySpec: 1, both: 2, bySpek: 1 },
    maxInFlightPerConnection: 16,
    maxConnections: 3,
    slowCallMs: 50,
  }
  const path = node.module("settings.ts", module)
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, path, { workers: 1, rpc }))
  await node.running(1)
  pushList(node.dataDir, { revision: 1, endpoints: [{ ip: "127.0.0.1", port }] })
  connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
})
afterAll(async () => {
  connection.close()
  await node[Symbol.asyncDispose]()
})

const call = (method: string, ...args: ReadonlyArray<unknown>) => connection.call(method, args, { timeoutMs: 10_000 })
const failure = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((error: unknown) => error)
  if (!(error instanceof RpcError)) throw new Error(`no RpcError: ${JSON.stringify(error)}`)
  return error
}

test.each([
  { method: "bySpec", most: 1 },
  { method: "byModule", most: 2 },
  { method: "both", most: 2 },
])("of $method $most may run at once, by the process spec before the module", async ({ method, most }) => {
  const running = Array.from({ length: most }, () => call(method))
  expect(await failure(call(method))).toMatchObject({
    code: "resource_exhausted",
    executed: "no",
    message: `More than ${most} calls of "${method}" at once`,
  })
  expect(await call("release")).toBe("release")
  await Promise.all(running)
})

const log = () => node.said(`greeter@${port}`)

test("a limit for a method that the module does not have is told in the log", async () => {
  await waitFor(() =>
    /WARN {2}\[\S+ \d+\] rpc\.methodConcurrency limits "bySpek", and there is no such method in the module/.test(log()),
  )
})

test("a slow call is in the log, with how long it took and who made it", async () => {
  await call("slow", 80)
  await waitFor(() => /WARN {2}\[\S+ \d+\] slow: slow took \d+ ms for test at 127\.0\.0\.1:\d+/.test(log()))
})

test("a handler streams what it gets as a stream itself", async () => {
  expect(await Array.fromAsync(connection.stream("doubled", [4], { timeoutMs: 10_000 }))).toEqual([2, 4, 6, 8])
  expect(await failure(call("doubled", 4))).toMatchObject({ code: "failed_precondition", executed: "no" })
})

test("what is sent without waiting arrives, in the same trace", async () => {
  const trace = await call("tell", "hello")
  expect(await waitFor(async () => ((await call("heardSoFar")) as ReadonlyArray<string>)[0])).toBe(`hello ${trace}`)
})

test("the module's interceptors stand around each call", async () => {
  expect(await call("echo", "given")).toEqual(["changed"])
  expect(await failure(call("forbidden"))).toMatchObject({ code: "permission_denied", message: "test may not" })
})

test("more connections than the spec allows are refused", async () => {
  const open: Array<RpcConnection> = []
  const refused = await waitFor(async () => {
    try {
      open.push(await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" }))
      return undefined
    } catch (error) {
      return error as RpcError
    }
  })
  for (const one of open) one.close()
  expect(open.length).toBeLessThan(3)
  expect(refused.message).toContain("connections")
})
