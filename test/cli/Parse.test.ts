import { describe, expect, test } from "bun:test"
import { readArgument } from "../../src/cli/call/CallCommand.ts"
import { UsageError } from "../../src/cli/Failure.ts"
import {
  address,
  choice,
  database,
  duration,
  flag,
  hostPort,
  optional,
  path,
  text,
  toggle,
  url,
} from "../../src/cli/Flag.ts"
import { readFlags, splitLine } from "../../src/cli/Parse.ts"
import { suggestion } from "../../src/cli/Suggestion.ts"
import { valueJson } from "../../src/protocol/ValueJson.ts"

const flags = {
  role: optional("role", choice("manager", "node"), "role"),
  listen: flag("listen", hostPort, "listen", "127.0.0.1:8800"),
  name: optional("name", text("NAME"), "name"),
  secret: optional("secret", { ...choice("open"), secret: true }, "secret"),
  json: toggle("json", "json"),
}
const known = Object.values(flags)
const nowhere = () => undefined

const problem = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return "no problem"
}

describe("a command line", () => {
  test("has flags anywhere, and words between them", () => {
    const line = splitLine(["--name", "a", "call", "--json", "x", "--role=node", "-5", "-"], known)
    expect(line.words).toEqual(["call", "x", "-5", "-"])
    expect(Object.fromEntries(line.texts)).toEqual({ name: "a", json: "true", role: "node" })
  })

  test("has no flags after --", () => {
    expect(splitLine(["call", "--", "--json", "--help"], known)).toEqual({
      words: ["call", "--json", "--help"],
      texts: new Map(),
      help: false,
    })
  })

  test("keeps what comes after the first = of a value", () => {
    expect(splitLine(["--name=a=b\nc"], known).texts.get("name")).toBe("a=b\nc")
  })

  test.each([
    [["--lisen", "x"], `Unknown flag --lisen, did you mean "--listen"?`],
    [["--quite-another"], "Unknown flag --quite-another; muster --help lists them"],
    [["-x"], "Unknown flag -x; muster --help lists them"],
    [["--name"], "--name has no value, expected a text"],
    [["--name", "--json"], "--name has no value, expected a text"],
    [["--name="], "--name is empty"],
  ])("%j is refused: %s", (args, message) => {
    expect(problem(() => splitLine(args, known))).toBe(message)
  })
})

describe("a flag's value", () => {
  const read = (args: ReadonlyArray<string>, environment: (name: string) => string | undefined = nowhere) =>
    readFlags(flags, splitLine(args, known), environment)

  test("comes from the line, else the environment, else the default", () => {
    const environment = (name: string) => ({ MUSTER_LISTEN: "[::1]:99", MUSTER_JSON: "1" })[name]
    expect(read([]).listen).toEqual({ host: "127.0.0.1", port: 8800 })
    expect(read([], environment)).toMatchObject({ listen: { host: "::1", port: 99 }, json: true, name: undefined })
    expect(read(["--listen", "a.example:1", "--json=false"], environment)).toMatchObject({
      listen: { host: "a.example", port: 1 },
      json: false,
    })
  })

  test("that is bad is named with where it came from and what was expected", () => {
    expect(problem(() => read(["--role", "captain"]))).toBe(`--role is "captain", expected manager or node`)
    expect(problem(() => read([], (name) => (name === "MUSTER_LISTEN" ? "8800" : undefined)))).toBe(
      `MUSTER_LISTEN is "8800", expected HOST:PORT, such as 127.0.0.1:8800 or [::1]:8800`,
    )
  })

  test("that is a secret is not repeated", () => {
    expect(problem(() => read(["--secret", "hunter2"]))).toBe("--secret is not usable, expected open")
    expect(database.secret).toBe(true)
  })

  test.each([
    [hostPort, "127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    [hostPort, "127.0.0.1:65536", undefined],
    [hostPort, "999.0.0.1:80", undefined],
    [hostPort, "::1:80", undefined],
    [duration, "500", 500],
    [duration, "1.5s", 1_500],
    [duration, "1h", 3_600_000],
    [duration, "0", undefined],
    [duration, "-1s", undefined],
    [duration, "400d", undefined],
    [duration, "soon", undefined],
    [url, "https://a.example:8800/", "https://a.example:8800"],
    [url, "a.example:8800", undefined],
    [url, "ftp://a.example", undefined],
    [database, "sqlite", "sqlite"],
    [database, "mysql://u:p@127.0.0.1:3306/muster", "mysql://u:p@127.0.0.1:3306/muster"],
    [database, "postgres://x", undefined],
    [address, "fe80::1", "fe80::1"],
    [address, "a b", undefined],
    [path("FILE"), "/a/../b/", "/b"],
  ])("of %o: %s is read as %j", (kind, given, expected) => {
    expect(kind.read(given)).toEqual(expected as never)
  })
})

describe("an argument of a call", () => {
  test.each([
    ["5", 5],
    ["-5", -5],
    ["true", true],
    ["null", null],
    ['"5"', "5"],
    ['{"a":[1]}', { a: [1] }],
    ["世界", "世界"],
    ["{half", "{half"],
    ["", ""],
    ["05", "05"],
  ])("%s is %j", (given, expected) => {
    expect(readArgument(given)).toEqual(expected)
  })
})

test("a result that JSON lacks is shown all the same", () => {
  expect(valueJson(undefined)).toBe("null")
  expect(valueJson({ bytes: new Uint8Array([1, 255]), big: 2n ** 60n })).toBe(
    `{"bytes":"Af8=","big":"1152921504606846976"}`,
  )
})

test("a suggestion is made for what is close only", () => {
  const names = ["call", "nodes", "token create"]
  expect(suggestion("cal", names)).toContain(`"call"`)
  expect(suggestion("node", names)).toContain(`"nodes"`)
  expect(suggestion("token", names)).toContain(`"token create"`)
  expect(suggestion("deploy", names)).toBe("")
})
