import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { parseJoinToken } from "../../../src/domain/JoinToken.ts"
import { Fleet } from "../../../src/manager/fleet/Fleet.ts"
import { Joining } from "../../../src/manager/fleet/Joining.ts"
import { NodesRepo } from "../../../src/manager/store/NodesRepo.ts"
import { join as joinCluster } from "../../../src/node/joining/Join.ts"
import { readMembership } from "../../../src/node/joining/Identity.ts"
import { describe, issue, makeAuthority, makeRequest, serialOf } from "../../../src/platform/Certificates.ts"
import { dial } from "../../../src/platform/Transport.ts"
import { waitFor } from "../../support/waitFor.ts"
import { freePort, removeFolder, startManager, startNode, temporaryFolder, type TestManager } from "./TestFleet.ts"

let folder: string
let manager: TestManager
let taken = 0

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
})
afterAll(async () => {
  await manager.stop()
  await removeFolder(folder)
})

/** Joins a node that nobody listens for; gives the membership or the refusal. */
const attempt = (o: { token: string; ip: string; name?: string; dataDir?: string; url?: string; port?: number }) =>
  Effect.runPromise(
    Effect.result(
      joinCluster({
        dataDir: o.dataDir ?? join(folder, `joining${taken++}`),
        url: o.url ?? manager.url,
        token: o.token,
        name: o.name ?? "host",
        listen: { host: o.ip, port: o.port ?? 8_821 },
        version: "0.0.0",
      }),
    ),
  )
const refusal = async (o: Parameters<typeof attempt>[0]) => {
  const result = await attempt(o)
  return result._tag === "Failure" ? result.failure : undefined
}
const asked = (body: unknown) =>
  manager.run(Effect.flatMap(Joining, (joining) => Effect.result(joining.join(body, "127.0.0.1"))))

test("a token lets one node in, which keeps its key to itself", async () => {
  const token = await manager.token("once")
  const dataDir = join(folder, "first")
  const joined = await attempt({ token, ip: "127.22.0.1", dataDir, name: "first" })
  expect(joined).toMatchObject({ _tag: "Success", success: { identity: { name: "first", ip: "127.22.0.1" } } })
  const identity = JSON.parse(await readFile(join(dataDir, "node.json"), "utf8")) as { nodeId: string }
  const cert = await readFile(join(dataDir, "tls", "cert.pem"), "utf8")
  expect(describe(cert)).toMatchObject({
    commonName: `node:${identity.nodeId}`,
    addresses: ["127.22.0.1", "localhost"],
  })
  expect((await stat(join(dataDir, "tls", "key.pem"))).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, "ca", "ca.key"))).mode & 0o777).toBe(0o600)
  expect((await manager.nodes()).map((node) => node.name)).toEqual(["first"])
})

test("of two nodes that come at once with a one-time token, one gets in", async () => {
  const token = await manager.token("once")
  const results = await Promise.all(
    ["127.22.1.1", "127.22.1.2", "127.22.1.3"].map((ip) => attempt({ token, ip, name: ip })),
  )
  expect(results.filter((result) => result._tag === "Success")).toHaveLength(1)
  for (const result of results) {
    if (result._tag === "Failure") expect(result.failure.message).toContain("The token is used up")
  }
  expect((await manager.nodes()).filter((node) => node.ip.startsWith("127.22.1."))).toHaveLength(1)
})

test("a node that did not hear that it was let in can't come in by its token any more", async () => {
  const token = await manager.token("once")
  const one = { token, ip: "127.22.19.1", name: "unheard" }
  const first = await attempt(one)
  // What it was answered is lost: it asks again, with a key of its own as before.
  const again = await attempt(one)
  if (first._tag === "Failure" || again._tag === "Failure") throw new Error("it was refused")
  expect(again.success.identity.nodeId).toBe(first.success.identity.nodeId)
  for (const other of [{ name: "another" }, { ip: "127.22.19.2" }])
    expect((await refusal({ ...one, ...other }))?.message).toContain("The token is used up")
  expect((await manager.nodes()).filter(({ ip }) => ip.startsWith("127.22.19."))).toHaveLength(1)
  await manager.run(Effect.flatMap(NodesRepo, (nodes) => nodes.seen(first.success.identity.nodeId, "0.0.0")))
  expect((await refusal(one))?.message).toContain("The token is used up")
})

