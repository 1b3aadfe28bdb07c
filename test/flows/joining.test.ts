import { createHash } from "node:crypto"
import { join } from "node:path"
import { connect } from "node:tls"
import { describe, expect, test, beforeAll, afterAll } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { freePort, Muster, temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

describe("joining", () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = new Cluster("127.1.17.1")
    await cluster.ready()
  }, 60_000)

  afterAll(() => cluster[Symbol.asyncDispose]())

  /** An agent that should not get in: its exit code and what it said. */
  const refused = async (ip: string, token: string) => {
    using folder = temporaryFolder()
    const args = ["--role=node", `--data=${folder.path}`, `--listen=${ip}:8821`, "--join", cluster.url]
    const agent = new Muster([...args, "--token", token])
    const code = await agent.exit()
    return { code, output: agent.output }
  }

  test("a token lets one node in, and the second is told that it is used", async () => {
    const token = await cluster.token("once")
    using folder = temporaryFolder()
    await using agent = new Muster([
      "--role=node",
      `--data=${folder.path}`,
      "--listen=127.1.17.100:8821",
      `--join=${cluster.url}`,
      `--token=${token}`,
    ])
    await agent.until("the first is in", async () => (await cluster.node("127.1.17.100"))?.connection === "connected")
    const second = await refused("127.1.17.101", token)
    expect(second.code).not.toBe(0)
    expect(second.output).toContain("used")
    expect(agent.running).toBe(true)
  }, 60_000)

  test("a token that the manager does not know is refused as unknown", async () => {
    const token = await cluster.token()
    const other = token.replace(
      /^(mst_[^_]+_)(.)/,
      (_, start: string, letter: string) => start + (letter === "A" ? "B" : "A"),
    )
    const { code, output } = await refused("127.1.17.102", other)
    expect(code).not.toBe(0)
    expect(output).toMatch(/unknown|knows no such token/i)
  }, 60_000)

  test("a token of another cluster is refused before anything is sent to this one", async () => {
    const pin = createHash("sha256").update("another CA").digest("hex").slice(0, 32)
    const { code, output } = await refused("127.1.17.103", (await cluster.token()).replace(/[0-9a-f]{32}$/, pin))
    expect(code).not.toBe(0)
    expect(output).toMatch(/CA|certificate authority/)
  }, 60_000)

  test("an expired token is refused as expired", async () => {
    const token = await cluster.token("many", 60_000)
    // The store is turned an hour back instead of waiting for it: the row is the only place that knows the time.
    await cluster.manager.stop()
    const database = new (await import("bun:sqlite")).Database(join(cluster.data, "muster.db"))
    const columns = database.query("select * from join_token limit 1").get() as Record<string, unknown>
    const column = Object.keys(columns).find((name) => name.startsWith("expires"))
    database.run(`update join_token set ${column} = ${column} - 3600000`)
    database.close()
    cluster.startManager()
    await cluster.ready()
    const { code, output } = await refused("127.1.17.104", token)
    expect(code).not.toBe(0)
    expect(output).toContain("expired")
  }, 60_000)

  test("without a certificate of the cluster nobody gets past the TLS handshake", async () => {
    const agent = await cluster.join("127.1.17.110")
    const outcome = await new Promise<string>((resolve) => {
      let received = 0
      const socket = connect({ host: agent.ip, port: 8821, rejectUnauthorized: false })
      socket.on("data", (chunk) => (received += chunk.length))
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(`${error.code ?? error.message}, ${received} bytes`))
      socket.on("close", () => resolve(`closed, ${received} bytes`))
      socket.on("secureConnect", () => socket.write(new Uint8Array(64)))
    })
    expect(outcome).toMatch(/, 0 bytes$/)
    expect((await cluster.node(agent.ip))?.connection).toBe("connected")
  }, 60_000)

  test("a revoked node is refused by the manager and by the other nodes' services", async () => {
    const keeper = await cluster.join("127.1.17.120")
    const outcast = await cluster.join("127.1.17.121")
    const port = await freePort("127.1.17.120")
    await cluster.api.call("POST", "/services", {
      name: "guarded",
      description: "",
      tls: "on",
      endpoints: [online(keeper.ip, port)],
    })
    await cluster.api.process("guarded", { workers: 1, tls: "on" })
    await cluster.api.clients("guarded", [keeper.ip, outcast.ip])
    await cluster.api.push("guarded")
    await waitFor(async () => (await outcast.call("guarded", "hello", "world")).code === 0, {
      what: "a call over mutual TLS",
    })

    const node = await cluster.node(outcast.ip)
    await cluster.api.call("DELETE", `/nodes/${node?.id}`)
    const said = await waitFor(
      async () => {
        const answer = await outcast.call("guarded", "hello", "world")
        return answer.code !== 0 && answer.output
      },
      { what: "the revoked node's call is refused" },
    )
    expect(said).toMatch(/revoked|permission_denied|unauthenticated|unavailable/)
    expect((await keeper.call("guarded", "hello", "world")).code).toBe(0)
    const nodes = await cluster.api.nodes()
    expect(nodes.find(({ id }) => id === node?.id)?.connection).toBe("revoked")
  }, 60_000)
})
