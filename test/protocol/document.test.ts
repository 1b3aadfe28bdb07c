import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Decoder } from "cbor-x/decode"
import { decode } from "../../src/protocol/Decode.ts"
import { Writer } from "../../src/protocol/Encode.ts"
import { FrameReader, FrameType } from "../../src/protocol/Frame.ts"
import { errorCodes } from "../../src/domain/ErrorCode.ts"
import { windowDefault } from "../../src/rpc/CallStream.ts"
import { callLimits, controlLimits, leastLimits, valueLimits } from "../../src/protocol/Limits.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RawClient, type SeenFrame } from "../rpc/RawClient.ts"
import { startServer, type TestServer } from "../rpc/TestServer.ts"
import { fromDiagnostic, fromHex, toHex, vectorsOf } from "./vectors.ts"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const valid = vectorsOf("vector")
const invalid = vectorsOf("vector-invalid")
const exchanges = vectorsOf("vector-exchange")
const named = (name: string) => fromHex(valid.find((vector) => vector.name === name)!.hex)
const clientHello = named("the client's HELLO")
const plainHello = named("the HELLO of a client that speaks no streams")
const text = readFileSync(join(import.meta.dir, "../../docs/protocol.md"), "utf8")
// Another implementation as a witness: what it reads from our bytes is what the document says.
const witness = new Decoder({ mapsAsObjects: true, useRecords: false, copyBuffers: true })

/** The witness gives integers of eight bytes as bigint, and byte strings as Buffers. */
const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

const read = (bytes: Uint8Array) => {
  const reader = new FrameReader(callLimits.frameBytes)
  reader.push(bytes)
  expect(reader.next()).toBe(true)
  return reader
}

describe("valid vectors of docs/protocol.md", () => {
  test("there are enough of them to mean something", () => {
    expect(valid.length).toBeGreaterThanOrEqual(32)
    expect(exchanges.length).toBeGreaterThanOrEqual(6)
    expect(invalid.length).toBeGreaterThanOrEqual(70)
    const types = new Set(valid.map((vector) => fromHex(vector.hex)[4]))
    expect(Object.values(FrameType).filter((type) => !types.has(type))).toEqual([])
  })

  for (const vector of valid) {
    const [, type, flags, id] = /^([A-Z]+) flags=0x([0-9a-f]{2}) id=(\d+)$/.exec(vector.fields["frame"] ?? "") ?? []
    const body = vector.fields["body"]

    test(`${vector.name} is read`, () => {
      const reader = read(fromHex(vector.hex))
      const known: Readonly<Record<string, number>> = FrameType
      expect([reader.type, reader.flags, reader.id]).toEqual([known[type!.toLowerCase()]!, parseInt(flags!, 16), +id!])
      if (body === undefined) return expect(reader.end - reader.start).toBe(0)
      expect(decode(reader.bytes, reader.start, reader.end)).toEqual(fromDiagnostic(body))
      expect(plain(witness.decode(reader.bytes.subarray(reader.start, reader.end)))).toEqual(fromDiagnostic(body))
    })

    if (vector.fields["read-only"] === "yes" || body === undefined) continue
    test(`${vector.name} is written so`, () => {
      const writer = new Writer()
      writer.value(fromDiagnostic(body))
      expect(toHex(writer.bytes.slice(0, writer.length))).toBe(vector.hex.slice(24))
    })
  }
})

const count = async function* (n: unknown) {
  for (let index = 0; index < Number(n); index++) yield index
}

const startVectors = () =>
  startServer({
    "Vector.echo": (args) => args,
    "Vector.count": async function* ([n]) {
      yield* count(n)
    },
    "Vector.numbers": async function* () {
      yield* count(Infinity)
    },
    "Vector.breaks": async function* ([n]) {
      yield* count(n)
      throw new RpcError("not_found", "There is no more", { details: { after: n } })
    },
  })

describe("exchanges of docs/protocol.md", () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startVectors()
  })
  afterAll(() => server.close())

  for (const vector of exchanges)
    test(vector.name, async () => {
      const client = new RawClient(server.port)
      await client.greet(clientHello)
      client.send(fromHex(vector.fields["send"]!))
      const reader = new FrameReader(callLimits.frameBytes)
      reader.push(fromHex(vector.fields["receive"]!))
      const wanted: Array<SeenFrame> = []
      while (reader.next()) {
        const { bytes, end, id, start, type } = reader
        wanted.push({ type, id, body: end > start ? decode(bytes, start, end) : undefined })
      }
      await client.answer(1)
      expect(client.seen.slice(1)).toEqual(wanted)
      client.destroy()
    })
})