test("used, expired, revoked, unknown and mistyped tokens are told apart", async () => {
  const used = await manager.token("once")
  await attempt({ token: used, ip: "127.22.2.1", name: "used" })
  expect((await refusal({ token: used, ip: "127.22.2.2" }))?.message).toContain("used up, it was for one node")

  const expired = await manager.token("many", 1)
  await waitFor(async () => (await refusal({ token: expired, ip: "127.22.2.3" }))?.message.includes("has expired"))

  const revoked = await manager.token("many")
  const { id = "" } = parseJoinToken(revoked) ?? {}
  await manager.run(Effect.flatMap(Joining, (joining) => joining.revokeToken(id, "ann")))
  expect((await refusal({ token: revoked, ip: "127.22.2.4" }))?.message).toContain("was revoked")

  const good = await manager.token("many")
  const wrong = good.replace(/_(....)/, "_0000")
  expect((await refusal({ token: wrong, ip: "127.22.2.5" }))?.message).toContain("knows no such token")
  const secret = good.split("_")[2] ?? ""
  const guessed = good.replace(secret, secret.split("").toReversed().join(""))
  expect((await refusal({ token: guessed, ip: "127.22.2.5" }))?.message).toContain("knows no such token")
  expect(await refusal({ token: good.slice(0, -1), ip: "127.22.2.5" })).toMatchObject({ reason: "token" })

  const states = await manager.run(Effect.flatMap(Joining, (joining) => joining.tokens))
  expect(states.find((token) => token.id === id)?.state).toBe("revoked")
  expect(states.map((token) => token.state)).toContain("used")
  expect(states.map((token) => token.state)).toContain("expired")
})

test("a token of another cluster is refused before it is sent", async () => {
  const token = await manager.token("once")
  const other = token.replace(/.{32}$/, "0".repeat(32))
  expect(await refusal({ token: other, ip: "127.22.3.1" })).toMatchObject({ reason: "pin" })
  // The right one still works: nothing used it up.
  expect(await attempt({ token, ip: "127.22.3.1", name: "pinned" })).toMatchObject({ _tag: "Success" })
})

test("plain http goes to this host only, and a page that is none is named", async () => {
  const token = await manager.token("many")
  const plain = await refusal({ token, ip: "127.22.4.1", url: "http://192.0.2.1:8800" })
  expect(plain).toMatchObject({ reason: "url" })
  expect(plain?.message).toContain("https://192.0.2.1:8800")
  expect(await refusal({ token, ip: "127.22.4.1", url: "muster.example" })).toMatchObject({ reason: "url" })
  const closed = await freePort("127.0.0.1")
  expect(await refusal({ token, ip: "127.22.4.1", url: `http://127.0.0.1:${closed}` })).toMatchObject({
    reason: "unreachable",
  })
})

test("an address belongs to one node, and a request that is forged or malformed is refused", async () => {
  const token = await manager.token("many")
  await attempt({ token, ip: "127.22.5.1", name: "owner" })
  const second = await refusal({ token, ip: "127.22.5.1", name: "squatter" })
  expect(second?.message).toContain('The address 127.22.5.1 is the joined node "owner"')
  const { csr } = await makeRequest("node")
  const body = { token, name: "x", ip: "127.22.5.2", port: 1, csr, version: "0" }
  expect(await asked({ ...body, csr: "forged" })).toMatchObject({ failure: { reason: "bad-csr" } })
  expect(await asked({ ...body, ip: "not an ip!" })).toMatchObject({ failure: { reason: "malformed" } })
  expect(await asked({ ...body, name: "../x" })).toMatchObject({ failure: { reason: "malformed" } })
  expect(await asked(null)).toMatchObject({ failure: { reason: "malformed" } })
  expect(await asked({ ...body, ip: "" })).toMatchObject({ success: { ip: "127.0.0.1" } })
})

test("a start with the same token does not join again", async () => {
  const dataDir = join(folder, "again")
  const token = await manager.token("once")
  const first = await attempt({ token, ip: "127.22.6.1", name: "again", dataDir })
  const second = await attempt({ token, ip: "127.22.6.1", name: "again", dataDir })
  expect(second).toEqual(first)
})

