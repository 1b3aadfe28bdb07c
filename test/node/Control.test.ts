import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { connect as connectTls } from "node:tls"
import type { TlsMaterial } from "../../src/platform/Transport.ts"
import { nodeMethods, type NodeStatus } from "../../src/protocol/NodeManager.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { certificate, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()

const endpoint = (port: number, status = "online") => ({ ip: "127.1.1.100", port, weight: 100, status })
const list = (revision: number, endpoints: ReadonlyArray<unknown>, over: object = {}) => ({
  list: {
    service: "greeter",
    revision,
    tls: "auto",
    endpoints,
    releasedAt: 1_700_000_000_000,
    releasedBy: "admin",
    ...over,
  },
})
const ports = (...all: ReadonlyArray<number>) => all.map((port) => endpoint(port))

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => new Error("it did not fail"),
    (error: unknown) => (error instanceof RpcError ? error : new Error(String(error))),
  )

test("a pushed list stands on the disk as it was sent when it is acked", async () => {
  await using node = await started()
  const { list: sent } = list(3, ports(9000, 9001))
  const ack = (await node.call(nodeMethods.applyList, { list: sent })) as { durableMs: number }
  expect(ack).toMatchObject({ service: "greeter", revision: 3, applied: true })
  expect(ack.durableMs).toBeGreaterThan(0)
  expect(JSON.parse(readFileSync(node.path("discovery", "greeter.json"), "utf8"))).toEqual(sent)
  expect((await node.status()).lists).toEqual([{ service: "greeter", revision: 3 }] as unknown as NodeStatus["lists"])
})

test("an older or equal revision is ignored and answered with what the node has", async () => {
  await using node = await started()
  await node.call(nodeMethods.applyList, list(3, ports(9000)))
  for (const revision of [2, 3]) {
    expect(await node.call(nodeMethods.applyList, list(revision, ports(9001)))).toMatchObject({
      revision: 3,
      applied: false,
    })
  }
  expect(readFileSync(node.path("discovery", "greeter.json"), "utf8")).toContain("9000")
})

test("revisions that arrive at once leave the newest on the disk", async () => {
  await using node = await started()
  const override = { by: "test", reason: "each takes all of the one before away" }
  const pushes = Array.from({ length: 20 }, (_, index) => ({ ...list(index + 1, ports(9000 + index)), override }))
  await Promise.all(pushes.map((push) => node.call(nodeMethods.applyList, push)))
  expect(JSON.parse(readFileSync(node.path("discovery", "greeter.json"), "utf8"))).toMatchObject({ revision: 20 })
})

const invalid: ReadonlyArray<readonly [string, unknown, string]> = [
  ["a port out of range", list(1, [endpoint(70_000)]), "list.endpoints.0.port: must be a whole number from 1 to 65535"],
  ["an endpoint twice", list(1, ports(9000, 9000)), "list.endpoints.1.port: 127.1.1.100:9000 is in the list twice"],
  ["a name that would leave the folder", list(1, ports(9000), { service: "../evil" }), "list.service: must start with"],
  ["a missing revision", list(undefined as never, ports(9000)), "list.revision"],
  ["no object at all", 7, "Expected"],
]
for (const [what, argument, message] of invalid) {
  test(`a list with ${what} is refused, naming the field, and nothing is written`, async () => {
    await using node = await started()
    const error = await failure(node.call(nodeMethods.applyList, argument))
    expect(error).toMatchObject({ code: "invalid_argument", executed: "no" })
    expect(error.message).toContain(message)
    expect(readdirSync(node.path("discovery"))).toEqual([])
  })
}

test("the guard refuses a list that takes too much away, unless a person lets it pass by name", async () => {
  await using node = await started()
  await node.call(nodeMethods.applyList, list(1, ports(9000, 9001, 9002)))
  const error = await failure(node.call(nodeMethods.applyList, list(2, ports(9000, 9001).slice(0, 1))))
  expect(error).toMatchObject({ code: "failed_precondition", details: { guard: { _tag: "Loss", lost: 2, of: 3 } } })
  expect(error.message).toBe(
    "revision 2 of greeter is refused: the list loses 2 of 3 online endpoints at once (more than 30 %)",
  )
  const override = { by: "alice", reason: "moving the hosts" }
  await node.call(nodeMethods.applyList, { ...list(2, ports(9000)), override })
  expect(node.logs).toContain("list of greeter is now revision 2, let past the guard by alice")
})

test("a removed list is gone from the disk, and a second removal is no error", async () => {
  await using node = await started()
  await node.call(nodeMethods.applyList, list(1, ports(9000)))
  await node.call(nodeMethods.removeList, { service: "greeter" })
  await node.call(nodeMethods.removeList, { service: "greeter" })
  expect(existsSync(node.path("discovery", "greeter.json"))).toBe(false)
  expect((await node.status()).lists).toEqual([])
})

