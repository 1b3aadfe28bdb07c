import { describe, expect, test } from "bun:test"
import { DecodeError } from "../../../src/protocol/Decode.ts"
import { EncodeError } from "../../../src/protocol/EncodeError.ts"
import { readPhp } from "../../../src/protocol/legacy/PhpRead.ts"
import { writePhp } from "../../../src/protocol/legacy/PhpWrite.ts"
import { bodyOf, capturedRequests, refusedRequests } from "./vectors.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (text: string) => readPhp(bytes(text))
const write = (value: unknown) => new TextDecoder("utf-8", { fatal: true }).decode(writePhp(value))

/** Why it is not taken. */
const refusal = (body: Uint8Array): string => {
  try {
    readPhp(body)
  } catch (error) {
    if (error instanceof DecodeError) return error.message
    throw error
  }
  return "it was taken"
}

describe("PHP's serialize", () => {
  for (const { func, name, params, php } of capturedRequests)
    test(`is read as PHP wrote it: ${name}`, () => {
      expect(readPhp(bodyOf(php))).toEqual({ func, params })
    })

  test("is written as PHP writes it", () => {
    // Each text is the output of serialize() on PHP 8.2 for the same value.
    for (const [value, text] of [
      [null, "N;"],
      [true, "b:1;"],
      [false, "b:0;"],
      [-7, "i:-7;"],
      [9_007_199_254_740_991, "i:9007199254740991;"],
      [0.1, "d:0.1;"],
      [-0.25, "d:-0.25;"],
      [Infinity, "d:INF;"],
      [-Infinity, "d:-INF;"],
      [NaN, "d:NAN;"],
      ["世界", 's:6:"世界";'],
      ['"quoted" \\ /', 's:12:""quoted" \\ /";'],
      [[], "a:0:{}"],
      [[1, [2]], "a:2:{i:0;i:1;i:1;a:1:{i:0;i:2;}}"],
      [{ a: 1, b: { c: [] } }, 'a:2:{s:1:"a";i:1;s:1:"b";a:1:{s:1:"c";a:0:{}}}'],
      [{ "3": "x", "5": "y" }, 'a:2:{i:3;s:1:"x";i:5;s:1:"y";}'],
      [{ "-5": 1, "05": 2, "-0": 3 }, 'a:3:{i:-5;i:1;s:2:"05";i:2;s:2:"-0";i:3;}'],
      [{ "9223372036854775807": 1 }, "a:1:{i:9223372036854775807;i:1;}"],
      [{ "9223372036854775808": 1 }, 'a:1:{s:19:"9223372036854775808";i:1;}'],
    ] as const)
      expect(write(value)).toBe(text)
  })

  test("is written without any CRLF, in the form that PHP has for it", () => {
    // PHP 8.2 reads these as "a\r\nb\\", "\r\r\n" and the key "\r\n".
    expect(write("a\r\nb\\")).toBe('S:5:"a\\0d\nb\\5c";')
    expect(write("\r\r\n")).toBe('S:3:"\\0d\\0d\n";')
    expect(write({ "\r\n": 1 })).toBe('a:1:{S:2:"\\0d\n";i:1;}')
    expect(write("\r")).toBe('s:1:"\r";')
    expect(write("\n\r")).toBe('s:2:"\n\r";')
  })

  test("carries bytes that are no text", () => {
    const binary = new Uint8Array([0, 255, 254])
    expect(readPhp(writePhp({ binary }))).toEqual({ binary })
    expect(readPhp(bytes('s:0:"";'))).toBe("")
  })

  test("tells a list from a map as PHP does", () => {
    expect(read("a:2:{i:0;i:1;i:1;i:2;}")).toEqual([1, 2])
    expect(read("a:2:{i:1;i:2;i:0;i:1;}")).toEqual({ 0: 1, 1: 2 })
    expect(read('a:2:{i:0;i:1;s:1:"x";i:2;}')).toEqual({ 0: 1, x: 2 })
    expect(read("a:1:{i:-1;i:2;}")).toEqual({ "-1": 2 })
  })

  test("never makes an object, and follows no reference", () => {
    expect(refusal(bodyOf(refusedRequests.object))).toContain("objects are not taken")
    expect(refusal(bodyOf(refusedRequests.stdClass))).toContain("objects are not taken")
    expect(refusal(bodyOf(refusedRequests.reference))).toContain("references are not taken")
    for (const text of ['C:1:"A":0:{}', 'E:3:"A:B";', "r:1;"]) expect(refusal(bytes(text))).toContain("not taken")
  })

  test("is refused when it is anything else than one whole value", () => {
    for (const [text, reason] of [
      ["", "the body ends too early"],
      ["x", '"x" is no type'],
      ["N", "the body ends too early"],
      ["N;N;", "bytes follow the value"],
      ["b:2;", "a boolean is 0 or 1"],
      ["i:;", "a number was expected"],
      ["i:1.5;", "a number was expected"],
      ["i:9007199254740992;", "the integer is beyond 2^53 - 1"],
      [`i:${"1".repeat(30)};`, "a number was expected"],
      ["d:;", "a number was expected"],
      ["d:0x10;", "a number was expected"],
      [`d:${"1".repeat(100)};`, "a number was expected"],
      ['s:5:"abc";', "the body ends too early"],
      ['s:2:"abc";', "was expected"],
      ['s:99999999999:"abc";', "the body ends too early"],
      ["a:2:{i:0;N;}", "the body ends too early"],
      ["a:1:{i:0;N;", "the body ends too early"],
      ["a:99999999:{}", "the body ends too early"],
      ["a:1:{N;i:1;}   ", "a key is an integer or a text"],
      ["a:1:{d:1;i:1;}", "a key is an integer or a text"],
      ['a:2:{s:1:"a";i:1;s:1:"a";i:2;}', 'the key "a" comes twice'],
      ['a:2:{i:5;i:1;s:1:"5";i:2;}', 'the key "5" comes twice'],
      ['a:1:{s:9:"__proto__";a:0:{}}', 'the key "__proto__" is not allowed'],
      ['a:1:{s:11:"constructor";i:1;}', 'the key "constructor" is not allowed'],
    ] as const)
      expect([text, refusal(bytes(text))]).toEqual([text, expect.stringContaining(reason)])
  })

  test("is refused when it is nested too deep or has too many items, before it costs anything", () => {
    const nested = (depth: number) => bytes("a:1:{i:0;".repeat(depth) + "N;" + "}".repeat(depth))
    expect(refusal(nested(64))).toBe("it was taken")
    expect(refusal(nested(65))).toContain("deeper than 64")
    expect(refusal(nested(50_000))).toContain("deeper than 64")
    const wide = (count: number) =>
      bytes(`a:${count}:{${Array.from({ length: count }, (_, n) => `i:${n};N;`).join("")}}`)
    expect(refusal(wide(49_999))).toBe("it was taken")
    expect(refusal(wide(50_000))).toContain("more than 100000 items")
  })

  test("has no form for what muster/1 has none for, and none above the limit", () => {
    for (const value of [1n, () => 1, new Map(), "\ud800"]) expect(() => writePhp(value)).toThrow(EncodeError)
    expect(() => writePhp("x".repeat(100), 50)).toThrow(EncodeError)
    expect(() => writePhp("\r\n".repeat(100), 250)).toThrow(EncodeError)
  })

  test("gives back any value, and survives any bytes", () => {
    let seed = 42
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % below
    }
    const texts = ["", "世界", "\r\n", 'a";i:1;', "\\0d", "05", "\0", "𝄞", "O:8:"]
    const value = (depth: number): unknown => {
      const kind = random(depth > 4 ? 6 : 8)
      if (kind === 0) return null
      if (kind === 1) return random(2) === 1
      if (kind === 2) return random(1_000_000) - 500_000
      if (kind === 3) return random(1_000_000) / 1_024
      if (kind < 6) return texts[random(texts.length)]
      if (kind === 6) return Array.from({ length: random(5) }, () => value(depth + 1))
      // Never a list's keys: PHP does not tell an empty map from an empty list, nor one of 0, 1, 2 … from a list.
      const entries = Array.from({ length: random(4) + 1 }, (_, n) => [
        `k${n}${texts[random(texts.length)]}`,
        value(depth + 1),
      ])
      return Object.fromEntries(entries)
    }
    for (let run = 0; run < 2_000; run++) {
      const given = value(0)
      const plain = writePhp(given).map((code) => code)
      expect(Buffer.from(plain).includes("\r\n")).toBe(false)
      if (!Buffer.from(plain).includes("S:")) expect(readPhp(plain)).toEqual(given)
      // A broken one is a DecodeError or another value: nothing else ever comes of it.
      const broken = plain.slice(0, plain.length - random(3))
      if (broken.length > 0) broken[random(broken.length)] = random(256)
      refusal(broken)
    }
  })
})
