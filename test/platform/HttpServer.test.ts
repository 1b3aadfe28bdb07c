import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import http2 from "node:http2"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { issue, makeAuthority, makeRequest } from "../../src/platform/Certificates.ts"
import { bodyBytesMax, type HttpServerOptions, ListenError, serve } from "../../src/platform/HttpServer.ts"
import { waitFor } from "../support/waitFor.ts"

const local = { hostname: "127.0.0.1", port: 0 }
const folder = mkdtempSync(join(tmpdir(), "muster-http-"))
afterAll(() => rmSync(folder, { recursive: true }))

const started = async (options: Partial<HttpServerOptions> & Pick<HttpServerOptions, "fetch">) => {
  const server = await serve({ ...local, ...options })
  return { server, url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(100) }
}

const stream = (closing: AbortSignal, onCancel: () => void = () => undefined) => {
  let close = () => undefined as void
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode("data: first\n\n"))
      close = () => controller.close()
      closing.addEventListener("abort", close)
    },
    cancel: () => {
      closing.removeEventListener("abort", close)
      onCancel()
    },
  })
  return new Response(body, { headers: { "content-type": "text/event-stream" } })
}

test("a request arrives with the address it came from", async () => {
  await using running = await started({ fetch: (_, { ip }) => new Response(ip) })
  expect(await (await fetch(running.url)).text()).toBe("127.0.0.1")
})

test("an IPv4 address keeps its form on a server that listens on all of IPv6", async () => {
  const server = await serve({ hostname: "::", port: 0, fetch: (_, { ip }) => new Response(ip) })
  expect(await (await fetch(`http://127.0.0.1:${server.port}`)).text()).toBe("127.0.0.1")
  await server.stop(100)
})

test("a port is one server's, also where both are of this kind", async () => {
  const first = await serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("first") })
  const second = serve({ hostname: "127.0.0.1", port: first.port, fetch: () => new Response("second") })
  try {
    await expect(second).rejects.toThrow(`Cannot listen on 127.0.0.1:${first.port}: the port is in use`)
  } finally {
    await first.stop(0)
    await second.then((server) => server.stop(0)).catch(() => undefined)
  }
})

test("a port in use is told in one sentence that names the place", async () => {
  const other = createServer()
  const port = await new Promise<number>((resolve) =>
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port)),
  )
  const error = await serve({ hostname: "127.0.0.1", port, fetch: () => new Response() }).catch((error) => error)
  other.close()
  expect(error).toBeInstanceOf(ListenError)
  expect(error.reason).toBe("in-use")
  expect(error.message).toBe(`Cannot listen on 127.0.0.1:${port}: the port is in use`)
})

test("an address that this host does not have is told as that", async () => {
  const error = await serve({ hostname: "192.0.2.7", port: 0, fetch: () => new Response() }).catch((error) => error)
  expect(error).toBeInstanceOf(ListenError)
  expect(error.message).toBe("Cannot listen on 192.0.2.7:0: this host does not have the address")
})

test("what a handler throws is a bare 500 and is told to the owner, not to the browser", async () => {
  const faults: Array<unknown> = []
  await using running = await started({
    fetch: () => {
      throw new Error("secret detail")
    },
    onFault: (error) => faults.push(error),
  })
  const response = await fetch(running.url)
  expect(response.status).toBe(500)
  expect(await response.text()).toBe("internal error\n")
  expect(String(faults[0])).toContain("secret detail")
})

test("a body above the last limit is refused with 413", async () => {
  await using running = await started({ fetch: async (request) => new Response(`${(await request.text()).length}`) })
  const response = await fetch(running.url, { method: "POST", body: "x".repeat(bodyBytesMax + 1) })
  expect(response.status).toBe(413)
})

test("a stop ends open streams and lets a slow request finish", async () => {
  const release = Promise.withResolvers<void>()
  let entered = false
  const { server, url } = await started({
    fetch: async (request, { closing }) => {
      if (new URL(request.url).pathname === "/stream") return stream(closing)
      entered = true
      await release.promise
      return new Response("finished")
    },
  })
  const streamed = (await fetch(`${url}/stream`)).text()
  const slow = fetch(`${url}/slow`).then((response) => response.text())
  await waitFor(() => entered)
  const stopped = server.stop(5_000)
  expect(await streamed).toBe("data: first\n\n")
  release.resolve()
  expect(await slow).toBe("finished")
  await stopped
  expect(await fetch(url).catch(() => "refused")).toBe("refused")
})

