import { describe, expect, test } from "bun:test"
import { table, textWidth } from "../../src/cli/Table.ts"

test.each([
  ["abc", 3],
  ["世界", 4],
  ["한국어", 6],
  ["é", 1],
  ["e\u0301", 1],
  ["🚀x", 3],
  ["ｆｕｌｌ", 8],
  ["…—", 2],
])("%j takes %i columns", (text, columns) => {
  expect(textWidth(text)).toBe(columns)
})

describe("a table", () => {
  test("aligns wide characters with narrow ones, and numbers to the right", () => {
    const rows = [
      ["NAME", "CALLS", "ABOUT"],
      ["问候", "7", "a"],
      ["greeter", "12,345", "b"],
    ]
    expect(table(rows, { right: [1] })).toEqual(["NAME      CALLS  ABOUT", "问候          7  a", "greeter  12,345  b"])
  })

  test("wraps its last column where the terminal is too narrow, and keeps lines otherwise", () => {
    const rows = [
      ["NODE", "REASON"],
      ["web-01", "the module throws an error when it is loaded"],
    ]
    expect(table(rows, { width: 34 })).toEqual([
      "NODE    REASON",
      "web-01  the module throws an error",
      "        when it is loaded",
    ])
    expect(table(rows, { width: 28 })).toEqual([
      "NODE",
      "    REASON",
      "web-01",
      "    the module throws an",
      "    error when it is loaded",
    ])
    expect(table(rows)).toHaveLength(2)
  })

  test("lets nothing out that a terminal would obey", () => {
    expect(table([["a\u001b[2J", "b\nc"]])).toEqual(["a\\x1b[2J  b c"])
  })
})
