import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, statSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import type { Handler } from "../../../src/rpc/RpcServer.ts"
import { greeterModule } from "../../support/executable.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { assignment, TestNode } from "../TestNode.ts"
import { loopback, TestGateway } from "./TestGateway.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

let cancelled = 0
const methods: Readonly<Record<string, Handler>> = {
  echo: (args) => args,
  "Stock.left": (_args, call) => call.remainingMs(),
  bytes: () => ({ file: new Uint8Array([1, 255]), none: undefined }),
  no: () => false,
  nothing: () => null,
  deny: () => {
    throw new RpcError("permission_denied", "not you", { details: { why: "because" } })
  },
  hang: (_args, { signal }) =>
    new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        cancelled++
        resolve(null)
      }),
    ),
}

let gateway: TestGateway
beforeAll(async () => {
  gateway = await TestGateway.start(methods)
})
afterAll(() => gateway[Symbol.asyncDispose]())

const post = (...args: Parameters<TestGateway["post"]>) => gateway.post(...args)

describe("a call", () => {
  test("gets its arguments from a list, an object or nothing", async () => {
    expect(await post("/rpc/shop/echo", '[1, "世界", {"a": [null]}]')).toMatchObject({
      status: 200,
      body: [1, "世界", { a: [null] }],
    })
    expect((await post("/rpc/shop/echo", '{"sku": "A-1"}')).body).toEqual([{ sku: "A-1" }])
    expect((await post("/rpc/shop/echo", "[]")).body).toEqual([])
    expect((await post("/rpc/shop/echo")).body).toEqual([])
  })

  test("answers with the result as JSON, false and null too, bytes as base64", async () => {
    expect(await post("/rpc/shop/no")).toMatchObject({ status: 200, body: false })
    expect(await post("/rpc/shop/nothing")).toMatchObject({ status: 200, body: null })
    expect((await post("/rpc/shop/bytes")).body).toEqual({ file: "Af8=" })
  })

  test("has 500 ms, or what Muster-Timeout says", async () => {
    expect((await post("/rpc/shop/Stock::left")).body).toBeWithin(300, 501)
    expect((await post("/rpc/shop/Stock.left", "[]", { "muster-timeout": "2s" })).body).toBeWithin(1_800, 2_001)
    const late = await post("/rpc/shop/hang", "[]", { "muster-timeout": "60ms" })
    expect(late).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } })
    for (const time of ["2", "0ms", "-1s", "11m", "soon"]) {
      const { body, status } = await post("/rpc/shop/no", "[]", { "muster-timeout": time })
      expect({ status, body }).toMatchObject({ status: 400, body: { code: "invalid_argument", executed: "no" } })
      expect(JSON.stringify(body)).toContain(time)
    }
  })

  test("goes to the node of Muster-Node", async () => {
    expect((await post("/rpc/shop/no", "[]", { "muster-node": "127.0.0.1" })).status).toBe(200)
    expect(await post("/rpc/shop/no", "[]", { "muster-node": "10.9.9.9" })).toMatchObject({
      status: 503,
      body: { code: "unavailable", executed: "no", message: expect.stringContaining("10.9.9.9") },
    })
  })

  test("that fails is told with the service's code, message and details", async () => {
    expect(await post("/rpc/shop/deny")).toMatchObject({
      status: 403,
      body: {
        code: "permission_denied",
        message: expect.stringContaining("not you"),
        executed: "yes",
        details: { why: "because" },
      },
    })
    expect(await post("/rpc/shop/missing")).toMatchObject({
      status: 501,
      body: { code: "unimplemented", executed: "no", details: null },
    })
  })

  test("is cancelled when its caller goes away", async () => {
    const before = cancelled
    const leaving = new AbortController()
    const headers = { "muster-timeout": "1m" }
    const call = fetch(`${gateway.url}/rpc/shop/hang`, { method: "POST", headers, signal: leaving.signal })
    call.catch(() => undefined)
    await gateway.node.status()
    setTimeout(() => leaving.abort(), 100)
    await waitFor(() => cancelled > before)
  })
})