describe("invalid vectors of docs/protocol.md", () => {
  let server: TestServer
  let bystander: RawClient
  beforeAll(async () => {
    server = await startVectors()
    bystander = await RawClient.greeted(server.port)
  })
  afterAll(async () => {
    bystander.destroy()
    await server.close()
  })

  let pings = 0
  const stillAnswers = async (client: RawClient) => {
    const id = 1000 + pings++
    client.send(fromHex("0000000809000000" + id.toString(16).padStart(8, "0")))
    await client.frame((seen) => seen.type === FrameType.pong && seen.id === id)
  }

  for (const vector of invalid) {
    const reaction = vector.fields["reaction"] ?? ""
    test(`${vector.name}: ${reaction}`, async () => {
      const early = vector.fields["before-hello"] === "yes"
      const client = new RawClient(server.port)
      const greeting = vector.fields["hello"] === "without streams" ? plainHello : clientHello
      if (!early) await client.greet(greeting)
      client.send(fromHex(vector.hex))
      const [, answered, verb, code] = /^(answer pong, then )?(close|fail|end|ignore) ?(\w*)$/.exec(reaction) ?? []
      if (answered !== undefined) expect(await client.frame((seen) => seen.body === "pong")).toBeDefined()
      if (verb === "close") expect(await client.refusal()).toBe(code!)
      else {
        if (verb === "fail" || verb === "end") {
          const [failed, , executed] = (await client.answer(1)).body as [string, string, string]
          expect([failed, executed]).toEqual([code!, verb === "end" ? "yes" : "no"])
        } else expect(verb).toBe("ignore")
        await stillAnswers(client)
        expect(client.seen.filter((seen) => seen.type === FrameType.error && seen.id === 0)).toEqual([])
      }
      client.destroy()
      await stillAnswers(bystander)
    })
  }
})

describe("what docs/protocol.md says in numbers and names", () => {
  const row = (what: string) => new RegExp(`^\\| ${what} +\\| (.*?) +\\|$`, "m").exec(text)?.[1]

  test("the limits and times are those of the code", () => {
    expect(row("`length` of a frame")).toBe(
      `${callLimits.frameBytes / 2 ** 20} MiB; ${controlLimits.frameBytes / 2 ** 20} MiB on the control port`,
    )
    expect(row("least `frame` that may be announced")).toBe(`${leastLimits.frameBytes / 1024} KiB`)
    expect(row("calls in flight on a connection")).toBe(`${callLimits.inFlight}; at least ${leastLimits.inFlight}`)
    expect(row("calls in flight on all of a server")).toBe(callLimits.inFlightTotal.toLocaleString("en"))
    expect(row("connections of a server")).toBe(callLimits.connections.toLocaleString("en"))
    expect(row("first credit of our client")).toBe(`${windowDefault} items`)
    expect(row("idle connection")).toBe(callLimits.idleMs === 0 ? "never closed" : `${callLimits.idleMs} ms`)
    expect(row("levels; items in a body")).toBe(`${valueLimits.depth}; ${valueLimits.items.toLocaleString("en")}`)
    expect(row("HELLO complete")).toBe(`${callLimits.helloMs / 1000} s`)
    expect(row("frame complete")).toBe(`${callLimits.progressMs / 1000} s + 1 s per 64 KiB`)
    expect(row("PING after silence; dead after")).toBe(
      `${callLimits.pingMs / 1000} s; ${callLimits.silenceMs / 1000} s`,
    )
    expect(row("the same on the control port")).toBe(
      `${controlLimits.pingMs / 1000} s; ${controlLimits.silenceMs / 1000} s`,
    )
    expect(row("slow reader")).toBe(`${callLimits.slowReaderMs / 1000} s without taking anything`)
    expect(row("answers kept for a slow reader")).toBe(
      `${callLimits.queuedBytes / 2 ** 20} MiB; ${controlLimits.queuedBytes / 2 ** 20} MiB on the control port`,
    )
  })

  test("every frame type has its row with its number, and none can be taken for the predecessor's", () => {
    for (const [name, type] of Object.entries(FrameType)) {
      expect(text).toContain(`| 0x${type.toString(16).padStart(2, "0")} | ${name.toUpperCase().padEnd(8)} |`)
      expect(type < 0x20 || type > 0x7f).toBe(true)
    }
  })

  test("every error code is named", () => {
    for (const code of errorCodes) expect(text).toContain(`\`${code}\``)
  })
})
