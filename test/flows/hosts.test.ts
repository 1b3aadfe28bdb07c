import { hostname } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { online } from "../support/cluster.ts"
import { type HostAgent, HostCluster, HostLoad, Network, whyNoHosts } from "../support/hosts.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")
const refused = whyNoHosts()
// A person who runs the tests should see why these did not run.
if (refused !== undefined) process.stderr.write(`Tests on several hosts are left out: ${refused}\n`)

type Knock = { bytes: number; ended: string }

describe.skipIf(refused !== undefined)("on three hosts", () => {
  let network: Network
  let cluster: HostCluster
  let second: HostAgent
  let third: HostAgent

  const host = (index: number) => {
    const found = network.hosts[index - 1]
    if (found === undefined) throw new Error(`There is no host ${index}`)
    return found
  }

  const call = (agent: HostAgent, service: string, method: string, ...args: ReadonlyArray<string>) =>
    agent.host.run("call", "--data", agent.data, "--timeout", "2s", service, method, ...args)

  /** Calls, each of a program of its own, until all these workers have answered. */
  const reaches = async (agent: HostAgent, service: string, workers: ReadonlyArray<number>) => {
    const seen = new Set<number>()
    await waitFor(
      async () => {
        const { code, output, stdout } = await call(agent, service, "who")
        if (code !== 0) throw new Error(output)
        seen.add((JSON.parse(stdout) as { pid: number }).pid)
        return workers.every((pid) => seen.has(pid))
      },
      { timeoutMs: 30_000, what: `${agent.host.name} reaches the workers ${workers.join(", ")}` },
    )
    expect([...seen].toSorted()).toEqual([...workers].toSorted())
  }

  beforeAll(async () => {
    network = new Network(3)
    cluster = new HostCluster(host(1), host(1).ip)
    await cluster.ready()
    second = await cluster.join(host(2))
    third = await cluster.join(host(3))
    const first = await cluster.join(host(1))
    const endpoints = [online(second.address, 9100), online(third.address, 9100)]
    await cluster.serve("probe", module, endpoints, [first.address, third.address])
  }, 120_000)

  afterAll(async () => {
    try {
      await cluster[Symbol.asyncDispose]()
    } finally {
      network[Symbol.dispose]()
    }
  }, 60_000)

  test("the page is HTTPS with HTTP/2, by a certificate of the cluster's authority", async () => {
    const page = await host(3).ask<{ protocol: string; status: number }>("http2", cluster.url, cluster.data)
    expect(page).toEqual({ protocol: "h2", status: 200 })
  }, 30_000)

  test("a node does not join over plain HTTP, and says so in one line", async () => {
    using folder = temporaryFolder()
    const plain = cluster.url.replace("https:", "http:")
    const args = ["--role=node", `--data=${folder.path}`, `--listen=${host(2).ip}:8830`]
    const { code, output } = await host(2).run(...args, "--join", plain, "--token", await cluster.token())
    expect(code).not.toBe(0)
    expect(output.trim().split("\n")).toHaveLength(1)
    expect(output).toContain(`plain http`)
    expect(output).toContain(cluster.url)
  }, 30_000)

  test("service and agent ports say nothing to a client without a certificate", async () => {
    const targets = [second.address, third.address].flatMap((ip) => [9100, 8821].map((port) => ({ ip, port })))
    const knocks = targets.flatMap(({ ip, port }) =>
      ["tcp", "tls"].map(async (how) => {
        const { bytes, ended } = await host(1).ask<Knock>("knock", how, ip, `${port}`)
        // TLS itself may answer a plain HELLO with an alert, which is 7 bytes.
        return { ip, port, how, quiet: bytes <= (how === "tcp" ? 7 : 0) && ended !== "silence" }
      }),
    )
    expect((await Promise.all(knocks)).filter(({ quiet }) => !quiet)).toEqual([])
  }, 30_000)

  test("calls from another host, and from the manager's, reach the workers of both hosts", async () => {
    const workers = [...second.workers, ...third.workers]
    expect(workers).toHaveLength(4)
    await reaches(third, "probe", workers)
    const [, , first] = cluster.agents
    if (first === undefined) throw new Error("host 1 has no agent")
    await reaches(first, "probe", workers)
  }, 60_000)

  test("a cut link costs a few calls, is named with its reason, and heals by itself", async () => {
    const workers = second.workers
    await using load = new HostLoad(third, "probe", 4)
    const answeredBySecond = (since: number) =>
      load.since(since).filter(({ pid }) => pid !== undefined && workers.includes(pid)).length
    await waitFor(() => answeredBySecond(0) > 50, { what: "calls reach the second host" })
    expect(load.outcomes.filter(({ error }) => error !== undefined)).toEqual([])

    const cutAt = Date.now()
    host(2).cut()
    const away = await waitFor(
      async () => {
        const node = await cluster.node(second.address)
        return node?.connection === "away" && node
      },
      { timeoutMs: 12_000, what: "the manager finds the second host away" },
    )
    expect(away.since - cutAt).toBeLessThan(10_000)
    expect(away.error).toContain(`${second.address}:8821`)
    await waitFor(() => load.since(cutAt).filter(({ error }) => error === undefined).length > 200, {
      what: "calls go on at the third host's own endpoint",
    })
    const failed = load.since(cutAt - 1_000).filter(({ error }) => error !== undefined)
    expect(failed.length).toBeLessThanOrEqual(12)
    const late = load.since(cutAt + 2_000)
    expect(late.filter(({ error }) => error !== undefined)).toEqual([])
    expect((await call(third, "probe", "who")).code).toBe(0)

    const pluggedAt = Date.now()
    host(2).plug()
    await waitFor(async () => (await cluster.node(second.address))?.connection === "connected", {
      timeoutMs: 6_000,
      what: "the manager is connected again",
    })
    await waitFor(() => answeredBySecond(pluggedAt) > 10, {
      timeoutMs: pluggedAt + 6_000 - Date.now(),
      what: "calls reach the second host again",
    })
    expect(load.since(cutAt + 2_000).filter(({ error }) => error !== undefined)).toEqual([])
    expect(second.workers.toSorted()).toEqual(workers.toSorted())
  }, 90_000)

  test("a host that missed a push while its link was cut has the list within 5 s of its return", async () => {
    host(3).cut()
    await waitFor(async () => (await cluster.node(third.address))?.connection === "away", {
      timeoutMs: 12_000,
      what: "the manager finds the third host away",
    })
    const { revision } = await cluster.service("probe")
    const endpoints = [online(second.address, 9100, 50), online(third.address, 9100)]
    const change = { name: "probe", description: "", tls: "auto", endpoints, baseRevision: revision, override: false }
    await cluster.api("PUT", "/services/probe", change)
    const pushed = await host(1).run("push", "probe", "--data", cluster.data, "--timeout", "1s")
    expect(pushed.code).toBe(1)
    expect(pushed.stdout).toContain(`${third.address}:8821`)
    expect(third.list("probe")?.revision).toBe(1)
    host(3).plug()
    await waitFor(() => third.list("probe")?.revision === 2, {
      timeoutMs: 5_000,
      what: "the third host has the new list",
    })
  }, 60_000)

  test("a node whose manager is out of reach goes on serving, also after its agent was started anew", async () => {
    host(1).cut()
    try {
      await using load = new HostLoad(third, "probe", 2)
      await waitFor(() => load.outcomes.length > 100, { what: "calls without a manager" })
      await third.process.stop()
      expect(third.workers).toEqual([])
      third.start()
      await waitFor(() => third.workers.length === 2, { timeoutMs: 20_000, what: "the workers of the third host" })
      await reaches(third, "probe", [...second.workers, ...third.workers])
    } finally {
      host(1).plug()
    }
    await waitFor(async () => (await cluster.node(third.address))?.connection === "connected", {
      timeoutMs: 6_000,
      what: "the manager is connected to the agent that was started anew",
    })
  }, 90_000)
})