test("several requests go over one connection, one after the other", async () => {
  const { port } = new URL(gateway.url)
  const socket = connect(Number(port), "127.0.0.1")
  let text = ""
  let closed = false
  socket.on("data", (chunk) => (text += chunk.toString()))
  socket.on("close", () => (closed = true))
  for (const count of [1, 2, 3]) {
    const body = `[${count}]`
    const head = `POST /rpc/shop/echo HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: ${body.length}\r\n\r\n`
    socket.write(`${head}${body}`)
    await waitFor(() => text.match(/HTTP\/1\.1 200/g)?.length === count && text.endsWith(body))
  }
  expect(closed).toBe(false)
  expect(gateway.service.connections).toBe(1)
  socket.destroy()
})

describe("what is no call", () => {
  test.each([
    ["[1, nope]", "line 1, column 5"],
    ['{"a": 1', "line 1, column 8"],
    ["7", "a list of arguments"],
    ['"text"', "a list of arguments"],
    [`[${"1,".repeat(1_000)}1]`, "1001 arguments"],
    ['[{"__proto__": 1}]', "__proto__"],
  ])("the body %p is refused with %p", async (body, says) => {
    expect(await post("/rpc/shop/echo", body)).toMatchObject({
      status: 400,
      body: { code: "invalid_argument", executed: "no", message: expect.stringContaining(says) },
    })
  })

  test("a body above 2 MiB is refused, its length given or not", async () => {
    const large = `["${"x".repeat(2 * 1024 * 1024)}"]`
    const refusal = { status: 413, body: { code: "resource_exhausted", executed: "no" } }
    expect(await post("/rpc/shop/echo", large)).toMatchObject(refusal)
    expect(await post("/rpc/shop/echo", new Blob([large]).stream())).toMatchObject(refusal)
    expect(await post("/rpc/shop/echo", new Blob(["[1,", "2]"]).stream())).toMatchObject({ status: 200, body: [1, 2] })
  })

  test("an unknown service is answered with what to do, another path and method with what there is", async () => {
    for (const name of ["nobody", "%2e%2e%2fnode", "shop%2F"]) {
      expect(await post(`/rpc/${name}/ping`)).toMatchObject({
        status: 404,
        body: { code: "not_found", executed: "no", message: expect.stringContaining("add the node to its clients") },
      })
    }
    expect(await post("/rpc/shop")).toMatchObject({ status: 404, body: { code: "not_found" } })
    expect((await post("/rpc/shop/%ff")).status).toBe(400)
    const got = await fetch(`${gateway.url}/rpc/shop/echo`)
    expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"])
    const { headers, status } = await post("/services", "{}")
    expect([status, headers.get("allow")]).toEqual([405, "GET"])
  })
})

