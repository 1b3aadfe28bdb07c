import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { TestNode } from "../../node/TestNode.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { api, startManager, type TestManager } from "./TestManager.ts"

setDefaultTimeout(60_000)

type Line = {
  readonly event?: string
  readonly at: number
  readonly node: string
  readonly place: string
  readonly stream: string
  readonly text: string
  readonly message?: string
}

const module = `
  let i = 0
  import { context } from "muster/service"
  console.error("a complaint of " + process.pid)
  export const fail = (text: string) => context().log.error(text)
  export const say = (text: string, times = 1) => {
    for (let n = 0; n < times; n++) console.log(text + " " + ++i)
  }
`

/** The API's answer as it comes, line by line. */
class Reader {
  readonly lines: Array<Line> = []
  readonly #over = new AbortController()
  readonly done: Promise<void>

  constructor(manager: TestManager, query: string) {
    this.done = this.#read(manager, query).catch(() => undefined)
  }

  get texts() {
    return this.lines.filter(({ event }) => event === undefined).map(({ text }) => text)
  }

  async #read(manager: TestManager, query: string) {
    const response = await fetch(`${manager.url}/api/services/talker/logs?${query}`, {
      headers: { authorization: `Bearer ${manager.token}` },
      signal: this.#over.signal,
    })
    let rest = ""
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n")
      rest = parts.pop() ?? ""
      for (const part of parts) if (part !== "") this.lines.push(JSON.parse(part) as Line)
    }
  }

  async [Symbol.asyncDispose]() {
    this.#over.abort()
    await this.done
  }
}

