import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { CallError, connect } from "../../src/client/index.ts"
import { type CertificateAuthority, issue, makeAuthority, makeRequest } from "../../src/platform/Certificates.ts"
import { temporaryFolder } from "../support/muster.ts"
import { pushList } from "./fixtures/lists.ts"
import { TestServer } from "./fixtures/TestServer.ts"

/** What a node has after it joined: `<data>/tls`. Answers the folder. */
const joinFolder = async (dataDir: string, ca: CertificateAuthority, address: string) => {
  const cn = `node:${address}`
  const { csr, key } = await makeRequest(cn)
  const { pem } = await issue(ca, csr, { cn, addresses: [address], days: 1, nowMs: Date.now() })
  const folder = join(dataDir, "tls")
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries({ key, cert: pem, ca: ca.pem }))
    writeFileSync(join(folder, `${name}.pem`), text)
  return folder
}

const codeOf = async (call: Promise<unknown>) => {
  const error: unknown = await call.catch((reason: unknown) => reason)
  return error instanceof CallError ? error.code : `answered ${String(error)}`
}

describe("an endpoint with TLS", () => {
  test("is called with the node's own certificate, and only with one of the cluster", async () => {
    using servers = temporaryFolder()
    using data = temporaryFolder()
    using stranger = temporaryFolder()
    const ca = await makeAuthority({ nowMs: Date.now() })
    const tls = await joinFolder(servers.path, ca, "127.0.0.1")
    await joinFolder(data.path, ca, "127.1.1.107")
    await joinFolder(stranger.path, await makeAuthority({ nowMs: Date.now() }), "127.1.1.108")
    await using server = await TestServer.start({ tls })
    for (const folder of [data.path, stranger.path]) {
      pushList(folder, { revision: 1, tls: "on", endpoints: [server.endpoint()] })
    }
    const client = connect("greeter", { dataDir: data.path, timeoutMs: 3_000 })
    expect(await client.call("hello", "a")).toBe("Hello, a!")
    client.close()
    const other = connect("greeter", { dataDir: stranger.path, timeoutMs: 3_000 })
    expect(await codeOf(other.call("hello", "a"))).toBe("unavailable")
    other.close()
  })

  test("must be who the list says: a certificate of another address is refused", async () => {
    using servers = temporaryFolder()
    using data = temporaryFolder()
    const ca = await makeAuthority({ nowMs: Date.now() })
    const tls = await joinFolder(servers.path, ca, "127.1.1.109")
    await joinFolder(data.path, ca, "127.1.1.107")
    await using server = await TestServer.start({ tls, ip: "127.1.1.110" })
    pushList(data.path, { revision: 1, tls: "on", endpoints: [server.endpoint()] })
    const client = connect("greeter", { dataDir: data.path, timeoutMs: 3_000 })
    expect(await codeOf(client.call("hello", "a"))).toBe("unavailable")
    client.close()
  })

  test("needs a host that has joined, and says so", async () => {
    using data = temporaryFolder()
    pushList(data.path, { revision: 1, tls: "auto", endpoints: [{ ip: "192.0.2.1", port: 9 }] })
    const client = connect("greeter", { dataDir: data.path })
    const error: unknown = await client.call("hello", "a").catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "unauthenticated", executed: "no" })
    expect(String(error)).toContain(`there is no ${data.path}/tls/`)
    client.close()
  })
})
