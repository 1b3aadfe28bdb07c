import { describe, expect, test } from "bun:test"
import type { Limits } from "../../../src/protocol/Limits.ts"
import { waitFor } from "../../support/waitFor.ts"
import { gate, startServer } from "../TestServer.ts"
import { OldClient, packJson, packPhp } from "./OldClient.ts"

const start = async (limits: Partial<Limits> = {}) => {
  const held = gate()
  const methods = {
    echo: (args: ReadonlyArray<unknown>) => args[0],
    held: held.handler,
    text: () => "x".repeat(100_000),
    list: () => Array.from({ length: 20_000 }, () => 1),
  }
  const server = await startServer(methods, { legacy: true, limits })
  return { ...server, held, [Symbol.asyncDispose]: () => server.close() }
}

const tooLong = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b, 0x7b])

describe("a server that answers the predecessor's clients", () => {
  test("takes no frame above its limit, and says so before it is sent", async () => {
    await using server = await start()
    using client = new OldClient(server.port)
    client.send(tooLong)
    expect(JSON.parse(await client.answer())).toMatchObject({
      code: -99,
      error: "resource_exhausted",
      executed: "no",
      msg: "The frame's length 2147483647 is above the limit of 2097152",
    })
    await client.ended()
    using later = new OldClient(server.port)
    later.send(packPhp("ping"), tooLong)
    expect(await later.answer()).toBe('s:4:"pong";')
    expect(await later.answer()).toContain("is above the limit")
    await later.ended()
    expect(server.faults.map(({ kind }) => kind)).toEqual(["protocol", "protocol"])
  })

  test("closes a connection that does not say what it speaks, or does not finish what it began", async () => {
    await using server = await start({ helloMs: 200, progressMs: 200 })
    using silent = new OldClient(server.port)
    using hesitant = new OldClient(server.port)
    using unfinished = new OldClient(server.port)
    using idle = new OldClient(server.port)
    hesitant.send(new Uint8Array([0, 0, 0, 9]))
    unfinished.send(packJson("ping").subarray(0, 20))
    expect(await idle.callJson("ping")).toBe("pong")
    expect(JSON.parse(await unfinished.answer())).toMatchObject({ error: "deadline_exceeded", executed: "no" })
    await Promise.all([silent.ended(), hesitant.ended(), unfinished.ended()])
    // One that has said nothing between two requests is none of them.
    expect(await idle.callJson("ping")).toBe("pong")
  })

  test("closes a connection without a call after the idle time, and says nothing that could be taken for an answer", async () => {
    await using server = await start({ idleMs: 400 })
    using client = new OldClient(server.port)
    expect(await client.callJson("ping")).toBe("pong")
    await client.ended()
    expect(client.received).toBe(0)
    expect(server.faults).toEqual([])
  })

  test("stops reading one that does not read its answers, right ones or wrong ones, and then closes it", async () => {
    await using server = await start({ slowReaderMs: 500 })
    for (const request of [packJson("text"), packJson(7, ["x".repeat(1_000)]), packJson(7)]) {
      using client = new OldClient(server.port)
      client.socket.pause()
      await waitFor(() => client.socket.writable)
      const many = Buffer.concat(Array.from({ length: 200 }, () => request))
      let sent = 0
      let isFull = false
      // Until nothing more goes: the server has stopped to read.
      while (!isFull && sent < 2_000) {
        sent++
        isFull = !client.socket.write(many) && client.socket.writableLength > 8 * 1024 * 1024
        await new Promise((resolve) => setImmediate(resolve))
      }
      await waitFor(() => server.server.connections === 0, { what: "the slow reader's end", timeoutMs: 20_000 })
      client.socket.resume()
    }
    using next = new OldClient(server.port)
    expect(await next.callJson("ping")).toBe("pong")
  })

  test("lets what a client sends during its call wait unread, up to a limit", async () => {
    await using server = await start()
    using client = new OldClient(server.port)
    client.send(packJson("held"))
    await waitFor(() => server.held.waiting.length === 1)
    const echo = packJson("echo", ["x".repeat(10_000)])
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => echo))
    client.send(many)
    server.held.waiting.shift()?.go(0)
    expect(await client.answer()).toBe("0")
    for (let n = 0; n < 1_000; n++) expect((await client.answer()).length).toBe(10_002)
  })

  test("tells a handler that its caller has gone", async () => {
    await using server = await start()
    const client = new OldClient(server.port)
    client.send(packPhp("held"))
    const waiting = await waitFor(() => server.held.waiting[0])
    client.socket.destroy()
    await waitFor(() => waiting.call.signal.aborted)
    waiting.go(0)
    await waitFor(() => server.server.figures().concurrency === 0 && server.server.connections === 0)
  })

  test("gives a failure in the place of a result that is too large", async () => {
    await using server = await start({ frameBytes: 64 * 1024 })
    using json = new OldClient(server.port)
    using php = new OldClient(server.port)
    expect(await json.callJson("text")).toMatchObject({ code: -99, error: "resource_exhausted", executed: "yes" })
    expect(await php.call(packPhp("text"))).toContain('"resource_exhausted"')
    // Small in muster/1, and too large in PHP's form.
    expect((await php.call(packPhp("list"))).slice(0, 200)).toContain('"resource_exhausted"')
    expect(await php.call(packPhp("ping"))).toBe('s:4:"pong";')
  })

  test("survives any bytes", async () => {
    await using server = await start({ progressMs: 300, helloMs: 300 })
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % below
    }
    const kinds = [packJson("echo", [{ a: [1, "\r\n", null] }]), packPhp("echo", ['a:1:{s:1:"a";d:1.5;}'])]
    const clients: Array<OldClient> = []
    for (let run = 0; run < 300; run++) {
      const bytes = Buffer.concat(Array.from({ length: 3 }, () => kinds[random(2)] ?? new Uint8Array()))
      for (let flips = random(4); flips >= 0; flips--) bytes[random(bytes.length)] = random(256)
      const client = new OldClient(server.port)
      client.send(bytes.subarray(0, bytes.length - random(5)))
      clients.push(client)
    }
    using witness = new OldClient(server.port)
    for (let n = 0; n < 20; n++) expect(await witness.callJson("echo", [n])).toBe(n)
    for (const client of clients) client.socket.destroy()
    await waitFor(() => server.server.connections === 1)
    expect(server.faults.filter(({ kind }) => kind === "handler")).toEqual([])
    expect(server.server.figures().concurrency).toBe(0)
  })
})