describe.skipIf(refused !== undefined)("on two hosts", () => {
  let network: Network

  const host = (index: number) => {
    const found = network.hosts[index - 1]
    if (found === undefined) throw new Error(`There is no host ${index}`)
    return found
  }

  beforeAll(() => {
    network = new Network(2)
  })

  afterAll(() => network[Symbol.dispose]())

  const answers = async (agent: HostAgent, service: string) => {
    const { code, output } = await agent.host.run("call", "--data", agent.data, service, "TestService.test", "世界")
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("世界") as string })
  }

  test("everything goes over IPv6", async () => {
    await using cluster = new HostCluster(host(1), `[${host(1).ip6}]`)
    await cluster.ready()
    const page = await host(2).ask<{ status: number }>("http2", cluster.url, cluster.data)
    expect(page.status).toBe(200)
    const first = await cluster.join(host(1), host(1).ip6)
    const second = await cluster.join(host(2), host(2).ip6)
    // A person's way to write the second host's address is not the one that the node has.
    await cluster.serve("six", module, [online("FD00:0:0::2", 9200)], [first.address, "FD00::0:2"])
    await answers(first, "six")
    await answers(second, "six")
    const knock = await host(1).ask<Knock>("knock", "tls", second.address, "9200")
    expect(knock.bytes).toBe(0)
    const again = await second.process.stop()
    expect(again).toBe(0)
    second.start()
    await waitFor(async () => (await first.host.run("call", "--data", first.data, "six", "who")).code === 0, {
      what: "the service answers again",
    })
  }, 90_000)

  test("hosts, endpoints and clients may be host names", async () => {
    await using cluster = new HostCluster(host(1), "host1")
    await cluster.ready()
    const first = await cluster.join(host(1), "host1")
    const second = await cluster.join(host(2), "host2")
    await cluster.serve("named", module, [online("host2", 9300)], [first.address, second.address])
    await answers(first, "named")
    await answers(second, "named")
  }, 90_000)

  const wildcards = ["0.0.0.0", "[::]"]

  test.each(wildcards)(
    "on all addresses (%s) manager and node are found by any of them",
    async (all) => {
      using folder = temporaryFolder()
      const managerData = `${folder.path}/manager`
      await using manager = host(1).start(["--role=manager", `--data=${managerData}`, `--listen=${all}:8800`])
      await manager.until("its page is up", () => manager.output.includes("page"))
      const made = await host(1).run("token", "create", "--data", managerData)
      // The command for other hosts names the host, not the loopback address that was asked.
      expect(made.output).toMatch(new RegExp(`^mst_.*\\n.*--join https://${hostname()}:8800 --token mst_`))
      const token = made.stdout.split("\n")[0] ?? ""
      const args = ["--role=node", `--data=${folder.path}/node`, `--listen=${all}:8821`, "--token", token]
      await using agent = host(2).start([...args, "--join", "https://host1:8800"])
      await agent.until("the node is in", () => agent.output.includes("agent on"))
      await manager.until("the node is connected", async () => {
        const { output } = await host(1).run("nodes", "--data", managerData)
        return output.includes(`${host(2).ip}:8821`) && output.includes("connected")
      })
    },
    60_000,
  )
})