describe("the logs of a service on two nodes", () => {
  let manager: TestManager
  const nodes: Array<TestNode> = []
  const ips = ["127.44.1.1", "127.44.1.2"]
  let port = 0
  const ports: Array<number> = []

  const join = async (index: number) => {
    const { token } = (await api(manager)("POST", "/tokens", { kind: "once" })).body
    ports[index] = await freePort(ips[index])
    const node = new TestNode()
    await node.start({
      name: `node-${index}`,
      listen: { host: ips[index]!, port: ports[index]! },
      join: { url: manager.url, token },
    })
    nodes.push(node)
  }

  const callOn = async (index: number, method: string, ...args: ReadonlyArray<unknown>) => {
    const { connect } = await import("../../../src/client/connect.ts")
    const client = connect("talker", {
      endpoints: [{ ip: ips[index]!, port, weight: 100, status: "online" }],
      tls: "off",
      timeoutMs: 10_000,
    })
    try {
      await client.call(method, ...args)
    } finally {
      client.close()
    }
  }

  const say = (index: number, text: string, times = 1) => callOn(index, "say", text, times)

  const read = async (query: string) => {
    await using reader = new Reader(manager, query)
    await reader.done
    return reader
  }

  beforeAll(async () => {
    manager = await startManager()
    await join(0)
    await join(1)
    port = await freePort(ips[0])
    const call = api(manager)
    const endpoints = ips.map((ip) => ({ ip, port, weight: 100, status: "online" }))
    await call("POST", "/services", { name: "talker", endpoints, tls: "off" })
    const path = nodes[0]!.module("talker.ts", module)
    await call("PUT", "/services/talker/process", { kind: "module", module: path, workers: 1, tls: "off" })
    await waitFor(
      async () => {
        const texts = (await read("stream=err")).texts
        return texts.filter((text) => text.startsWith("a complaint of ")).length === 2
      },
      { timeoutMs: 40_000 },
    )
  })
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]()
    await manager.stop()
  })

  test("are merged in the order of time, and chosen by what the query says", async () => {
    await say(0, "first")
    await Bun.sleep(150)
    await say(1, "second")
    await Bun.sleep(150)
    await say(0, "third")
    const said = async (query: string) =>
      (await read(query)).texts.filter((text) => /^(first|second|third) /.test(text))
    await waitFor(async () => (await said("")).length === 3)
    expect(await said("")).toEqual(["first 1", "second 1", "third 2"])
    expect(await said("node=node-1")).toEqual(["second 1"])
    expect(await said("tail=1")).toEqual(["third 2"])
    expect(await said("search=SECOND")).toEqual(["second 1"])
    expect(await said("place=0&stream=err")).toEqual([])
    const { lines } = await read("search=third")
    expect(lines).toEqual([
      expect.objectContaining({
        node: "node-0",
        place: "0",
        stream: "out",
        text: "third 2",
        process: `talker@${port}`,
      }),
      { event: "caughtUp" },
    ] as never)
    expect(await said(`from=${lines[0]!.at}`)).toEqual(["third 2"])
    expect(await said(`to=${new Date(lines[0]!.at - 100).toISOString()}`)).toEqual(["first 1", "second 1"])
  })

  test("are of a least level, each node choosing its own, as they were and as they come", async () => {
    await callOn(0, "fail", "early")
    await say(0, "harmless")
    await waitFor(async () => (await read("search=harmless")).texts.length === 1)
    const messages = (texts: ReadonlyArray<string>) =>
      texts.map((text) => text.replace(/^.*\] (.*?) {2}trace=.*$/, "$1").replace(/\d+$/, "N"))
    expect(messages((await read("level=error")).texts)).toEqual(["early"])
    expect(messages((await read("level=warn&tail=10")).texts)).toEqual([
      "a complaint of N",
      "a complaint of N",
      "early",
    ])
    await using reader = new Reader(manager, "level=error&follow=1&tail=1")
    await waitFor(() => reader.lines.some(({ event }) => event === "caughtUp"))
    await say(1, "harmless")
    await callOn(1, "fail", "late")
    await waitFor(() => reader.texts.length === 2)
    expect(messages(reader.texts)).toEqual(["early", "late"])
    const download = await fetch(`${manager.url}/api/services/talker/logs?format=text&level=error`, {
      headers: { authorization: `Bearer ${manager.token}` },
    })
    expect((await download.text()).trimEnd().split("\n")).toEqual([
      expect.stringMatching(/ node-0 0 err \| \S+ ERROR \[0 \d+\] early /),
      expect.stringMatching(/ node-1 0 err \| \S+ ERROR \[0 \d+\] late /),
    ])
  })

  test("are downloaded as text, and their files listed", async () => {
    const response = await fetch(`${manager.url}/api/services/talker/logs?format=text&search=first`, {
      headers: { authorization: `Bearer ${manager.token}` },
    })
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="talker.log"')
    expect(await response.text()).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z node-0 0 out \| first 1\n$/)
    const { body } = await api(manager)("GET", "/services/talker/logs/files")
    expect(body.silent).toEqual([])
    expect(body.nodes.map(({ node }: { node: string }) => node)).toEqual(["node-0", "node-1"])
    expect(body.nodes[0].files.map(({ place, stream }: Line) => `${place} ${stream}`).toSorted()).toEqual([
      "0 err",
      "0 out",
    ])
  })

  test("a query that means nothing is refused, with its field", async () => {
    const refused = async (query: string) => (await api(manager)("GET", `/services/talker/logs?${query}`)).body.fields
    expect(await refused("tail=x")).toEqual({ tail: expect.any(String) })
    expect(await refused("from=yesterday")).toEqual({ from: expect.stringContaining("2026-11-26T04:17:51Z") })
    expect(await refused("stream=both")).toEqual({ stream: expect.any(String) })
    expect(await refused("level=loud")).toEqual({ level: 'must be debug, info, warn or error, not "loud"' })
    expect(await refused("follow=1&to=1")).toEqual({ follow: expect.any(String) })
    expect((await api(manager)("GET", "/services/talker/logs?node=nobody")).status).toBe(404)
  })

  test("a follower gets new lines of both, and survives a node's restart without a line twice or lost", async () => {
    await using reader = new Reader(manager, "follow=1&tail=0&search=news")
    await waitFor(() => reader.lines.some(({ event }) => event === "caughtUp"))
    await say(0, "news", 2)
    await say(1, "news", 2)
    await waitFor(() => reader.texts.length === 4)
    const node = nodes[1]!
    await node.stop()
    await waitFor(() => reader.lines.find(({ event, node }) => event === "away" && node === "node-1"))
    await say(0, "news", 3)
    await waitFor(() => reader.texts.length === 7)
    await node.start({ name: "node-1", listen: { host: ips[1]!, port: ports[1]! } })
    await waitFor(async () => {
      await say(1, "news of the new one")
      return true
    })
    await waitFor(() => reader.texts.length === 8, { timeoutMs: 20_000 })
    await waitFor(() => reader.lines.some(({ event, node }) => event === "back" && node === "node-1"))
    expect(reader.texts.filter((text) => text.startsWith("news of"))).toEqual(["news of the new one 1"])
  })
})
