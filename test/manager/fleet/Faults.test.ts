import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { Joining } from "../../../src/manager/fleet/Joining.ts"
import { makeRequest } from "../../../src/platform/Certificates.ts"
import { waitFor } from "../../support/waitFor.ts"
import { joinAgent } from "./TestAgent.ts"
import { freePort, online, removeFolder, startManager, temporaryFolder, type TestManager } from "./TestFleet.ts"

let folder: string
let manager: TestManager

beforeAll(async () => {
  folder = await temporaryFolder()
  manager = await startManager(folder)
})
afterAll(async () => {
  await manager.stop()
  await removeFolder(folder)
})

const connection = async (ip: string) => (await manager.nodes()).find((node) => node.ip === ip)?.connection
const agentAt = async (ip: string) => {
  const agent = await joinAgent(manager, `host-${ip}`, ip, await freePort(ip))
  await agent.start()
  await waitFor(async () => (await connection(ip)) === "connected")
  return agent
}
const clientOf = async (service: string) => (await manager.service(service)).clientsList[0]
const restarted = async () => {
  await manager.stop()
  manager = await startManager(folder)
}
const four = [1, 2, 3, 4].map((at) => online(`10.0.0.${at}`, 1))

test("a push right after a node has joined waits for its first connection", async () => {
  const ip = "127.25.0.1"
  const agent = await joinAgent(manager, "slow", ip, await freePort(ip))
  const { id } = await manager.create("early", four)
  await manager.services((services) => services.addClients(id, [ip], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  // Longer than the first tries take to be refused.
  await Bun.sleep(700)
  await agent.start()
  expect(await manager.pushes((pushes) => pushes.settled(id))).toMatchObject({ ok: 1, failed: 0 })
  await agent.stop()
})

test("a manager that stops during a push owes the rest of it, also of an operational change behind it", async () => {
  const ip = "127.25.0.2"
  const agent = await agentAt(ip)
  const { id } = await manager.create("owed", four)
  const other = await manager.create("switched", four)
  for (const service of [id, other.id]) {
    await manager.services((services) => services.addClients(service, [ip], "ann"))
  }
  agent.hanging = true
  for (const service of [id, other.id]) await manager.pushes((pushes) => pushes.start(service, "all", "ann"))
  await manager.services((services) =>
    services.setEndpointStatus(other.id, { ip: "10.0.0.2", port: 1, status: "offline", override: false }, "ann"),
  )
  await manager.stop()
  expect(agent.lists.size).toBe(0)
  agent.hanging = false
  manager = await startManager(folder)
  await waitFor(() => agent.lists.get("owed")?.revision === 1, { what: "the list of the push" })
  await waitFor(() => agent.lists.get("switched")?.revision === 2, { what: "the operational change" })
  await agent.stop()
})

test("what failed while a node was away is no failure any more when it returns with the list", async () => {
  const ip = "127.25.0.3"
  const agent = await agentAt(ip)
  const { id } = await manager.create("twice", four)
  await manager.services((services) => services.addClients(id, [ip], "ann"))
  const push = async () => {
    await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
    return manager.pushes((pushes) => pushes.settled(id))
  }
  expect(await push()).toMatchObject({ ok: 1 })
  await agent.stop()
  await waitFor(async () => (await connection(ip)) === "away")
  expect(await push()).toMatchObject({ failed: 1 })
  expect((await clientOf("twice"))?.error).not.toBeNull()
  await agent.start()
  await waitFor(async () => (await clientOf("twice"))?.error === null, { what: "the failure is gone" })
  expect(await clientOf("twice")).toMatchObject({ revision: 1, connection: "connected" })
  await agent.stop()
})

test("a service that takes the name of a deleted one starts above its revisions", async () => {
  const first = await manager.create("former", four)
  for (const weight of [1, 2, 3]) {
    await manager.services((services) =>
      services.update(
        first.id,
        {
          name: ServiceName.make("former"),
          description: "",
          tls: "auto",
          endpoints: four.map((one) => ({ ...one, weight })),
          baseRevision: weight,
          override: false,
        },
        "ann",
      ),
    )
  }
  await manager.services((services) => services.remove(first.id, "ann"))
  const { id } = await manager.create("newcomer", four)
  const input = { description: "", tls: "auto", endpoints: four, baseRevision: 1, override: false } as const
  await manager.services((services) => services.update(id, { ...input, name: ServiceName.make("former") }, "ann"))
  expect((await manager.service("former")).revision).toBe(5)
})

test("of two nodes that take one address at once, one gets in", async () => {
  const token = await manager.token()
  const join = async (name: string, port: number) => {
    const { csr } = await makeRequest("node")
    const request = { token, name, ip: "127.25.0.9", port, csr, version: "0.0.0" }
    return manager.run(Effect.flatMap(Joining, (joining) => Effect.result(joining.join(request, "127.0.0.1"))))
  }
  const answers = await Promise.all([join("one", 8_821), join("two", 8_822), join("three", 8_823)])
  expect(answers.map((answer) => answer._tag).toSorted()).toEqual(["Failure", "Failure", "Success"])
  expect((await manager.nodes()).filter((node) => node.ip === "127.25.0.9")).toHaveLength(1)
})

test("a version that no column holds is refused, not stored", async () => {
  const { csr } = await makeRequest("node")
  const request = {
    token: await manager.token(),
    name: "long",
    ip: "127.25.0.8",
    port: 1,
    csr,
    version: "9".repeat(65),
  }
  const answer = await manager.run(Effect.flatMap(Joining, (joining) => Effect.flip(joining.join(request, ""))))
  expect(answer).toMatchObject({ reason: "malformed" })
})

test("cancelling does not take back what was pushed since", async () => {
  await restarted()
  const ip = "127.25.0.4"
  const agent = await agentAt(ip)
  const { id } = await manager.create("kept", four)
  await manager.services((services) => services.addClients(id, [ip], "ann"))
  agent.hanging = true
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.services((services) =>
    services.setEndpointStatus(id, { ip: "10.0.0.2", port: 1, status: "offline", override: false }, "ann"),
  )
  await manager.pushes((pushes) => pushes.cancel(id))
  agent.hanging = false
  await waitFor(() => agent.lists.get("kept")?.revision === 2, { what: "the operational change" })
  await agent.stop()
})

test("a client that is restored gets what was pushed to all meanwhile, not the list of before", async () => {
  const ip = "127.25.0.5"
  const agent = await agentAt(ip)
  const { id } = await manager.create("back", four)
  const [client] = await manager.services((services) => services.addClients(id, [ip], "ann"))
  await manager.pushes((pushes) => pushes.start(id, "all", "ann"))
  await manager.pushes((pushes) => pushes.settled(id))
  await manager.services((services) => services.removeClient(id, client!.id, "ann"))
  await waitFor(() => !agent.lists.has("back"))
  await manager.services((services) =>
    services.setEndpointStatus(id, { ip: "10.0.0.2", port: 1, status: "offline", override: false }, "ann"),
  )
  await manager.services((services) => services.restoreClient(id, client!.id, "ann"))
  const list = await waitFor(() => agent.lists.get("back"))
  expect(list.revision).toBe(2)
  await agent.stop()
})