describe("a page in a browser", () => {
  const { hostname: evil } = new URL("http://page.example")
  test.each([
    { origin: "http://page.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { host: evil },
    { host: `127.0.0.1.${evil}:8823` },
  ])("is refused: %p", async (headers) => {
    for (const path of ["/services", "/health"]) {
      expect((await fetch(`${gateway.url}${path}`, { headers })).status).toBe(403)
    }
    expect(await post("/rpc/shop/no", "[]", headers)).toMatchObject({ status: 403, body: { executed: "no" } })
  })

  test.each(["localhost", "127.0.0.1:1", "[::1]:8823", "LOCALHOST:80"])(
    "but not a program that says %p",
    async (host) => {
      expect((await post("/rpc/shop/no", "[]", { host })).status).toBe(200)
    },
  )
})

test("GET /services tells what was pushed, at once and no longer than that", async () => {
  await using other = await TestGateway.start(methods)
  const services = async () => (await fetch(`${other.url}/services`)).json()
  const endpoints = [{ ip: "127.0.0.1", port: other.service.port, weight: 100, status: "online" }]
  expect(await services()).toEqual({ services: [{ service: "shop", revision: 1, tls: "auto", endpoints }] })
  expect((await other.post("/rpc/shop/no")).status).toBe(200)
  // The endpoints of the next revision are used, and a service that was taken away is not called any more.
  await other.push({ endpoints: [{ ...endpoints[0], status: "offline" }] })
  await waitFor(async () => (await other.post("/rpc/shop/no")).status === 503)
  await other.node.call(nodeMethods.removeList, { service: "shop" })
  await waitFor(async () => (await other.post("/rpc/shop/no")).status === 404)
  expect(await services()).toEqual({ services: [] })
  await waitFor(() => other.service.connections === 0)
})

test("a service that the node runs itself is called over the unix socket, which goes with the agent", async () => {
  await using node = await new TestNode().join()
  await node.start({ gateway: loopback })
  const listen = { ip: "127.0.0.1", port: await freePort() }
  await node.apply(1, assignment(listen, greeterModule, { workers: 1 }))
  await node.running(1)
  const endpoints = [{ ...listen, weight: 100, status: "online" }]
  const list = { service: "greeter", revision: 1, tls: "auto", endpoints, releasedAt: 1, releasedBy: "test" }
  await node.call(nodeMethods.applyList, { list })
  const path = node.path("gateway/gateway.sock")
  expect(statSync(path).mode & 0o777).toBe(0o666)
  expect(statSync(node.path("gateway")).mode & 0o777).toBe(0o755)
  // Any name will do on a socket, as no page gets there.
  const curl = ["curl", "-sS", "--unix-socket", path, "http://muster/rpc/greeter/hello", "-d", '["世界"]']
  const child = Bun.spawn(curl, { stdout: "pipe" })
  expect(JSON.parse(await new Response(child.stdout).text())).toMatch(/^Hello, 世界! Process \d+ says so\.$/)
  await node.stop()
  expect(existsSync(path)).toBe(false)
})

describe("with a token", () => {
  const token = "a-token-of-this-test"
  let guarded: TestGateway
  beforeAll(async () => {
    guarded = await TestGateway.start(methods, { ...loopback, listen: { host: "0.0.0.0", port: 0 }, token })
  })
  afterAll(() => guarded[Symbol.asyncDispose]())

  test("calls need it, over TCP and over the socket; the health needs it not", async () => {
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
    expect((await guarded.post("/rpc/shop/no", "[]", bearer(token))).status).toBe(200)
    for (const headers of [{}, bearer("another-token-of-it"), bearer(`${token}x`), { authorization: token }]) {
      const { body, headers: answered, status } = await guarded.post("/rpc/shop/no", "[]", headers)
      expect({ body, status }).toMatchObject({ status: 401, body: { code: "unauthenticated", executed: "no" } })
      expect(answered.get("www-authenticate")).toBe("Bearer")
      expect((await fetch(`${guarded.url}/services`, { headers })).status).toBe(401)
    }
    const unix = guarded.node.path("gateway/gateway.sock")
    const overSocket = (headers: Record<string, string>) => fetch("http://muster/services", { unix, headers })
    expect((await overSocket({})).status).toBe(401)
    expect((await overSocket(bearer(token))).status).toBe(200)
    expect(await (await fetch(`${guarded.url}/health`)).json()).toEqual({ status: "ok" })
  })

  test("a proxy may give it any name, but a page is refused all the same", async () => {
    const headers = { authorization: `Bearer ${token}`, host: "shop.example" }
    expect((await guarded.post("/rpc/shop/no", "[]", headers)).status).toBe(200)
    expect((await guarded.post("/rpc/shop/no", "[]", { ...headers, origin: "http://shop.example" })).status).toBe(403)
  })
})

/** Somebody else on a port, until it is closed. */
const occupied = () =>
  new Promise<{ port: number; server: Server }>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0 })
    })
  })

describe("where it can't listen", () => {
  test("the node runs without it when nobody asked for the address, and says so once", async () => {
    const { port, server } = await occupied()
    await using node = await new TestNode().join()
    await node.start({ gateway: { listen: { host: "127.0.0.1", port }, isRequired: false, token: undefined } })
    expect((await node.status()).nodeId).toBe("n1")
    expect(node.gatewayUrl).toBe("")
    expect(node.logs.split("\n").filter((line) => line.includes(`127.0.0.1:${port}: the port is in use`))).toHaveLength(
      1,
    )
    server.close()
  })

  test("the start fails when it was asked for, or when it would need a token", async () => {
    const { port, server } = await occupied()
    await using node = await new TestNode().join()
    const start = (host: string) => node.start({ gateway: { ...loopback, listen: { host, port } } })
    await expect(start("127.0.0.1")).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}: the port is in use`)
    await expect(start("0.0.0.0")).rejects.toThrow("needs a token")
    server.close()
  })

  test("a socket that can't be made is a warning", async () => {
    await using node = await new TestNode().join()
    await Bun.write(node.path("gateway"), "in the way")
    await node.start({ gateway: loopback })
    expect(node.logs).toContain(`Warn ${node.path("gateway")}: `)
    expect((await fetch(`${node.gatewayUrl}/health`)).ok).toBe(true)
  })
})
