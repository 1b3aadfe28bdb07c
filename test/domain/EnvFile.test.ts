import { expect, test } from "bun:test"
import { Result } from "effect"
import { parseEnvFile } from "../../src/domain/EnvFile.ts"

const values = (text: string) => Result.getOrThrow(parseEnvFile(text))
const fault = (text: string) => Result.getOrThrow(Result.flip(parseEnvFile(text)))

test.each([
  ["A=1", "1"],
  ["A=", ""],
  ["A = 1", undefined],
  ["  export A=1  ", "1"],
  ["A=two words ", "two words"],
  ["A=x#y", "x#y"],
  ["A=x # a comment", "x"],
  ["A=# only a comment", ""],
  ["A='single $HOME \\n # no comment'", "single $HOME \\n # no comment"],
  ['A="double \\"quoted\\"\\n\\ttab \\\\ $HOME" # a comment', 'double "quoted"\n\ttab \\ $HOME'],
  ["A='x' # a comment", "x"],
  ["A=a=b=c", "a=b=c"],
  ["A=世界", "世界"],
  ["\uFEFFA=1", "1"],
  ["A=1\r\nB=2\r\n", "1"],
  ["A=1\n#A=2\n\n   \nA=3", "3"],
])("%j gives A the value %j", (text, value) => {
  if (value === undefined) expect(fault(text).line).toBe(1)
  else expect(values(text)["A"]).toBe(value)
})

test.each([
  ["A=1\nB", 2, "has no =, expected NAME=value"],
  ["\n\n1A=2", 3, "does not begin with the name of a variable and ="],
  ["=2", 1, "does not begin with the name of a variable and ="],
  ["A='open", 1, "has a quotation mark without its partner, or something behind it"],
  ['A="open\\"', 1, "has a quotation mark without its partner, or something behind it"],
  ["A='x'y", 1, "has a quotation mark without its partner, or something behind it"],
  ["A=x\0y", 1, "has a NUL character"],
])("%j is refused at its line", (text, line, reason) => {
  expect(fault(text)).toEqual({ line, reason })
})

test("the reason never tells what stands in the file", () => {
  expect(JSON.stringify(fault("PASSWORD hunter2"))).not.toContain("hunter2")
  expect(JSON.stringify(fault("PASSWORD='hunter2"))).not.toContain("hunter2")
})
