import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { MethodInfo } from "../../src/protocol/Reflection.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import type { StatsAnswer } from "../../src/protocol/Stats.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { pushList } from "../client/fixtures/lists.ts"
import { assignment, callOnce, TestNode } from "../node/TestNode.ts"
import { root } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const module = `
  import { existsSync } from "node:fs"
  import { context, method, RpcError } from "muster/service"
  import { Schema } from "effect"
  let isReady = false
  export const ready = async () => {
    console.log("preparing")
    while (!existsSync(process.env["GO"] ?? "")) await new Promise((resolve) => setTimeout(resolve, 10))
    isReady = true
  }
  export const stats = () => "mine"
  const Size = Schema.toStandardSchemaV1(Schema.toStandardJSONSchemaV1(Schema.Struct({ width: Schema.Int })))
  export const resize = method({
    input: Size,
    idempotent: true,
    description: "Makes it smaller",
    handler: async (size, ctx) => ({ width: size.width / 2, isReady, by: ctx.caller.name }),
  })
  export const hello = (name: string, loud = false) => {
    context().log.info("greeted\\n" + name, { loud, name })
    return "Hello, " + name
  }
  export const tell = (what: any) => {
    context().log.info(what)
    context().log.info(new Error("no " + typeof what) as never)
  }
  export const hop = async (left: number, ...seen: Array<unknown>): Promise<unknown> => {
    const ctx = context()
    const all = [...seen, { ...ctx.trace, remainingMs: ctx.remainingMs(), caller: ctx.caller.name }]
    return left === 0 ? all : await ctx.call(ctx.service, "hop", left - 1, ...all)
  }
  export const hang = async (depth: number) => {
    const ctx = context()
    if (depth > 0) return await ctx.call(ctx.service, "hang", depth - 1)
    ctx.log.info("hanging")
    await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve))
    ctx.log.warn("cancelled")
  }
  export const deny = () => { throw new RpcError("not_found", "no such thing") }
`

let node: TestNode
let port = 0
let stateBefore: string | undefined
let answeredBefore: boolean | undefined
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  port = await freePort()
  mkdirSync(node.path("code", "node_modules"), { recursive: true })
  symlinkSync(join(root, "node_modules/effect"), node.path("code", "node_modules/effect"))
  const path = node.module("service.ts", module)
  const env = { GO: node.path("go") }
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, path, { workers: 1, env }))
  await waitFor(() => log().includes("preparing"))
  // It is no worker that calls could go to, as long as its ready() has not returned.
  stateBefore = (await node.process()).workers[0]?.state
  answeredBefore = await callOnce(port, "ping").then(
    () => true,
    () => false,
  )
  writeFileSync(env.GO, "")
  await node.running(1)
  pushList(node.dataDir, { revision: 1, endpoints: [{ ip: "127.0.0.1", port }] })
})
afterAll(() => node[Symbol.asyncDispose]())

const call = (method: string, ...args: ReadonlyArray<unknown>) => callOnce(port, method, args)
const log = () => node.said(`greeter@${port}`)
const failure = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((error: unknown) => error)
  if (!(error instanceof RpcError)) throw new Error(`no RpcError: ${String(error)}`)
  return error
}

test("a worker is ready when the module's ready() is done, and not before", () => {
  expect([stateBefore, answeredBefore]).toEqual(["STARTING", false])
})

test("a method with a schema checks its arguments, and runs after ready() is done", async () => {
  expect(await call("resize", { width: 640 })).toEqual({ width: 320, isReady: true, by: "test" })
  expect(await failure(call("resize", { width: "wide" }))).toMatchObject({
    code: "invalid_argument",
    executed: "no",
    message: '"resize": [0].width: Expected number, given "wide"',
    details: { issues: [{ path: "[0].width", message: 'Expected number, given "wide"' }] },
  })
})

test("methods describes what the module exports", async () => {
  const methods = (await call("methods")) as ReadonlyArray<MethodInfo>
  expect(methods.map(({ name }) => name)).toEqual(["deny", "hang", "hello", "hop", "resize", "tell"])
  expect(methods.find(({ name }) => name === "hello")?.parameters).toEqual([
    { name: "name", optional: false },
    { name: "loud", optional: true },
  ])
  expect(methods.find(({ name }) => name === "resize")).toMatchObject({
    idempotent: true,
    description: "Makes it smaller",
    parameters: [{ name: "size", schema: { type: "object", properties: { width: { type: "integer" } } } }],
  })
})

test("ping, methods and stats are the worker's own, and the log says that the module exports one in vain", async () => {
  await failure(call("deny"))
  const stats = await waitFor(async () => {
    const stats = (await call("stats")) as StatsAnswer
    return stats.methods["deny"]?.errors.not_found === 1 && stats
  })
  expect(stats).toMatchObject({ worker_num: 1, methods: { deny: { calls: 1, running: 0, errors: { not_found: 1 } } } })
  expect(stats.settings).toMatchObject({ workers: 1, drainTimeoutMs: 2_000, maxFrameBytes: 2_097_152, legacy: false })
  expect(stats.start_time).toBeGreaterThan(1_700_000_000_000)
  expect(stats.rss_bytes).toBeGreaterThan(10_000_000)
  for (const name of ["accept_count", "close_count", "request_count", "response_count", "total_recv_bytes"] as const)
    expect(stats[name]).toBeGreaterThan(0)
  await waitFor(() => /WARN {2}\[\S+ \d+\] .*service\.ts exports stats in vain/.test(log()))
})

test("a line of the service is one line, with level, time, process, trace and fields", async () => {
  await call("hello", "a b")
  await waitFor(() =>
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}\[\S+ \d+\] greeted\\na b {2}trace=[\da-f]{32} loud=false name="a b"$/m.test(
      log(),
    ),
  )
})

test("what is no text is logged too, and fails no call", async () => {
  await call("tell", { width: 640 })
  await waitFor(() => /\] \{"width":640\} {2}trace=/.test(log()) && /\] no object {2}trace=/.test(log()))
})

test("a call of a call goes on in the trace, with what is left of the time", async () => {
  const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  const seen = (await connection.call("hop", [2], { timeoutMs: 10_000, meta: { traceparent } })) as ReadonlyArray<{
    traceId: string
    spanId: string
    remainingMs: number
    caller: string
  }>
  connection.close()
  expect(seen.map(({ traceId }) => traceId)).toEqual(Array(3).fill("0af7651916cd43dd8448eb211c80319c"))
  expect(new Set(seen.map(({ spanId }) => spanId)).size).toBe(3)
  expect(seen.map(({ caller }) => caller)).toEqual(["test", "greeter", "greeter"])
  const left = seen.map(({ remainingMs }) => remainingMs)
  expect(left.every((ms, index) => ms <= (left[index - 1] ?? 10_000) + 1 && ms > 5_000)).toBe(true)
})

test("the third hop hears that the first caller gave up, and not only at its deadline", async () => {
  const connection = await RpcConnection.open({ to: { host: "127.0.0.1", port }, client: "test" })
  const controller = new AbortController()
  const answer = failure(connection.call("hang", [2], { timeoutMs: 60_000, signal: controller.signal }))
  await waitFor(() => /INFO {2}\[\S+ \d+\] hanging /.test(log()))
  controller.abort()
  expect(await answer).toMatchObject({ code: "cancelled" })
  await waitFor(() => /WARN {2}\[\S+ \d+\] cancelled {2}trace=[\da-f]+/.test(log()))
  connection.close()
})