test("a node that joins again keeps its place, and its former certificate is refused", async () => {
  const ip = "127.22.7.1"
  const port = await freePort(ip)
  const dataDir = join(folder, "rejoin")
  const begin = async () =>
    startNode({ dataDir, ip, port, name: "rejoin", join: { url: manager.url, token: await manager.token("once") } })
  const former = await begin()
  const connected = () =>
    waitFor(async () => (await manager.nodes()).find((node) => node.ip === ip)?.connection === "connected")
  await connected()
  const before = await Effect.runPromise(readMembership(dataDir))
  await former.stop()
  const node = await begin()
  try {
    await connected()
    expect(node.nodeId).toBe(former.nodeId)
    expect((await manager.nodes()).filter((one) => one.ip === ip)).toHaveLength(1)
    const cert = before?.tls.cert ?? ""
    await waitFor(async () => {
      const trust: unknown = JSON.parse(await readFile(join(dataDir, "trust.json"), "utf8"))
      return JSON.stringify(trust).includes(serialOf(cert))
    })
    const after = await Effect.runPromise(readMembership(dataDir))
    expect(serialOf(after?.tls.cert ?? "")).not.toBe(serialOf(cert))
  } finally {
    await node.stop()
  }
})

test("a node that was revoked joins anew as another one, and its revisions are no obstacle", async () => {
  const ip = "127.22.9.1"
  const port = await freePort(ip)
  const dataDir = join(folder, "returned")
  const begin = async () =>
    startNode({ dataDir, ip, port, name: "returned", join: { url: manager.url, token: await manager.token("once") } })
  const trusted = async () => {
    const text = await readFile(join(dataDir, "trust.json"), "utf8")
    return (JSON.parse(text) as { revision: number }).revision
  }
  const live = () =>
    waitFor(async () => (await manager.nodes()).find((node) => node.ip === ip && node.connection === "connected"))
  const former = await begin()
  await live()
  const before = await waitFor(trusted)
  await former.stop()
  await manager.run(Effect.flatMap(Fleet, (fleet) => fleet.revoke(former.nodeId, "ann")))
  const node = await begin()
  try {
    expect((await live()).id).not.toBe(former.nodeId)
    expect(await waitFor(async () => (await trusted()) > before && trusted())).toBeGreaterThan(before)
  } finally {
    await node.stop()
  }
})

test("nobody without a certificate of the cluster gets past the handshake", async () => {
  const ip = "127.22.8.1"
  const port = await freePort(ip)
  const dataDir = join(folder, "mtls")
  const node = await startNode({
    dataDir,
    ip,
    port,
    name: "mtls",
    join: { url: manager.url, token: await manager.token("once") },
  })
  try {
    const ca = await readFile(join(folder, "ca", "ca.pem"), "utf8")
    const forged = await makeAuthority({ nowMs: Date.now() })
    const { csr, key } = await makeRequest("manager")
    const { pem } = await issue(forged, csr, { cn: "manager", addresses: [], days: 1, nowMs: Date.now() })
    const outcome = await dial({ to: { host: ip, port }, tls: { key, cert: pem, ca }, timeoutMs: 2_000 }).then(
      (duplex) =>
        new Promise((resolve) => duplex.handle({ data: resolve, drain: () => {}, close: () => resolve("closed") })),
      () => "closed",
    )
    expect(outcome).toBe("closed")
  } finally {
    await node.stop()
  }
})

test("forgetting takes a revoked node off the page, and a live one can't be forgotten", async () => {
  const { id } = (await manager.nodes()).find((node) => node.name === "owner")!
  const fleet = <A, E>(use: (fleet: Fleet["Service"]) => Effect.Effect<A, E>) => manager.run(Effect.flatMap(Fleet, use))
  await expect(fleet((one) => one.forget(id, "ann"))).rejects.toThrow("There is no node")
  await fleet((one) => one.revoke(id, "ann"))
  await expect(fleet((one) => one.revoke(id, "ann"))).rejects.toThrow("There is no node")
  await fleet((one) => one.forget(id, "ann"))
  expect((await manager.nodes()).map((node) => node.name)).not.toContain("owner")
})