test("the lists, the process set and the trust are there after a restart", async () => {
  await using node = await started()
  await node.call(nodeMethods.applyList, list(7, ports(9000)))
  await node.apply(5)
  await node.call(nodeMethods.applyTrust, { revision: 9, revoked: ["abc"] })
  const before = await node.status()
  await node.stop()
  await node.start()
  const after = await node.status()
  expect(after).toMatchObject({ processesRevision: 5, trustRevision: 9, lists: before.lists })
  expect(after.seq).toBeGreaterThan(before.seq)
})

test("damaged state files are reported with their path, set aside, and don't keep the node from starting", async () => {
  await using node = await new TestNode().join()
  await node.start()
  await node.call(nodeMethods.applyList, list(7, ports(9000)))
  await node.stop()
  const paths = ["discovery/other.json", "discovery/greeter.json", "processes.json", "trust.json"].map((p) =>
    node.path(p),
  )
  writeFileSync(paths[0] ?? "", readFileSync(paths[1] ?? "", "utf8"))
  for (const path of paths.slice(1)) writeFileSync(path, '{"revision": 1, "serv')
  await node.start()
  for (const path of paths) {
    expect(existsSync(`${path}.corrupt`)).toBe(true)
    expect(node.logs).toContain(path)
  }
  expect(await node.status()).toMatchObject({ lists: [], processesRevision: 0, trustRevision: 0 })
  await node.call(nodeMethods.applyList, list(7, ports(9000)))
})

test("the status is answered when something changes, and after the wait when nothing does", async () => {
  await using node = await started()
  const { seq } = await node.status()
  const idle = (await node.call(nodeMethods.status, { after: seq, waitMs: 50 })) as NodeStatus
  expect(idle.seq).toBe(seq)
  const poll = node.call(nodeMethods.status, { after: seq, waitMs: 15_000 }) as Promise<NodeStatus>
  await node.call(nodeMethods.applyList, list(1, ports(9000)))
  const changed = await poll
  expect(changed.seq).toBeGreaterThan(seq)
  expect(changed.lists.length).toBe(1)
})

test("a node may ping, and everything else is the manager's alone", async () => {
  await using node = await started()
  const connection = await node.connect(await certificate("node:n2"))
  expect(await connection.call("ping", [], { timeoutMs: 2_000 })).toBe("pong")
  for (const method of Object.values(nodeMethods)) {
    const error = await failure(connection.call(method, [{}], { timeoutMs: 2_000 }))
    expect(error).toMatchObject({ code: "permission_denied" })
  }
  connection.close()
})

test("a revoked certificate is refused, also on a connection that is open already", async () => {
  await using node = await started()
  const stranger = await certificate("manager")
  const open = await node.connect(stranger)
  await open.call(nodeMethods.status, [{ after: 0, waitMs: 0 }], { timeoutMs: 2_000 })
  await node.call(nodeMethods.applyTrust, { revision: 1, revoked: [stranger.serial] })
  expect(await failure(open.call(nodeMethods.status, [{ after: 0, waitMs: 0 }], { timeoutMs: 2_000 }))).toMatchObject({
    code: expect.stringMatching(/permission_denied|unavailable/),
  })
  expect((await failure(node.connect(stranger))).message).toContain("revoked")
})

test("without a certificate of the cluster nobody gets past the handshake", async () => {
  await using node = await started()
  const { ca } = await certificate("x")
  const outcome = (tls: Partial<TlsMaterial>) =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        host: "127.0.0.1",
        port: node.port,
        ca,
        checkServerIdentity: () => undefined,
        ...tls,
      })
      socket.on("data", () => resolve("answered"))
      socket.on("error", () => resolve("refused"))
      socket.on("close", () => resolve("refused"))
      socket.on("secureConnect", () => socket.write(Buffer.from("x".repeat(64))))
    })
  expect(await outcome({})).toBe("refused")
})

test("a second agent on the same port says in one sentence who has it", async () => {
  await using first = await started()
  await using second = await new TestNode().join()
  const error = await failure(second.start({ listen: { host: "127.0.0.1", port: first.port } }))
  expect(error.message).toMatch(
    new RegExp(`Cannot listen: 127\\.0\\.0\\.1:${first.port} is in use by pid ${process.pid} \\(`),
  )
})

test("a second agent on the same data folder is refused, and the first one goes on", async () => {
  await using first = await started()
  await using second = await new TestNode().join()
  const error = await failure(
    second.start({ dataDir: first.dataDir, listen: { host: "127.0.0.1", port: await freePort() } }),
  )
  expect(error.message).toContain(`another agent runs on the data folder ${first.dataDir}`)
  expect(await first.status()).toMatchObject({ nodeId: "n1" })
})

test("a node without a certificate says how to get one", async () => {
  await using node = new TestNode()
  const error = await failure(node.start())
  expect(error.message).toContain("this node belongs to no cluster yet")
  expect(error.message).toContain("--join URL --token TOKEN")
})

test("a stop ends in bounded time though the manager's long poll is open", async () => {
  await using node = await started()
  const { seq } = await node.status()
  const poll = failure(node.call(nodeMethods.status, { after: seq, waitMs: 60_000 }))
  await waitFor(() => node.status())
  const began = performance.now()
  await node.stop()
  // Long before the poll is over.
  expect(performance.now() - began).toBeLessThan(15_000)
  await poll
})
