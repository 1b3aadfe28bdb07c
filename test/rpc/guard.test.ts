import { afterEach, describe, expect, test } from "bun:test"
import { FrameType } from "../../src/protocol/Frame.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import type { GuardedCall, Handler } from "../../src/rpc/Handler.ts"
import type { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, RawClient } from "./RawClient.ts"
import { producer } from "./producer.ts"
import { failure, gate, startServer, type TestServer } from "./TestServer.ts"

const inTime = { timeoutMs: 5000 }
let server: TestServer
const open: Array<RpcConnection> = []

const start = async (methods: Readonly<Record<string, Handler>>, options = {}) => {
  server = await startServer(methods, options)
  const connection = await server.connect()
  open.push(connection)
  return connection
}

afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await server.close()
})

describe("the guard", () => {
  const journal = () => {
    const begun: Array<readonly [string, string]> = []
    const ended: Array<number> = []
    const refuse = new Set<string>()
    const here = new Set<number>()
    const remotes: Array<string> = []
    const guard = {
      enter: (remote: string) => {
        here.add(remotes.push(remote))
        return remotes.length
      },
      leave: (caller: number) => void here.delete(caller),
      begin: ({ end, method, start }: GuardedCall, bytes: Uint8Array) => {
        begun.push([method, Buffer.from(bytes.subarray(start, end)).toString("hex")])
        return refuse.has(method)
          ? new RpcError("failed_precondition", "It crashed two workers", { executed: "no" })
          : begun.length
      },
      end: (place: number) => void ended.push(place),
    }
    return { begun, ended, refuse, guard, here, remotes }
  }

  test("sees the same bytes for the same call, whatever its deadline and map, and its end", async () => {
    const { begun, ended, guard } = journal()
    const { handler, waiting } = gate()
    const connection = await start({ echo: ([value]) => value, wait: handler }, { guard })
    await connection.call("echo", [{ a: 1 }], inTime)
    await connection.call("echo", [{ a: 1 }], { timeoutMs: 1234, meta: { traceparent: "00-ab" } })
    await connection.call("echo", [{ a: 2 }], inTime)
    const raw = await RawClient.greeted(server.port)
    raw.send(frame(FrameType.request, 1, ["echo", [{ a: 1 }]]))
    await raw.answer(1)
    // The same with a list head and a text in more bytes than they need: other bytes, still the whole of them.
    raw.send(frame(FrameType.request, 2, Buffer.from("980278046563686f81a1616101", "hex")))
    expect((await raw.answer(2)).body).toEqual({ a: 1 })
    const same = ["echo", "646563686f81a1616101"] as const
    expect(begun).toEqual([same, same, ["echo", "646563686f81a1616102"], same, ["echo", "78046563686f81a1616101"]])
    expect(ended).toEqual([1, 2, 3, 4, 5])
    const pending = connection.call("wait", [], inTime)
    await waitFor(() => waiting.length === 1)
    expect(ended).toHaveLength(5)
    waiting[0]!.go(1)
    await pending
    expect(ended).toEqual([1, 2, 3, 4, 5, 6])
    raw.destroy()
  })

  test("a caller has one number from his first call on, until he has gone and his last call is done", async () => {
    const { ended, guard, here, remotes } = journal()
    const { handler, waiting } = gate()
    const connection = await start({ echo: ([value]) => value, wait: handler }, { guard })
    expect(remotes).toEqual([])
    await connection.call("echo", [1], inTime)
    await connection.call("echo", [2], inTime)
    const pending = failure(connection.call("wait", [], inTime))
    await waitFor(() => waiting.length === 1)
    const other = await RawClient.greeted(server.port)
    other.send(frame(FrameType.request, 1, ["echo", [1]]))
    await other.answer(1)
    expect(remotes).toHaveLength(2)
    expect(remotes[0]).toMatch(/^127\.0\.0\.1:\d+$/)
    other.destroy()
    connection.close()
    await pending
    await waitFor(() => !here.has(2))
    expect([...here]).toEqual([1])
    waiting[0]!.go(1)
    await waitFor(() => here.size === 0)
    expect(ended).toHaveLength(4)
    expect(remotes).toHaveLength(2)
  })

  test("what it refuses is not run, and needs no end", async () => {
    const { ended, guard, refuse } = journal()
    let ran = 0
    const connection = await start({ poison: () => ++ran }, { guard })
    refuse.add("poison")
    const error = await failure(connection.call("poison", [], inTime))
    expect([error.code, error.executed, ran, ended]).toEqual(["failed_precondition", "no", 0, []])
  })

  test("a stream has its end when the generator is done, and a handler that throws has one too", async () => {
    const { ended, guard } = journal()
    const { handler, seen } = producer(1)
    const connection = await start(
      {
        numbers: handler,
        throws: () => {
          throw new Error("no")
        },
      },
      { guard },
    )
    const stream = connection.stream("numbers", [], inTime)
    await stream.next()
    expect(ended).toEqual([])
    await stream.return()
    await waitFor(() => seen.stopped === 1 && ended.length === 1)
    await failure(connection.call("throws", [], inTime))
    expect(ended).toEqual([1, 2])
  })
})
