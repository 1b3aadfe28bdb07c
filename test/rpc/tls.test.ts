import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { connect } from "node:tls"
import {
  issue,
  makeAuthority,
  makeRequest,
  serialOf,
  type CertificateAuthority,
} from "../../src/platform/Certificates.ts"
import type { TlsMaterial } from "../../src/platform/Transport.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { waitFor } from "../support/waitFor.ts"
import { startServer, type TestServer } from "./TestServer.ts"

const nowMs = performance.timeOrigin + performance.now()
let ca: CertificateAuthority
let server: TestServer
let client: TlsMaterial
const revoked = new Set<string>()

const certified = async (authority: CertificateAuthority, cn: string): Promise<TlsMaterial> => {
  const { csr, key } = await makeRequest(cn)
  const { pem } = await issue(authority, csr, { cn, addresses: ["127.0.0.1"], days: 1, nowMs })
  return { key, cert: pem, ca: authority.pem }
}

beforeAll(async () => {
  ca = await makeAuthority({ nowMs })
  client = await certified(ca, "manager")
  server = await startServer(
    { who: (_args, call) => call.peer?.commonName },
    {
      tls: await certified(ca, "node:one"),
      accept: ({ peer }) =>
        peer !== undefined && revoked.has(peer.serial)
          ? new RpcError("permission_denied", "The certificate is revoked", { executed: "no" })
          : undefined,
    },
  )
})
afterAll(() => server.close())

const codeOf = async (opening: Promise<unknown>) => {
  const error = await opening.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(RpcError)
  return (error as RpcError).code
}

describe("calls over mutual TLS", () => {
  test("the handler knows the caller's certificate, the caller the server's", async () => {
    const connection = await server.connect({ tls: { ...client, expectedName: "node:one" } })
    expect(await connection.call("who", [], { timeoutMs: 2000 })).toBe("manager")
    expect(connection.peer?.commonName).toBe("node:one")
    connection.close()
  })

  test("a server of another name, and one of another authority, are unavailable", async () => {
    expect(await codeOf(server.connect({ tls: { ...client, expectedName: "node:two" } }))).toBe("unavailable")
    const other = await makeAuthority({ nowMs })
    expect(await codeOf(server.connect({ tls: { ...client, ca: other.pem } }))).toBe("unavailable")
  })

  test("without a certificate, or without TLS, nobody gets as far as a call", async () => {
    const connections = server.server.connections
    expect(await codeOf(server.connect({ handshakeTimeoutMs: 5000 }))).toBe("unavailable")
    const naked = connect({ host: "127.0.0.1", port: server.port, ca: ca.pem, checkServerIdentity: () => undefined })
    let ended = false
    let heard = 0
    naked.on("error", () => {}).on("data", (chunk) => (heard += chunk.length))
    naked.on("close", () => {
      ended = true
    })
    naked.write("\0\0\0\x08\x09\0\0\0\0\0\0\0")
    await waitFor(() => ended)
    expect([heard, server.server.connections]).toEqual([0, connections])
  })

  test("a revoked certificate is refused by name", async () => {
    const connection = await server.connect({ tls: client })
    const bad = await certified(ca, "manager")
    revoked.add(serialOf(bad.cert))
    expect(await codeOf(server.connect({ tls: bad }))).toBe("permission_denied")
    expect(await connection.call("ping", [], { timeoutMs: 2000 })).toBe("pong")
    connection.close()
  })
})
