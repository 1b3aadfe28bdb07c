import { describe, expect, test } from "bun:test"
import { callThread } from "../../src/client/CallThread.ts"
import { CallError, connectSync, RpcError } from "../../src/client/index.ts"
import { temporaryFolder } from "../support/muster.ts"
import { pushList } from "./fixtures/lists.ts"
import { runtimes } from "./fixtures/runtimes.ts"
import { TestServer } from "./fixtures/TestServer.ts"

const failure = (call: () => unknown): CallError => {
  let answer: unknown
  try {
    answer = call()
  } catch (error) {
    if (error instanceof CallError) return error
    throw error
  }
  throw new Error(`answered ${JSON.stringify(answer)}`)
}

describe("a synchronous call", () => {
  test("answers what the asynchronous one would, with arguments of every kind and answers of up to 2 MiB", async () => {
    await using server = await TestServer.start()
    const client = connectSync("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    expect(client.call("hello", "世界")).toBe("Hello, 世界!")
    const args = [1, -2.5, null, false, [], { deep: [{ x: "y" }] }, new Uint8Array([1, 2])]
    expect(client.call<unknown>("echo", ...args)).toEqual(args)
    expect(client.call<unknown>("echo", new Date(0), undefined)).toEqual(["1970-01-01T00:00:00.000Z", null])
    const large = "x".repeat(2_000_000)
    expect(client.call<Array<string>>("echo", large)[0] === large).toBe(true)
    expect(failure(() => client.call("echo", `${large}${large}`))).toMatchObject({
      code: "invalid_argument",
      executed: "no",
    })
    expect(failure(() => client.call("hello", () => 1)).message).toBe(
      `greeter hello: The arguments of "hello" cannot be sent: a function has no form in muster/1`,
    )
    client.close()
  })

  test("throws the server's error with all its fields", async () => {
    await using server = await TestServer.start()
    const client = connectSync("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    const error = failure(() => client.call("deny"))
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({
      code: "permission_denied",
      executed: "yes",
      details: { why: "because" },
      service: "greeter",
      method: "deny",
      endpoint: `127.0.0.1:${server.port}`,
      message: `greeter deny at 127.0.0.1:${server.port}: not you`,
    })
    client.close()
  })

  test("takes no longer than its timeout, and goes to the address that was asked for", async () => {
    await using first = await TestServer.start({ ip: "127.1.1.120" })
    await using second = await TestServer.start({ ip: "127.1.1.121" })
    const endpoints = [first.endpoint(), second.endpoint({ weight: 0 })]
    const client = connectSync("greeter", { endpoints, timeoutMs: 5_000 })
    expect(client.call<{ ip: string }>("who").ip).toBe("127.1.1.120")
    const start = performance.now()
    const error = failure(() => client.with({ ip: "127.1.1.121", timeoutMs: 200 }).call("sleep", 4_000))
    expect(error).toMatchObject({ code: "deadline_exceeded", endpoint: `127.1.1.121:${second.port}` })
    expect(performance.now() - start).toBeWithin(195, 1_100)
    client.close()
  })

  test("follows the lists that are pushed while the program is blocked or not", async () => {
    using data = temporaryFolder()
    await using server = await TestServer.start()
    const client = connectSync("greeter", { dataDir: data.path, timeoutMs: 5_000 })
    expect(failure(() => client.call("hello", "a")).message).toContain(`no endpoint list at ${data.path}`)
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const until = performance.now() + 5_000
    let answer: unknown
    while (answer === undefined && performance.now() < until) {
      try {
        answer = client.call("hello", "a")
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      }
    }
    expect(answer).toBe("Hello, a!")
    client.close()
  })

  test("for a stream brings item after item, and what it fails with after those that came", async () => {
    await using server = await TestServer.start()
    const client = connectSync("greeter", { endpoints: [server.endpoint()], timeoutMs: 5_000 })
    expect([...client.stream<number>("count", 300)]).toEqual(Array.from({ length: 300 }, (_, index) => index))
    // Longer than one step of the thread, and than a call may take.
    expect([...client.stream("count", 3, 700)]).toEqual([0, 1, 2])
    for (const item of client.stream<number>("count", 1_000_000)) if (item === 10) break
    const two = [client.stream<number>("count", 5), client.stream<number>("count", 5)]
    expect(two.map((stream) => stream.next().value)).toEqual([0, 0])
    expect(two.map((stream) => stream.next().value)).toEqual([1, 1])
    const late = client.with({ timeoutMs: 200 }).stream("count", 1_000, 50)
    expect(late.next().value).toBe(0)
    expect(failure(() => [...late])).toMatchObject({ code: "deadline_exceeded" })
    expect(late.next()).toEqual({ done: true, value: undefined })
    expect(failure(() => [...client.stream("deny")])).toMatchObject({ code: "permission_denied", method: "deny" })
    const open = client.stream("count", 1_000)
    expect(open.next().value).toBe(0)
    callThread().end()
    const error = failure(() => [...open])
    expect(error).toMatchObject({ code: "unavailable", executed: "maybe" })
    expect(error.message).toContain("the thread that read the stream has ended")
    client.close()
  })

  test("is refused after close, which leaves other clients and their one thread alone", async () => {
    await using server = await TestServer.start()
    const options = { endpoints: [server.endpoint()], timeoutMs: 5_000 }
    const [closed, open] = [connectSync("greeter", options), connectSync("greeter", options)]
    expect([closed.call("hello", "a"), open.call("hello", "b")]).toEqual(["Hello, a!", "Hello, b!"])
    const thread = callThread()
    closed.close()
    expect(failure(() => closed.call("hello", "a"))).toMatchObject({ code: "unavailable", executed: "no" })
    expect(open.call("hello", "b")).toBe("Hello, b!")
    const third = connectSync("greeter", options)
    expect(third.call("hello", "c")).toBe("Hello, c!")
    expect([callThread() === thread, thread.ended]).toEqual([true, false])
    third.close()
    open.close()
  })
})

test.each(Object.entries(runtimes))(
  "a thread that is stuck or dead costs one call its time on %s",
  async (_, command) => {
    await using server = await TestServer.start()
    const script = new URL("fixtures/mischief.ts", import.meta.url).pathname
    const child = Bun.spawn([...command, script, String(server.port)], { stdout: "pipe", stderr: "inherit" })
    const lost = ["deadline_exceeded maybe", true]
    expect(await new Response(child.stdout).json()).toEqual([lost, "Hello, a!", lost, "Hello, b!"])
    expect(await child.exited).toBe(0)
  },
)
