import { expect, test } from "bun:test"
import mysql from "mysql2/promise"
import { Cluster, online } from "../support/cluster.ts"
import { mariadb } from "../support/mariadb.ts"
import { waitFor } from "../support/waitFor.ts"

test("a manager on MySQL: first run, a service, a node, a push, a call, and all of it after its restart", async () => {
  const database = await (await mariadb()).freshDatabase()
  await using cluster = new Cluster("127.1.29.1", "executable", [`--database=${database}`])
  await cluster.ready()
  expect(cluster.manager.stdout).toContain("login admin / ")
  expect(cluster.manager.output).not.toContain(new URL(database).password)

  const node = await cluster.join("127.1.29.100")
  await cluster.greeter("orders", [online(node.ip, 9190)])
  expect(node.list("orders")?.revision).toBe(1)
  expect((await node.call("orders", "hello", "世界")).stdout).toContain("世界")
  const before = await cluster.api.service("orders")
  expect(before.clientsList).toMatchObject([{ ip: node.ip, revision: 1, error: null, connection: "connected" }])
  const [joined] = await cluster.api.nodes()

  await cluster.manager.stop()
  cluster.startManager()
  await cluster.ready()
  expect(cluster.manager.stdout).not.toContain("login ")
  await waitFor(async () => (await cluster.node(node.ip))?.connection === "connected", {
    timeoutMs: 10_000,
    what: "the node is connected to the restarted manager",
  })
  const after = await cluster.api.service("orders")
  expect(after).toMatchObject({ id: before.id, revision: 1, createdAt: before.createdAt, createdBy: before.createdBy })
  expect(after.clientsList).toMatchObject([{ id: before.clientsList[0]?.id, revision: 1, error: null }])
  expect((await cluster.api.nodes())[0]).toMatchObject({ id: joined?.id, joinedAt: joined?.joinedAt })

  await cluster.api.call("PUT", "/services/orders", { endpoints: [online(node.ip, 9190, 40)] })
  const { clients } = await cluster.api.push("orders")
  expect(clients).toMatchObject([{ ip: node.ip, state: "ok", revision: 2 }])
  expect(node.list("orders")?.endpoints).toEqual([online(node.ip, 9190, 40)])
  expect((await node.call("orders", "hello", "again")).stdout).toContain("again")

  const connection = await mysql.createConnection(database)
  const [rows] = await connection.query(
    "select revision, state from endpoint_list where service_id = ? order by revision",
    [before.id],
  )
  await connection.end()
  expect(rows).toEqual([
    { revision: 1, state: "superseded" },
    { revision: 2, state: "released" },
  ] as never)
}, 120_000)