test("a stop does not wait longer than it was given for a request that hangs", async () => {
  let entered = false
  const { server, url } = await started({
    fetch: () => {
      entered = true
      return new Promise<Response>(() => undefined)
    },
  })
  const hanging = fetch(url).catch(() => "cut")
  await waitFor(() => entered)
  const before = performance.now()
  await server.stop(100)
  // The request would take for ever.
  expect(performance.now() - before).toBeLessThan(10_000)
  expect(await hanging).toBe("cut")
}, 30_000)

test("a stream whose reader goes away is cancelled", async () => {
  let cancelled = false
  await using running = await started({ fetch: (_, { closing }) => stream(closing, () => (cancelled = true)) })
  const leaving = new AbortController()
  const response = await fetch(running.url, { signal: leaving.signal })
  await response.body?.getReader().read()
  leaving.abort()
  await waitFor(() => cancelled)
})

const certificate = async () => {
  const nowMs = Date.now()
  const ca = await makeAuthority({ nowMs })
  const { csr, key } = await makeRequest("manager")
  const { pem } = await issue(ca, csr, { cn: "manager", addresses: ["127.0.0.1", "localhost"], days: 2, nowMs })
  return { ca: ca.pem, tls: { key, cert: pem } }
}

test("with a certificate it speaks HTTP/2 and HTTP/1.1 over TLS", async () => {
  const { ca, tls } = await certificate()
  const server = await serve({ ...local, tls, fetch: (request) => new Response(new URL(request.url).protocol) })
  const url = `https://127.0.0.1:${server.port}`
  const plain = await fetch(url, { tls: { ca } } as RequestInit)
  expect(await plain.text()).toBe("https:")
  const session = http2.connect(url, { ca })
  const text = await new Promise<string>((resolve, reject) => {
    session.on("error", reject)
    const request = session.request({ ":path": "/" })
    let body = ""
    request.on("data", (chunk) => (body += chunk))
    request.on("end", () => resolve(body))
    request.on("error", reject)
  })
  expect(session.alpnProtocol).toBe("h2")
  expect(text).toBe("https:")
  session.close()
  await server.stop(200)
})

test("the same source serves on Deno: addresses, streams, a port in use, a stop that ends", async () => {
  const script = join(folder, "deno.ts")
  const server = join(import.meta.dirname, "../../src/platform/HttpServer.ts")
  writeFileSync(
    script,
    `import { serve } from ${JSON.stringify(server)}
    const stream = (closing) => new Response(new ReadableStream({ start: (c) => {
      c.enqueue(new TextEncoder().encode("data: first\\n\\n")); closing.addEventListener("abort", () => c.close()) } }))
    const fault = []
    const server = await serve({ hostname: "127.0.0.1", port: 0, onFault: (e) => fault.push(e.message), fetch: (request, { ip, closing }) => {
      const { pathname } = new URL(request.url)
      if (pathname === "/throw") throw new Error("inside")
      return pathname === "/stream" ? stream(closing) : new Response(ip) } })
    const url = "http://127.0.0.1:" + server.port
    const ip = await (await fetch(url)).text()
    const thrown = await fetch(url + "/throw"); const status = thrown.status; await thrown.text()
    const busy = await serve({ hostname: "127.0.0.1", port: server.port, fetch: () => new Response() }).catch((e) => e.reason)
    const streamed = (await fetch(url + "/stream")).text()
    await server.stop(2000)
    console.log(JSON.stringify({ ip, status, fault, busy, streamed: await streamed }))`,
  )
  const deno = join(import.meta.dirname, "../../node_modules/.bin/deno")
  const child = Bun.spawn([deno, "run", "-A", "-q", script], { stdout: "pipe", stderr: "pipe" })
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expect({ code, errors }).toEqual({ code: 0, errors: "" })
  expect(JSON.parse(out)).toEqual({
    ip: "127.0.0.1",
    status: 500,
    fault: ["inside"],
    busy: "in-use",
    streamed: "data: first\n\n",
  })
})
