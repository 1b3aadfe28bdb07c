import { describe, expect, test } from "bun:test"
import { jsonFault } from "../../../src/node/gateway/JsonFault.ts"

test.each([
  ["", "line 1, column 1: expected a value, found the end"],
  ["[1, nope]", 'line 1, column 5: expected a value, found "nope"'],
  ["[1 2]", 'line 1, column 4: expected a comma or ], found "2"'],
  ["[1,]", 'line 1, column 4: expected a value, found "]"'],
  ['{"a": 1,}', 'line 1, column 9: expected a name in quotes, found "}"'],
  ["{a: 1}", 'line 1, column 2: expected a name in quotes or }, found "a"'],
  ['{"a" 1}', 'line 1, column 6: expected a colon, found "1"'],
  ['{"a": 01}', 'line 1, column 7: expected a value, found "01"'],
  ["[1]]", 'line 1, column 4: expected the end, found "]"'],
  ['[\n  "a",\n  "b\n]', "line 3, column 5: a line break, tab or other control character in a text, unescaped"],
  ['["abc', "line 1, column 2: a text without its closing quote"],
  ['["a\\x"]', 'line 1, column 4: an unknown escape "\\\\x"'],
  ["[[", "line 1, column 3: expected a value or ], found the end"],
])("%j is at fault at %s", (text, fault) => {
  expect(jsonFault(text)).toBe(fault)
})

const isJson = (text: string) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** All places of up to four characters. */
const cuts = (text: string) =>
  Array.from({ length: text.length + 1 }, (_, at) => at).flatMap((at) =>
    [0, 1, 2, 3, 4].map((length) => [at, Math.min(text.length, at + length)] as const),
  )

const variants = (text: string, at: number, end: number) =>
  ["", text.slice(at, end).repeat(2), "\t", "}", ",", '"', "0"].map((put) => text.slice(0, at) + put + text.slice(end))

describe("against the runtime's own parser", () => {
  const seeds = [
    '{"a":[1,-2.5e+3,true,false,null,"x\\u00e9\\n"],"b":{"c":{}},"d":[]}',
    ' [ { } , [ [ ] ] , "", 0, -0, 1E5 ] ',
    '"世界 \u007f"',
  ]
  test("they agree on what is JSON, for every text that lacks or repeats a piece of one", () => {
    const broken = seeds.flatMap((seed) => cuts(seed).flatMap(([at, end]) => variants(seed, at, end)))
    const disagree = broken.filter((text) => (jsonFault(text) === undefined) !== isJson(text))
    expect(broken.length).toBeGreaterThan(1_000)
    expect(disagree).toEqual([])
  })

  test("a very deep or long text is no trouble", () => {
    expect(jsonFault("[".repeat(500_000))).toBe("line 1, column 500001: expected a value or ], found the end")
    expect(jsonFault(`["${"a".repeat(2_000_000)}\\q"]`)).toBe('line 1, column 2000003: an unknown escape "\\\\q"')
  })
})
