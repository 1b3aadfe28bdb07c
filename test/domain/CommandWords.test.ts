import { describe, expect, test } from "bun:test"
import { commandText } from "../../src/domain/CommandLine.ts"
import { splitWords } from "../../src/domain/CommandWords.ts"

const cases: ReadonlyArray<readonly [string, ReadonlyArray<string> | undefined]> = [
  ["", []],
  ["  \t ", []],
  ["a  b\tc", ["a", "b", "c"]],
  ["a 'b c' d", ["a", "b c", "d"]],
  [`a "b 'c'" d`, ["a", "b 'c'", "d"]],
  [`--name='x y'z`, ["--name=x yz"]],
  ["a ''", ["a", ""]],
  [String.raw`a\ b`, ["a b"]],
  [String.raw`"a \"b\" \n \\"`, [String.raw`a "b" \n ` + "\\"]],
  [String.raw`'a \n'`, [String.raw`a \n`]],
  ["a|b >c $d *", ["a|b", ">c", "$d", "*"]],
  ["世界 'é'", ["世界", "é"]],
  ["end\\", ["end\\"]],
  ["a 'b", undefined],
  ['a "b', undefined],
]

describe("the words of a line", () => {
  for (const [line, words] of cases) test(JSON.stringify(line), () => expect(splitWords(line)).toEqual(words))

  test("are those that it was written from", () => {
    for (const argv of [["a"], ["a b", "c'd", 'e"f', ""], ["\\", "$x", "世界 "]])
      expect(splitWords(commandText({ argv: argv as [string, ...Array<string>] }))).toEqual(argv)
  })
})
