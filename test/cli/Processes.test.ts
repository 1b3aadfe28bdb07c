import { createServer } from "node:net"
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(180_000)

const ips = ["127.47.2.100", "127.47.2.101"] as const
let cluster: Cluster
beforeAll(async () => {
  cluster = new Cluster("127.47.2.1")
  await cluster.ready()
  for (const ip of ips) await cluster.join(ip, "executable", ["--name", `node-${ip.slice(-3)}`, "--gateway=off"])
  await cluster.greeter(
    "shop",
    ips.map((ip) => online(ip, 9147)),
    { workers: 2 },
  )
})
afterAll(() => cluster[Symbol.asyncDispose]())

const muster = async (...args: ReadonlyArray<string>) => {
  const { code, output, stdout } = await run([...args, "--data", cluster.data])
  return { code, output, lines: stdout.trimEnd().split("\n") }
}
const cells = (line: string | undefined) => (line ?? "").split(/ {2,}/)
const workersOf = (ip: string) => cluster.agents.find((agent) => agent.ip === ip)!.workers()

describe("muster", () => {
  test("status shows each instance of each node, and fails when something is not as wanted", async () => {
    const { code, lines } = await muster("status")
    expect(code).toBe(0)
    expect(cells(lines[0])).toEqual([
      "SERVICE",
      "NODE",
      "PROCESS",
      "INSTANCE",
      "STATE",
      "PID",
      "UPTIME",
      "RESTARTS",
      "REASON",
    ])
    expect(lines.slice(1).map((line) => cells(line).slice(0, 5))).toEqual([
      ["shop", "node-100", "shop@9147", "0", "RUNNING"],
      ["shop", "node-100", "shop@9147", "1", "RUNNING"],
      ["shop", "node-101", "shop@9147", "0", "RUNNING"],
      ["shop", "node-101", "shop@9147", "1", "RUNNING"],
    ])
    const json = await muster("status", "shop", "--json")
    const [service] = (JSON.parse(json.lines.join("")) as { services: ReadonlyArray<{ name: string }> }).services
    expect(service?.name).toBe("shop")
    expect((await muster("services")).lines.map(cells)).toContainEqual(
      expect.arrayContaining(["shop", "healthy", "2 of 2 nodes, 4 of 4 ready"]),
    )
  })

  test("stop ends the processes of one node, and says what came of it", async () => {
    const { code, lines } = await muster("stop", "shop", "--node", "node-101")
    expect(lines.at(-1)).toBe("shop: stopped on 1 of 1 node")
    expect(cells(lines[1]).slice(0, 5)).toEqual(["shop", "node-101", "shop@9147", "done", "0 of 0"])
    expect(code).toBe(0)
    expect([workersOf(ips[0]).length, workersOf(ips[1]).length]).toEqual([2, 0])
  })

  test("what is stopped does not come back with its agent, nor with the manager", async () => {
    const [, agent] = cluster.agents
    await agent?.cutPower()
    const away = await muster("stop", "shop", "--node", "node-101")
    expect(away.lines.at(-1)).toBe("shop: stopped on 0 of 1 node, 1 away and told when back")
    expect(away.code).toBe(1)
    agent?.start()
    await cluster.manager.stop("SIGKILL")
    cluster.startManager()
    await cluster.ready()
    await waitFor(async () => (await cluster.node(ips[1]))?.connection === "connected", { timeoutMs: 60_000 })
    const { code, lines } = await muster("status", "shop")
    expect(lines.slice(3).map((line) => cells(line)[4])).toEqual(["STOPPED"])
    expect(code).toBe(0)
    expect([workersOf(ips[0]).length, workersOf(ips[1]).length]).toEqual([2, 0])
  })

  test("start of what was stopped on a node while it was away starts it when it is back", async () => {
    const [, agent] = cluster.agents
    await agent?.cutPower()
    const kept = await muster("start", "shop")
    expect(kept.lines.at(-1)).toBe("shop: started on 1 of 2 nodes, 1 away and told when back")
    agent?.start()
    await waitFor(() => workersOf(ips[1]).length === 2, { timeoutMs: 60_000 })
    await waitFor(async () => (await muster("status", "shop")).code === 0, { timeoutMs: 60_000 })
  })

  test("scale touches only the difference", async () => {
    const before = workersOf(ips[0]).map(({ pid }) => pid)
    const { code, lines } = await muster("scale", "shop", "3")
    expect(lines.at(-1)).toBe("shop: scaled to 3 on 2 of 2 nodes")
    expect(code).toBe(0)
    const after = workersOf(ips[0]).map(({ pid }) => pid)
    expect(after).toHaveLength(3)
    expect(after).toEqual(expect.arrayContaining(before))
    expect((await muster("scale", "shop", "300")).code).toBe(2)
  })

  test("restart of several services has a result for each", async () => {
    const { code, lines } = await muster("restart", "shop", "nobody", "--timeout", "60s")
    expect(lines.at(-1)).toBe('nobody: There is no service "nobody"')
    expect(lines.at(-2)).toBe("shop: restarted on 2 of 2 nodes")
    expect(code).toBe(1)
    const one = await muster("restart", "shop", "--instance", "0")
    expect([one.code, one.output]).toEqual([2, expect.stringContaining("--instance needs --node")])
    const single = await muster("restart", "shop", "--node", "node-100", "--instance", "0", "--json")
    expect(JSON.parse(single.lines.join(""))).toMatchObject({ results: [{ service: "shop", outcome: "done" }] })
  })

  test("status says why nothing is started at all", async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen({ host: ips[0], port: 9148 }, resolve))
    await cluster.api.create("late", [online(ips[0], 9148)])
    await cluster.api.process("late", { workers: 1 })
    const rows = async () => (await muster("status", "late")).lines.slice(1).map((line) => cells(line))
    await waitFor(async () => (await rows())[0]?.[4] === "BACKOFF", { timeoutMs: 30_000 })
    const why = expect.stringContaining("127.47.2.100:9148 is in use")
    expect(await rows()).toEqual([["late", "node-100", "late@9148", "-", "BACKOFF", why]])
    taken.close()
    await waitFor(async () => (await rows())[0]?.[4] === "RUNNING", { timeoutMs: 30_000 })
  })
})
