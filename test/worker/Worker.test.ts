import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, certificate, TestNode } from "../node/TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const files: Record<string, string> = {
  "main.ts": `
    import { pid } from "node:process"
    import { context } from "muster/service"
    import { shout } from "./lib/shout"
    import { seven } from "seven"
    enum Color { Red = 1 }
    export class TestService {
      static test(name: string) { return shout(name) + seven }
      static async later(ms: number) { await new Promise((r) => setTimeout(r, ms)); return { color: Color.Red, none: undefined } }
    }
    export const whoami = () => context().caller
    export const nothing = () => undefined
    export const no = () => false
    export const bytes = () => new Uint8Array([1, 2, 3])
    export const throws = () => { throw new TypeError("it went wrong") }
    export const rejects = async () => { throw new Error("it went wrong later") }
    export const throwsWith = (text: string) => {
      throw new Error("cannot take " + text, { cause: new RangeError("the cause of it") })
    }
    export const failsOften = () => { throw new Error("once more") }
    export const throwsText = () => { throw "only a text" }
    export const unsendable = () => ({ f: () => 1 })
    export const say = (text: string) => console.log("user says", text)
    export const crashLater = () => { setTimeout(() => { throw new Error("nobody catches this") }, 1); return pid }
    export const rejectLater = () => { Promise.reject(new Error("nobody awaits this")); return pid }
    export const settings = () => [process.env.MUSTER_WORKER ?? null, process.cwd()]`,
  "lib/shout.ts": "export const shout = (text: string) => text.toUpperCase()",
  "node_modules/seven/package.json": '{ "name": "seven", "version": "1.0.0", "main": "index.js" }',
  "node_modules/seven/index.js": "exports.seven = 7",
}

let node: TestNode
let port = 0
beforeAll(async () => {
  node = await (await new TestNode().join()).start()
  port = await freePort()
  for (const [name, text] of Object.entries(files)) {
    const path = node.path("app", name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, node.path("app", "main.ts")))
  await node.running(2)
})
afterAll(() => node[Symbol.asyncDispose]())

const call = (method: string, ...args: ReadonlyArray<unknown>) => callOnce(port, method, args)
const log = () => node.said(`greeter@${port}`)
const failure = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((error: unknown) => error)
  if (!(error instanceof RpcError)) throw new Error(`no RpcError: ${String(error)}`)
  return error
}

test("a module imports its own files and its own node_modules, and :: means the same as a dot", async () => {
  expect(await call("TestService.test", "世界a")).toBe("世界A7")
  expect(await call("TestService::test", "b")).toBe("B7")
})

test("sync, async, false, bytes and nothing are all answers", async () => {
  expect(await call("TestService.later", 5)).toMatchObject({ color: 1 })
  expect(await call("no")).toBe(false)
  expect(await call("nothing")).toBeNull()
  expect(await call("bytes")).toEqual(new Uint8Array([1, 2, 3]))
  expect(await call("ping")).toBe("pong")
})

test("what a handler throws is internal with its message, and its stack is in the log with method and time", async () => {
  for (const [method, message] of [
    ["throws", "it went wrong"],
    ["rejects", "it went wrong later"],
    ["throwsText", "only a text"],
  ] as const) {
    expect(await failure(call(method))).toMatchObject({ code: "internal", message })
  }
  await waitFor(() =>
    /\d{4}-\d\d-\d\dT[\d:.]+Z ERROR \[\S+ \d+\] rejects failed for 127\.0\.0\.1:\d+: Error: it went wrong later\n\s+at /.test(
      log(),
    ),
  )
  await waitFor(() =>
    /ERROR \[\S+ \d+\] throws failed for .*: TypeError: it went wrong\n\s+at .*main\.ts:\d+/.test(log()),
  )
})

test("an error in the log is told with its causes, and ends no line and starts none by what a caller sent", async () => {
  await failure(call("throwsWith", "x\n2026-01-01T00:00:00.000Z INFO [1] forged\u001b[2J"))
  await waitFor(() => log().includes("caused by RangeError: the cause of it"))
  const lines = log().split("\n")
  const first = lines.find((line) => line.includes("throwsWith failed for"))
  expect(first).toEndWith("Error: cannot take x\\n2026-01-01T00:00:00.000Z INFO [1] forged\\u001b[2J")
  expect(lines.find((line) => line.startsWith("caused by"))).toBe("caused by RangeError: the cause of it")
})

test("an error in each call is told 20 times in ten seconds by a worker, and not more", async () => {
  const told = () => log().split("failsOften failed for").length - 1
  for (let at = 0; at < 100; at++) await failure(call("failsOften"))
  await call("say", "after all of them")
  await waitFor(() => log().includes("after all of them") && told() >= 20)
  // Two workers, and a window may have ended meanwhile.
  expect(told()).toBeLessThanOrEqual(2 * 2 * 20)
})

test("a method that is missing is unimplemented, and one that answers what can't be sent is internal", async () => {
  expect(await failure(call("nowhere"))).toMatchObject({ code: "unimplemented" })
  expect(await failure(call("toString"))).toMatchObject({ code: "unimplemented" })
  expect(await failure(call("unsendable"))).toMatchObject({ code: "internal" })
})

test("what user code prints is in the service's log", async () => {
  await call("say", "hello 世界")
  await waitFor(() => log().includes("user says hello 世界"))
})

test("user code runs in its own folder and does not see the worker's settings", async () => {
  expect(await call("settings")).toEqual([null, node.path("app")])
})

test("an error that nobody catches ends the worker with its stack in the log, and another takes its place", async () => {
  for (const [method, message] of [
    ["crashLater", "nobody catches this"],
    ["rejectLater", "nobody awaits this"],
  ] as const) {
    const pid = (await call(method)) as number
    await waitFor(async () => !(await node.running(2)).includes(pid))
    const line = new RegExp(`ERROR \\[\\S+ \\d+\\] (uncaughtException|unhandledRejection): Error: ${message}\\n\\s+at `)
    await waitFor(() => line.test(log()))
    expect(node.logs).toContain(`down: Error: ${message}; next try in`)
  }
})

test("a service port with TLS lets in certificates of the cluster and drops those that are revoked", async () => {
  const secure = await freePort()
  const main = node.path("app", "main.ts")
  const plain = assignment({ ip: "127.0.0.1", port }, main)
  const over = { tls: "on", workers: 1, specRevision: 2 } as const
  await node.apply(2, plain, assignment({ ip: "127.0.0.1", port: secure }, main, over))
  const [friend, foe] = [await certificate("node:n2"), await certificate("node:n3")]
  await waitFor(async () => (await callOnce(secure, "ping", [], friend)) === "pong")
  expect(await callOnce(secure, "ping", [], foe)).toBe("pong")
  expect(await callOnce(secure, "whoami", [], friend)).toMatchObject({ name: "test", certificate: "node:n2" })
  expect(await call("whoami")).not.toHaveProperty("certificate")
  expect(await failure(callOnce(secure, "ping"))).toMatchObject({ code: "unavailable" })
  await node.call("Trust.apply", { revision: 1, revoked: [foe.serial] })
  await waitFor(async () => (await failure(callOnce(secure, "ping", [], foe))).message.includes("revoked"))
  expect(await callOnce(secure, "ping", [], friend)).toBe("pong")
})
