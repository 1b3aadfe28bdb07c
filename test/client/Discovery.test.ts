import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { connect } from "../../src/client/index.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { pushList } from "./fixtures/lists.ts"
import { TestServer } from "./fixtures/TestServer.ts"

type Who = { ip: string; port: number }

describe("a pushed endpoint list", () => {
  test("is used by the next call, and a new one within a second", async () => {
    using data = temporaryFolder()
    await using first = await TestServer.start()
    await using second = await TestServer.start()
    pushList(data.path, { revision: 1, endpoints: [first.endpoint()] })
    const client = connect("greeter", { dataDir: data.path })
    expect((await client.call<Who>("who")).port).toBe(first.port)
    for (let revision = 2; revision < 12; revision++) {
      const server = revision % 2 === 0 ? second : first
      pushList(data.path, { revision, endpoints: [server.endpoint()] })
      const pushedAt = performance.now()
      await waitFor(async () => (await client.call<Who>("who")).port === server.port)
      expect(performance.now() - pushedAt).toBeLessThan(1_000)
    }
    client.close()
  })

  test("lets calls end on the endpoint that it takes away", async () => {
    using data = temporaryFolder()
    await using first = await TestServer.start()
    await using second = await TestServer.start()
    pushList(data.path, { revision: 1, endpoints: [first.endpoint()] })
    const client = connect("greeter", { dataDir: data.path, timeoutMs: 5_000 })
    await client.call("hello", "a")
    const running = client.call("sleep", 1_000)
    pushList(data.path, { revision: 2, endpoints: [first.endpoint({ status: "offline" }), second.endpoint()] })
    await waitFor(async () => (await client.call<Who>("who")).port === second.port)
    expect(await running).toBe("slept")
    client.close()
  })

  test("may come after the client, into a folder that comes after it too", async () => {
    using data = temporaryFolder()
    await using server = await TestServer.start()
    const client = connect("greeter", { dataDir: join(data.path, "later") })
    const error: unknown = await client.call("hello", "a").catch((reason: unknown) => reason)
    expect(String(error)).toContain(`no endpoint list at ${data.path}/later/discovery/greeter.json`)
    pushList(join(data.path, "later"), { revision: 1, endpoints: [server.endpoint()] })
    await waitFor(async () => (await client.call("hello", "a")) === "Hello, a!", { timeoutMs: 4_000 })
    client.close()
  })

  test.each([
    ["half of it", '{"service":"greeter","revision":2,"tls":"au'],
    ["another service", '{"service":"other","revision":2,"tls":"auto","endpoints":[]}'],
    ["a port of text", '{"service":"greeter","revision":2,"tls":"auto","endpoints":[{"ip":"127.0.0.1","port":"80"}]}'],
    ["no list", "[]"],
  ])("that is broken (%s) is reported once, and the one before it stays", async (_what, text) => {
    using data = temporaryFolder()
    await using server = await TestServer.start()
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const faults: Array<string> = []
    const client = connect("greeter", { dataDir: data.path, onFault: (message) => faults.push(message) })
    expect(await client.call("hello", "a")).toBe("Hello, a!")
    writeFileSync(join(data.path, "discovery/greeter.json"), text)
    await waitFor(() => faults.length > 0)
    expect(await client.call("hello", "b")).toBe("Hello, b!")
    expect(faults[0]).toContain(`${data.path}/discovery/greeter.json`)
    rmSync(join(data.path, "discovery"), { recursive: true })
    pushList(data.path, { revision: 3, endpoints: [server.endpoint({ status: "offline" })] })
    await waitFor(() =>
      client.call("hello", "c").then(
        () => false,
        () => true,
      ),
    )
    expect(new Set(faults).size).toBe(1)
    client.close()
  })
})
