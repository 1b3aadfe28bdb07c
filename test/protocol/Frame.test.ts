import { describe, expect, test } from "bun:test"
import { Arbitrary, Effect, Schema } from "effect"
import { decode } from "../../src/protocol/Decode.ts"
import { FrameReader, FrameType } from "../../src/protocol/Frame.ts"
import { frame, request } from "../rpc/RawClient.ts"

type Seen = readonly [type: number, id: number, body: unknown]

const drain = (reader: FrameReader, seen: Array<Seen>) => {
  while (reader.next())
    seen.push([
      reader.type,
      reader.id,
      reader.end > reader.start ? decode(reader.bytes, reader.start, reader.end) : null,
    ])
}

const readInPieces = (bytes: Uint8Array, cuts: ReadonlyArray<number>): Array<Seen> => {
  const reader = new FrameReader(1 << 24)
  const seen: Array<Seen> = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    // A copy that is overwritten afterwards: the reader may keep no view of it.
    const chunk = Uint8Array.from(bytes.subarray(from, cut))
    reader.push(chunk)
    drain(reader, seen)
    chunk.fill(0xff)
    from = cut
  }
  expect(reader.held).toBe(0)
  return seen
}

const frames = [
  request(1, "a.b", [1, "zwei", { drei: [3] }]),
  frame(FrameType.ping, 5),
  frame(FrameType.response, 7, "x".repeat(300)),
  frame(0x1f, 9, { skipped: true }, 0x80),
  frame(FrameType.cancel, 1),
]
const all = Buffer.concat(frames)
const expected: ReadonlyArray<Seen> = [
  [FrameType.request, 1, ["a.b", [1, "zwei", { drei: [3] }], {}]],
  [FrameType.ping, 5, null],
  [FrameType.response, 7, "x".repeat(300)],
  [FrameType.cancel, 1, null],
]

describe("FrameReader", () => {
  test("frames cut at every byte boundary are the same frames", () => {
    for (let cut = 0; cut <= all.length; cut++) expect(readInPieces(all, [cut])).toEqual([...expected])
  })

  test("frames that come byte by byte are the same frames", () => {
    expect(
      readInPieces(
        all,
        Array.from({ length: all.length }, (_, index) => index),
      ),
    ).toEqual([...expected])
  })

  test("any frames in any pieces are the same frames", async () => {
    const Case = Schema.Struct({
      bodies: Schema.Array(Schema.Struct({ id: Schema.Natural, list: Schema.Array(Schema.Int) })),
      step: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 29 })),
    })
    const result = await Effect.runPromise(
      Arbitrary.checkEffect(
        Arbitrary.schema(Case),
        ({ bodies, step }) => {
          const bytes = Buffer.concat(bodies.map((body, index) => frame(FrameType.response, index + 1, body)))
          const cuts: Array<number> = []
          for (let cut = step; cut < bytes.length; cut += step) cuts.push(cut)
          const wanted = bodies.map((body, index) => [
            FrameType.response,
            index + 1,
            { ...body, list: body.list.map((n) => n + 0) },
          ])
          return Bun.deepEquals(
            readInPieces(bytes, cuts).map(([type, id, body]) => {
              const { id: own, list } = body as (typeof bodies)[number]
              return [type, id, { id: own, list: list.map((n) => n + 0) }]
            }),
            wanted,
          )
        },
        { runs: 200 },
      ),
    )
    expect(Arbitrary.formatCheckFailure(result)).toBeUndefined()
  })

  test("a frame of 16 MiB in pieces of 1 KiB costs no quadratic copying", () => {
    const reader = new FrameReader(1 << 25)
    const big = frame(FrameType.response, 1, new Uint8Array(1 << 24))
    const startedAt = performance.now()
    let count = 0
    for (let at = 0; at < big.length; at += 1024) {
      reader.push(big.subarray(at, at + 1024))
      while (reader.next()) count++
    }
    expect(count).toBe(1)
    // 16,384 pieces: copying the whole each time would be 137 GB.
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })

  test("a header that promises much has nothing allocated for it", () => {
    const readers: Array<FrameReader> = []
    const before = process.memoryUsage().rss
    const header = frame(FrameType.request, 1, new Uint8Array(0))
    new DataView(header.buffer).setUint32(0, 1 << 24)
    for (let index = 0; index < 500; index++) {
      const reader = new FrameReader(1 << 24)
      reader.push(header)
      expect(reader.next()).toBe(false)
      readers.push(reader)
    }
    expect(readers.every((reader) => reader.held === 12)).toBe(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
  })

  test("a length that is too large is refused after four bytes, also when they come one by one", () => {
    const reader = new FrameReader(1000)
    for (const byte of [0x47, 0x45, 0x54]) {
      reader.push(Uint8Array.of(byte))
      expect(reader.next()).toBe(false)
    }
    reader.push(Uint8Array.of(0x20))
    expect(() => reader.next()).toThrow("above the limit of 1000")
  })

  test("what is no muster/1 at all is named: text, TLS, a client of the predecessor", () => {
    const first = (...bytes: ReadonlyArray<number>) => {
      const reader = new FrameReader(1000)
      reader.push(Uint8Array.from(bytes))
      return () => reader.next()
    }
    expect(first(0x47, 0x45, 0x54, 0x20)).toThrow(': it is the text "GET ", and the peer does not speak muster/1')
    expect(first(0x16, 0x03, 0x01, 0x02)).toThrow(": the peer speaks TLS, and this connection is plain TCP")
    expect(first(0x7f, 0xff, 0xff, 0xff)).toThrow(/above the limit of 1000$/)
    expect(first(0, 0, 0, 8, 0x7b, 0, 0, 0, 0, 0, 0, 0)).toThrow("clients of the predecessor send it")
  })
})
