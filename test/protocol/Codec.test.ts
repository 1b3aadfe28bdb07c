import { describe, expect, test } from "bun:test"
import { Decoder } from "cbor-x/decode"
import { Arbitrary, Effect, Schema } from "effect"
import { decode, DecodeError } from "../../src/protocol/Decode.ts"
import { encode, Writer } from "../../src/protocol/Encode.ts"
import { EncodeError } from "../../src/protocol/EncodeError.ts"
import { valueLimits } from "../../src/protocol/Limits.ts"
import { fromHex, toHex } from "./vectors.ts"

const prop = <S extends Schema.Constraint>(name: string, schema: S, holds: (a: S["Type"]) => boolean, runs = 300) =>
  test(name, async () => {
    const result = await Effect.runPromise(Arbitrary.checkEffect(Arbitrary.schema(schema), holds, { runs }))
    expect(Arbitrary.formatCheckFailure(result)).toBeUndefined()
  })

const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed()))
// -0 arrives as 0.
const Signed = (number: number) => !Object.is(number, -0)
const Finite = Schema.Finite.check(Schema.makeFilter(Signed))
const Int = Schema.Int.check(Schema.makeFilter(Signed))
const Leaf = Schema.Union([Schema.Null, Schema.Boolean, Finite, Int, Text])
const Tree = Schema.Struct({
  leaf: Leaf,
  list: Schema.Array(Leaf),
  pairs: Schema.Array(Schema.Struct({ key: Text, value: Leaf })),
  deep: Schema.Array(Schema.Array(Schema.Struct({ a: Leaf, b: Schema.Array(Text) }))),
})

const forbidden = ["__proto__", "constructor", "prototype"]
const mapOf = (pairs: ReadonlyArray<{ key: string; value: unknown }>) =>
  Object.fromEntries(pairs.filter(({ key }) => !forbidden.includes(key)).map(({ key, value }) => [key, value]))

const witness = new Decoder({ mapsAsObjects: true, useRecords: false })

