import { afterEach, expect, setDefaultTimeout, test } from "bun:test"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { formatJoinToken, pinLength } from "../../../src/domain/JoinToken.ts"
import { join as joinCluster, type JoinOptions } from "../../../src/node/joining/Join.ts"
import { fingerprint, issue, makeAuthority, makeRequest } from "../../../src/platform/Certificates.ts"
import { freePort, temporaryFolder } from "../../support/muster.ts"

setDefaultTimeout(30_000)

const authority = makeAuthority({ nowMs: Date.now() })
const another = makeAuthority({ nowMs: Date.now() })

const certificateOf = async (by: typeof authority, cn: string) => {
  const { csr, key } = await makeRequest(cn)
  const subject = { cn, addresses: ["127.0.0.1"], days: 1, nowMs: Date.now() }
  return { key, cert: (await issue(await by, csr, subject)).pem }
}

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
const token = async () => {
  const pin = fingerprint((await authority).pem).slice(0, pinLength)
  return formatJoinToken({ id, secret: "a-secret-of-this-test", pin })
}

type Answer = readonly [status: number, body: string]
const opened: Array<() => void> = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

/** What answers at an address where a manager is looked for: the authority to all, and then `answer`. */
const page = async (tls: { key: string; cert: string }, over: { ca?: Answer; answer?: Answer } = {}) => {
  const ca = (await authority).pem
  const joined = JSON.stringify({ nodeId: "N1", ip: "10.0.0.7", certificate: "its certificate", ca })
  const bodies: Array<Record<string, unknown>> = []
  const server = createServer(tls, (request, response) => {
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      if (request.method === "POST") bodies.push(JSON.parse(text) as Record<string, unknown>)
      const [status, body] = request.url === "/join/ca" ? (over.ca ?? [200, ca]) : (over.answer ?? [200, joined])
      response.writeHead(status).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const folder = temporaryFolder("muster-join-")
  opened.push(
    () => server.close(),
    () => folder[Symbol.dispose](),
  )
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const dataDir = join(folder.path, "data")
  const attempt = async (options: Partial<JoinOptions> = {}) =>
    Effect.runPromise(
      Effect.result(
        joinCluster({
          dataDir,
          url,
          token: await token(),
          name: "host",
          listen: { host: "10.0.0.1", port: 8_821 },
          version: "1.2.3",
          ...options,
        }),
      ),
    )
  return { url, bodies, attempt, hasJoined: () => existsSync(join(dataDir, "node.json")) }
}

const manager = () => certificateOf(authority, "manager")

test("a node says where it is reached, and takes what the manager says of it", async () => {
  const { attempt, bodies, url } = await page(await manager())
  const said = await token()
  const result = await attempt({ url: `${url}/nodes?x=1`, token: `  ${said}\n`, advertise: "10.0.0.9" })
  expect(result).toMatchObject({
    _tag: "Success",
    success: {
      identity: { nodeId: "N1", name: "host", ip: "10.0.0.7", port: 8_821, managerUrl: url, tokenId: id },
      tls: { cert: "its certificate", ca: (await authority).pem },
    },
  })
  expect(bodies).toMatchObject([{ token: said, name: "host", ip: "10.0.0.9", port: 8_821, version: "1.2.3" }])
})

test("a node that listens on all addresses is where the manager sees it, another one where it listens", async () => {
  for (const [host, ip] of [
    ["0.0.0.0", ""],
    ["::", ""],
    ["10.0.0.1", "10.0.0.1"],
  ] as const) {
    const { attempt, bodies } = await page(await manager())
    await attempt({ listen: { host, port: 8_821 } })
    expect(bodies.map((body) => body["ip"])).toEqual([ip])
  }
})

test("nobody in between gets the token: the authority is no secret, but its certificates are", async () => {
  for (const tls of [await certificateOf(another, "manager"), await certificateOf(authority, "node:N2")]) {
    const { attempt, bodies, hasJoined } = await page(tls)
    expect(await attempt()).toMatchObject({ _tag: "Failure", failure: { reason: "unreachable" } })
    expect(bodies).toEqual([])
    expect(hasJoined()).toBe(false)
  }
})

test("what is no manager is named with what it said", async () => {
  const tls = await manager()
  const failureOf = async (over: Parameters<typeof page>[1]) => {
    const { attempt, hasJoined } = await page(tls, over)
    const result = await attempt()
    expect(hasJoined()).toBe(false)
    return result._tag === "Failure" ? `${result.failure.reason}: ${result.failure.message}` : "joined"
  }
  expect(await failureOf({ ca: [404, "not here"] })).toMatch(/^answer: .*\/join\/ca answered 404\. Is this the page/)
  expect(await failureOf({ ca: [200, "<html>"] })).toMatch(/^answer: .*did not answer with a certificate/)
  expect(await failureOf({ answer: [502, "<html>"] })).toMatch(/^refused: .*: it answered 502$/)
  expect(await failureOf({ answer: [403, '{"error":"used","message":"The token is used up"}'] })).toMatch(
    /^refused: .*: The token is used up$/,
  )
  expect(await failureOf({ answer: [200, '{"nodeId":"N1"}'] })).toMatch(/^answer: Cannot read the answer of/)
})

test("plain http is for this host, by whichever of its addresses, and nothing but http will do", async () => {
  const { attempt } = await page(await manager())
  const closed = await freePort("127.0.0.1")
  const reasonOf = async (url: string) => {
    const result = await attempt({ url })
    return result._tag === "Failure" ? result.failure.reason : "joined"
  }
  expect(await reasonOf(`http://[::1]:${closed}`)).toBe("unreachable")
  expect(await reasonOf(`http://localhost:${closed}`)).toBe("unreachable")
  expect(await reasonOf(`ftp://127.0.0.1:${closed}`)).toBe("url")
  expect(await reasonOf("http://10.0.0.1:8800")).toBe("url")
})
