import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { FrameType } from "../../src/protocol/Frame.ts"
import type { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { waitFor } from "../support/waitFor.ts"
import { frame, helloFrame, RawClient, request, type SeenFrame, streamRequest } from "./RawClient.ts"
import { producer } from "./producer.ts"
import { startServer, type TestServer } from "./TestServer.ts"
import { fromHex } from "../protocol/vectors.ts"

// Small times, so that what stands still is found out within the test.
const limits = { helloMs: 300, progressMs: 500, slowReaderMs: 600, silenceMs: 60_000 }
const numbers = producer()
let server: TestServer
let good: RpcConnection
let worstMs = 0
let goodCalls = 0
const watching = new AbortController()
const codeOf = (seen: SeenFrame) => (seen.body as [string])[0]

/** A well-behaved client calls all the time; how long it had to wait for an answer is what others cost it. */
const watch = async () => {
  while (!watching.signal.aborted) {
    const startedAt = performance.now()
    await good.call("echo", ["well-behaved"], { timeoutMs: 5000 })
    worstMs = Math.max(worstMs, performance.now() - startedAt)
    goodCalls++
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
let watched: Promise<void>

beforeAll(async () => {
  server = await startServer(
    { echo: ([value]) => value, big: ([n]) => new Uint8Array(Number(n)), numbers: numbers.handler },
    { limits },
  )
  good = await server.connect()
  watched = watch()
})

afterAll(async () => {
  watching.abort()
  await watched
  good.close()
  await server.close()
})

const undisturbed = async (during: () => Promise<void>, allowedMs = 1500) => {
  worstMs = 0
  goodCalls = 0
  await during()
  await waitFor(() => goodCalls > 0)
  expect(worstMs).toBeLessThan(allowedMs)
  expect(good.state).toBe("open")
}

describe("hostile bytes stop their own connection or call and disturb nobody", () => {
  const bytes = (hex: string) => fromHex(hex)
  const args = (hex: string) => frame(FrameType.request, 1, bytes(`82646563686f${hex}`))
  const closing: ReadonlyArray<readonly [string, Uint8Array, string]> = [
    ["a length of 2^32 - 1", bytes("ffffffff02000000"), "resource_exhausted"],
    ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "resource_exhausted"],
    ["TLS to a plain port", bytes("16030100c5010000c10303"), "resource_exhausted"],
    ["SSH", new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1\r\n"), "resource_exhausted"],
    ["zeros", new Uint8Array(64), "invalid_argument"],
    ["an unknown frame", frame(0x1e, 1, [1]), "unimplemented"],
    ["the same id twice", Buffer.concat([request(5, "ping"), request(5, "ping")]), "invalid_argument"],
    ["reserved bits", bytes("000000080900ffff00000000"), "invalid_argument"],
    ["a GOAWAY from a client", frame(FrameType.goaway, 0, { last: 0 }), "invalid_argument"],
  ]
  for (const [name, sent, code] of closing)
    test(`${name}: an ERROR and the end`, () =>
      undisturbed(async () => {
        const client = await RawClient.greeted(server.port)
        client.send(sent)
        expect(await client.refusal()).toBe(code)
      }))

  const spoiling: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["10 MB of empty maps would be 10 million items", args(`9a000f4240${"a0".repeat(1_000_000)}`)],
    ["a map of a million entries", args(`81ba000f4240${"6161f6".repeat(300_000)}`)],
    ["100,000 levels", args("81".repeat(100_000))],
    ["a bignum of 256 KB", args(`81c25a00040000${"ff".repeat(262_144)}`)],
    ["a regular expression by tag", args("81d81b826652656745787062282e")],
    ["a shared reference by tag", args("81d81c80")],
    ["2^32 - 1 items in a list", args("819affffffff")],
    ["2^64 - 1 items in a map", args("81bbffffffffffffffff")],
    ["2^32 - 1 bytes", args("815affffffff")],
    ["the prototype", args("81a1695f5f70726f746f5f5fa168706f6c6c75746564f5")],
    ["the same key twice", args("81a2616101616102")],
    ["broken UTF-8 in a long text", args(`817840${"ff".repeat(64)}`)],
    ["an endless list", args(`9f${"00".repeat(1000)}`)],
  ]
  for (const [name, sent] of spoiling)
    test(`${name}: an ERROR of this call only`, () =>
      undisturbed(async () => {
        const client = await RawClient.greeted(server.port)
        client.send(sent, request(2, "echo", ["goes on"]))
        expect(codeOf(await client.answer(1))).toBe("invalid_argument")
        expect((await client.answer(2)).body).toBe("goes on")
        client.destroy()
        expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined()
      }))

  test("a request that is cut at every byte is answered when the rest comes", () =>
    undisturbed(async () => {
      const sent = Buffer.concat([request(1, "echo", ["in pieces"]), request(2, "ping")])
      for (let cut = 1; cut < sent.length; cut += 1) {
        const client = await RawClient.greeted(server.port)
        client.socket.write(sent.subarray(0, cut))
        await new Promise((resolve) => setImmediate(resolve))
        client.socket.write(sent.subarray(cut))
        expect((await client.answer(1)).body).toBe("in pieces")
        client.destroy()
      }
    }))

  test("a connection that is cut off at every byte leaves nothing behind", () =>
    undisturbed(async () => {
      const sent = Buffer.concat([helloFrame(), request(1, "echo", ["gone"])])
      for (let cut = 0; cut < sent.length; cut += 1) {
        const client = new RawClient(server.port)
        client.socket.write(sent.subarray(0, cut))
        await new Promise((resolve) => setImmediate(resolve))
        client.destroy()
      }
      await waitFor(() => server.server.connections === 1)
    }))

  test("who says nothing, half a HELLO or half a frame is sent away in time", () =>
    undisturbed(async () => {
      const silent = new RawClient(server.port)
      const half = new RawClient(server.port)
      half.send(helloFrame().subarray(0, 20))
      const dripping = await RawClient.greeted(server.port)
      const drip = setInterval(() => dripping.socket.write(Uint8Array.of(0)), 50)
      dripping.send(request(1, "echo", ["x".repeat(500)]).subarray(0, 100))
      expect(await silent.refusal()).toBe("deadline_exceeded")
      expect(await half.refusal()).toBe("deadline_exceeded")
      expect(await dripping.refusal()).toBe("deadline_exceeded")
      clearInterval(drip)
    }))

  test(
    "hundreds of connections that stand still cost nobody anything",
    () =>
      undisturbed(async () => {
        const clients = Array.from({ length: 300 }, () => new RawClient(server.port))
        for (const client of clients) client.send(helloFrame().subarray(0, 15))
        await waitFor(() => clients.every((client) => client.closed))
        await waitFor(() => server.server.connections === 1)
      }),
    20_000,
  )

  test("a flood of PINGs, CANCELs and skipped frames is served and forgotten", () =>
    undisturbed(async () => {
      const client = await RawClient.greeted(server.port)
      const flood = Buffer.concat([frame(FrameType.ping, 9), frame(FrameType.cancel, 9), frame(0x1e, 9, "skip", 0x80)])
      for (let round = 0; round < 20; round++)
        client.socket.write(Buffer.concat(Array.from({ length: 500 }, () => flood)))
      client.send(request(1, "ping"))
      expect((await client.answer(1)).body).toBe("pong")
      expect(client.seen.filter((seen) => seen.type === FrameType.pong)).toHaveLength(10_000)
      client.destroy()
    }))
})

describe("slow readers", () => {
  test(
    "who reads nothing stops being served, is sent away in time, and costs little memory",
    () =>
      undisturbed(async () => {
        const client = await RawClient.greeted(server.port)
        client.socket.pause()
        const before = process.memoryUsage().rss
        const servedBefore = server.server.served
        for (let id = 1; id <= 1000; id++) client.send(request(id, "big", [1_000_000]))
        await waitFor(() => server.server.connections === 1, { timeoutMs: 8000 })
        const fault = server.faults.findLast((fault) => fault.kind === "protocol")
        expect((fault!.error as { code: string }).code).toBe("resource_exhausted")
        // 1 GB was asked for; only what fits in the buffers on the way was made.
        expect(server.server.served - servedBefore - goodCalls).toBeLessThan(200)
        expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20)
        client.destroy()
      }),
    20_000,
  )

  test(
    "who reads late gets everything, in full",
    () =>
      undisturbed(async () => {
        const client = await RawClient.greeted(server.port)
        client.socket.pause()
        for (let id = 1; id <= 40; id++) client.send(request(id, "big", [500_000]))
        await waitFor(() => goodCalls > 20)
        client.socket.resume()
        for (let id = 1; id <= 40; id++) expect((await client.answer(id)).body).toHaveLength(500_000)
        client.destroy()
      }),
    20_000,
  )
})

describe("fuzz", () => {
  // Mulberry32: the same seed gives the same rounds everywhere.
  const randomOf = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  test("mutated frames never crash the server, stall others or leave connections", async () => {
    const random = randomOf(20_260_101)
    const below = (n: number) => Math.floor(random() * n)
    const samples = [
      helloFrame(),
      request(1, "echo", [{ a: [1, "zwei", 3.5], b: new Uint8Array(9) }], { deadline: 500 }),
      request(2, "ping"),
      frame(FrameType.cancel, 1),
      frame(FrameType.ping, 3),
      frame(FrameType.oneway, 0, ["echo", [1]]),
      frame(FrameType.error, 0, ["unknown", "", "no", null]),
      streamRequest(3, "numbers", [], { credit: 5 }),
      streamRequest(4, "numbers", [1], { credit: 0x7fffffff, deadline: 200 }),
      streamRequest(5, "echo", ["once"], { credit: 1 }),
      frame(FrameType.credit, 3, 9),
      frame(FrameType.credit, 4, 0x7fffffff),
      frame(FrameType.item, 3, ["of the caller"]),
      frame(FrameType.end, 3),
      frame(FrameType.cancel, 3),
    ]
    const mutate = (bytes: Uint8Array): Uint8Array => {
      const copy = Uint8Array.from(bytes)
      const kind = below(5)
      if (kind === 0) return copy.subarray(0, below(copy.length))
      if (kind === 1) return Buffer.concat([copy.subarray(0, below(copy.length)), copy])
      for (let count = 1 + below(4); count > 0; count--) {
        const at = kind === 2 ? below(Math.min(12, copy.length)) : below(copy.length)
        copy[at] = kind === 3 ? (copy[at] as number) ^ (1 << below(8)) : below(256)
      }
      return copy
    }
    const before = process.memoryUsage().rss
    await undisturbed(async () => {
      for (let round = 0; round < 40; round++) {
        const clients = Array.from({ length: 25 }, () => {
          const client = new RawClient(server.port)
          if (below(4) > 0) client.send(helloFrame())
          for (let count = below(6); count >= 0; count--) {
            const sample = samples[below(samples.length)] as Uint8Array
            client.send(below(3) === 0 ? sample : mutate(sample))
          }
          return client
        })
        await new Promise((resolve) => setTimeout(resolve, 10))
        for (const client of clients) client.destroy()
      }
      await waitFor(() => server.server.connections === 1)
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20)
    await waitFor(() => server.server.openCalls().length === 0)
    expect(server.faults.filter((fault) => fault.kind === "handler")).toEqual([])
    // Some streams were begun, and whatever became of them, their generators have ended.
    expect(numbers.seen.produced).toBeGreaterThan(0)
    expect(numbers.seen.stopped).toBe(numbers.seen.started)
  }, 20_000)
})
