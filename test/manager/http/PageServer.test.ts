import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "node:tls"
import { expect, test } from "bun:test"
import { issue, makeAuthority, makeRequest } from "../../../src/platform/Certificates.ts"
import { startManager } from "./TestManager.ts"

const failure = async (config: Parameters<typeof startManager>[0]) => {
  const error = await startManager(config).catch((error: unknown) => error)
  return error as { _tag: string; reason: string; message: string }
}

/** The names of the certificate at this port, as a client that trusts `ca` sees them. */
const certificateAt = (url: string, ca: string) =>
  new Promise<{ names: string; protocol: string | false | null }>((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect(
      { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), ca, ALPNProtocols: ["h2"] },
      () => {
        resolve({ names: socket.getPeerCertificate().subjectaltname ?? "", protocol: socket.alpnProtocol })
        socket.destroy()
      },
    )
    socket.on("error", reject)
  })

test("on loopback the page is plain HTTP", async () => {
  await using manager = await startManager()
  expect(manager.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
})

test("elsewhere it is HTTPS and HTTP/2, with a certificate of the cluster's own authority", async () => {
  await using manager = await startManager({ listen: { host: "0.0.0.0", port: 0 } })
  expect(manager.url).toStartWith("https://")
  const ca = await readFile(join(manager.dataDir, "ca/ca.pem"), "utf8")
  const local = `https://127.0.0.1:${new URL(manager.url).port}`
  // For the commands on this host.
  const page: unknown = JSON.parse(await readFile(join(manager.dataDir, "manager/page.json"), "utf8"))
  expect(page).toEqual({ url: manager.url, local })
  expect(await certificateAt(local, ca)).toEqual({ names: expect.stringContaining("127.0.0.1"), protocol: "h2" })
  const login = await fetch(`${local}/login`, {
    method: "POST",
    redirect: "manual",
    tls: { ca },
    headers: { "content-type": "application/x-www-form-urlencoded", origin: local },
    body: new URLSearchParams(manager.admin).toString(),
  } as RequestInit)
  expect(login.status).toBe(303)
  const [cookie = ""] = login.headers.getSetCookie()
  expect(cookie).toStartWith("__Host-muster-session")
  expect(cookie).toContain("Secure")
})

test("a flag, and nothing less, makes it plain HTTP elsewhere, and the log warns of it", async () => {
  await using manager = await startManager({ listen: { host: "0.0.0.0", port: 0 }, insecureHttp: true })
  expect(manager.url).toStartWith("http://")
  expect(manager.logs.join("\n")).toContain("plain HTTP on 0.0.0.0")
})

test("a certificate that was given is used, also on loopback", async () => {
  const folder = mkdtempSync(join(tmpdir(), "muster-page-"))
  const nowMs = Date.now()
  const ca = await makeAuthority({ nowMs })
  const { key, csr } = await makeRequest("page")
  const { pem } = await issue(ca, csr, { cn: "page", addresses: ["127.0.0.1", "muster.example"], days: 2, nowMs })
  const tls = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
  writeFileSync(tls.cert, pem)
  writeFileSync(tls.key, key)
  await using manager = await startManager({ tls })
  expect(manager.url).toStartWith("https://127.0.0.1")
  expect((await certificateAt(manager.url, ca.pem)).names).toContain("muster.example")
  rmSync(folder, { recursive: true })
})

test("a certificate that is not there, or is none, is named in one sentence", async () => {
  const missing = await failure({ tls: { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" } })
  expect(missing).toMatchObject({
    _tag: "PageUnavailable",
    reason: "certificate",
    message: "There is no file /nowhere/cert.pem: the page has no certificate",
  })
  const folder = mkdtempSync(join(tmpdir(), "muster-page-"))
  const file = join(folder, "x.pem")
  writeFileSync(file, "nonsense")
  expect((await failure({ tls: { cert: file, key: file } })).message).toBe(
    `${file} is no PEM file: the page has no certificate`,
  )
  rmSync(folder, { recursive: true })
})

test("a port in use is told in one sentence", async () => {
  const other = createServer()
  const port = await new Promise<number>((resolve) =>
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port)),
  )
  const error = await failure({ listen: { host: "127.0.0.1", port } })
  other.close()
  expect(error).toMatchObject({ reason: "in-use", message: `Cannot listen on 127.0.0.1:${port}: the port is in use` })
})

test("the first start shows the administrator's password, and no other does; what was made stays", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "muster-manager-"))
  const first = await startManager({ dataDir })
  expect(first.admin).toEqual({ name: "admin", password: expect.stringMatching(/^[\w-]{20,}$/) })
  await first.stop()
  const second = await startManager({ dataDir })
  expect(second.admin).toBeUndefined()
  expect(second.token).toBe(first.token)
  expect(second.logs.join("\n")).not.toContain(first.admin!.password)
  await second.stop()
  rmSync(dataDir, { recursive: true })
})