describe("values", () => {
  prop("what is written is read back the same", Tree, ({ pairs, ...tree }) => {
    const value = { ...tree, map: mapOf(pairs) }
    return Bun.deepEquals(decode(encode(value)), value, true)
  })

  prop(
    "another CBOR library reads the same from our bytes",
    Schema.Array(Schema.Union([Text, Schema.Boolean])),
    (list) => Bun.deepEquals(witness.decode(encode({ list })), { list }, true),
  )

  prop("bytes that are no value never throw anything but a DecodeError", Schema.Array(Schema.Int), (numbers) => {
    const bytes = Uint8Array.from(numbers, (number) => number & 0xff)
    try {
      decode(bytes)
    } catch (error) {
      return error instanceof DecodeError
    }
    return true
  })

  test("every number keeps its value, and -0 becomes 0", () => {
    const edges = [1, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300, 5e-324]
    for (const edge of [...edges, ...edges.map((edge) => -edge), 1.5, 0.1, NaN, Infinity, -Infinity])
      expect(Object.is(decode(encode(edge)), edge)).toBe(true)
    for (const zero of [0, -0]) expect(Object.is(decode(encode(zero)), 0)).toBe(true)
  })

  test("texts of every length around the sizes of their heads survive, in one, two, three and four bytes a character", () => {
    for (const character of ["a", "é", "世", "𝄞", "\u0000"])
      for (const length of [
        0, 1, 7, 8, 11, 12, 22, 23, 24, 25, 62, 63, 64, 84, 85, 86, 255, 256, 257, 21845, 65535, 65536,
      ]) {
        const text = character.repeat(length)
        expect(decode(encode([text, 1]))).toEqual([text, 1])
        expect(witness.decode(encode([text, 1]))).toEqual([text, 1])
      }
  })

  test("a byte order mark is a character like others", () => {
    expect(decode(encode("\ufeffa".repeat(20)))).toBe("\ufeffa".repeat(20))
    expect(decode(encode("\ufeffa"))).toBe("\ufeffa")
  })

  test("half precision is read as what it is", () => {
    const halves = { f90000: 0, f98000: -0, f93c00: 1, f97bff: 65504, f90001: 5.960464477539063e-8, f97c00: Infinity }
    for (const [hex, value] of Object.entries(halves)) expect(Object.is(decode(fromHex(hex)), value)).toBe(true)
    expect(decode(fromHex("f9fc00"))).toBe(-Infinity)
    expect(decode(fromHex("f97e00"))).toBeNaN()
  })

  test("undefined is null in a list and left out of an object, however many", () => {
    expect(decode(encode([undefined, 1]))).toEqual([null, 1])
    expect(decode(encode(undefined))).toBe(null)
    const sparse = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`k${index}`, index % 3 ? undefined : index]),
    )
    const kept = decode(encode([sparse, "after"])) as [Record<string, number>, string]
    expect(Object.keys(kept[0])).toHaveLength(100)
    expect([kept[0]["k297"], kept[1]]).toEqual([297, "after"])
  })

  test("an object with toJSON is asked, and instances are their own properties", () => {
    class Point {
      x = 1
      y = 2
      get sum() {
        return this.x + this.y
      }
    }
    const date = new Date(Date.UTC(2026, 0, 2))
    expect(decode(encode({ date, point: new Point(), none: Object.create(null) }))).toEqual({
      date: "2026-01-02T00:00:00.000Z",
      point: { x: 1, y: 2 },
      none: {},
    })
  })

  test("what has no form is refused, not bent", () => {
    const formless = [
      1n,
      () => 1,
      Symbol("s"),
      new Map(),
      new Set(),
      new Error("e"),
      /x/,
      Promise.resolve(),
      new Float64Array(1),
    ]
    for (const value of [...formless, new ArrayBuffer(1), "\ud800", "\udc00".repeat(100), { "\ud800": 1 }])
      expect(() => encode([value])).toThrow(EncodeError)
    for (const key of forbidden)
      expect(() => encode(JSON.parse(`{"${key}":1}`))).toThrow(`the key "${key}" is not allowed`)
  })

  test("a circle and an endless toJSON are refused", () => {
    const circle: Array<unknown> = []
    circle.push(circle)
    expect(() => encode(circle)).toThrow(EncodeError)
    class Endless {
      toJSON() {
        return new Endless()
      }
    }
    expect(() => encode(new Endless())).toThrow(EncodeError)
  })

  test("64 levels and 100,000 items pass on both sides, one more on neither", () => {
    const nested = (levels: number) => "81".repeat(levels - 1) + "80"
    const { depth, items } = valueLimits
    expect(toHex(encode(decode(fromHex(nested(depth)))))).toBe(nested(depth))
    expect(() => decode(fromHex(nested(depth + 1)))).toThrow("deeper than 64")
    expect(() => encode([decode(fromHex(nested(depth)))])).toThrow("deeper than 64")
    const list = Array.from({ length: items - 1 }, () => 0)
    expect(decode(encode(list))).toHaveLength(items - 1)
    expect(() => encode([...list, 0])).toThrow("more than 100000 items")
    const long = new Uint8Array(5 + items)
    long.set(fromHex("9a000186a0"))
    expect(() => decode(long)).toThrow("more than 100000 items")
  })

  test("byte strings are copies, also when they come in a Buffer", () => {
    const source = Buffer.from("430102034401", "hex").subarray(0, 4)
    const bytes = decode(source) as Uint8Array
    source.fill(0)
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3))
    expect(Buffer.isBuffer(bytes)).toBe(false)
  })

  test("inherited names are ordinary keys and set nothing on the prototype", () => {
    const value = { toString: 1, hasOwnProperty: null, valueOf: [] }
    expect(decode(encode(value))).toEqual(value)
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined()
  })

  test("a truncated value is refused at every length", () => {
    const whole = encode({
      a: [1, "zwei", 3.5, new Uint8Array(30), null],
      "a longer key than 23 bytes": "世界".repeat(30),
    })
    for (let length = 0; length < whole.length; length++)
      expect(() => decode(whole.subarray(0, length))).toThrow(DecodeError)
  })
})

describe("Writer", () => {
  test("stops at its limit instead of growing on", () => {
    const writer = new Writer(16)
    writer.limit = 100_000
    expect(() => writer.value(Array.from({ length: 1000 }, () => "x".repeat(1000)))).toThrow(EncodeError)
    expect(writer.bytes.length).toBeLessThan(400_000)
    writer.length = 0
    expect(() => writer.raw(new Uint8Array(100_001))).toThrow(EncodeError)
  })
})

describe("what is written by hand", () => {
  const written = (write: (writer: Writer) => void) => {
    const writer = new Writer(4)
    write(writer)
    return writer.bytes.slice(0, writer.length)
  }

  test("texts of every length, in ASCII and beyond, are those of the encoder", () => {
    for (let length = 0; length < 300; length++)
      for (const letter of ["a", "é", "世", "𝄞"]) {
        const text = `${"x".repeat(Math.max(0, length - 1))}${length > 0 ? letter : ""}`
        const bytes = written((writer) => writer.value(text))
        expect(toHex(bytes)).toBe(toHex(encode(text)))
        expect(decode(bytes)).toBe(text)
      }
    expect(() => written((writer) => writer.value("\ud800"))).toThrow("well-formed")
  })

  test("unsigned integers are as short as they can be", () => {
    for (const value of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xffffffff])
      expect(toHex(written((writer) => writer.uint(value)))).toBe(toHex(encode(value)))
  })

  test("a short text above the limit is refused as any value is", () => {
    const writer = new Writer()
    writer.limit = 10
    expect(() => writer.value("eleven chars")).toThrow("larger than the receiver takes")
  })
})
