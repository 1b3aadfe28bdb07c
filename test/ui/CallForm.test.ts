import { describe, expect, test } from "bun:test"
import type { CallFormValues, MethodView, ParameterView } from "../../ui/CallModels.ts"
import { curlCommand, musterCommand, shellWord } from "../../ui/forms/CallCommands.ts"
import { callErrorCount, checkCallForm, editCall, openCallForm, readCallForm } from "../../ui/forms/CallFields.ts"
import {
  choicesOf,
  parameterKind,
  parameterStart,
  parameterText,
  readParameter,
  sampleOf,
} from "../../ui/forms/ParameterField.ts"

type Schema = NonNullable<ParameterView["schema"]>

const text: Schema = { type: "string" }
const order: Schema = {
  type: "object",
  properties: { id: { type: "integer" }, lines: { type: "array" }, note: { $ref: "#/nothing" } },
}
const level: Schema = { $ref: "#/$defs/Level", $defs: { Level: { enum: ["low", "high"] } } }
const loop: Schema = { $ref: "#/$defs/A", $defs: { A: { $ref: "#/$defs/A" } } }

describe("a parameter", () => {
  const kinds: ReadonlyArray<[Schema | undefined, string]> = [
    [undefined, "any"],
    [{}, "any"],
    [text, "text"],
    [{ type: "number" }, "number"],
    [{ type: "integer" }, "integer"],
    [{ type: "boolean" }, "boolean"],
    [order, "json"],
    [{ type: ["string", "null"] }, "json"],
    [level, "choice"],
    [{ anyOf: [{ const: "a" }, { const: 1 }] }, "choice"],
    [{ anyOf: [{ type: "string" }, { type: "number" }] }, "json"],
    [loop, "json"],
  ]
  for (const [schema, kind] of kinds)
    test(`of ${JSON.stringify(schema)} is asked for as ${kind}`, () =>
      expect(parameterKind(schema)).toBe(kind as never))

  test("offers its choices as JSON, and begins with a value of its shape", () => {
    expect(choicesOf(level)).toEqual(['"low"', '"high"'])
    expect(sampleOf(order)).toEqual({ id: 0, lines: [], note: null })
    expect(sampleOf({ type: "string", examples: ["x"] })).toBe("x")
    expect(sampleOf({ type: "number", default: 7 })).toBe(7)
    expect(sampleOf(loop)).toBeNull()
    expect(parameterStart({ optional: false, schema: order })).toBe(
      JSON.stringify({ id: 0, lines: [], note: null }, null, 2),
    )
    expect(parameterStart({ optional: true, schema: order })).toBe("")
  })

  const rows: ReadonlyArray<[string, Schema | undefined, boolean, string, ReturnType<typeof readParameter>]> = [
    ["text is what was typed, also when it looks like JSON", text, false, "5", { value: "5" }],
    ["an empty text is a text", text, false, "", { value: "" }],
    ["an empty text that is optional is left out", text, true, "", undefined],
    ["numbers are numbers", { type: "number" }, false, " 1.5 ", { value: 1.5 }],
    ["words are no numbers", { type: "number" }, false, "heavy", { problem: { kind: "number" } }],
    ["a part is no whole number", { type: "integer" }, false, "1.5", { problem: { kind: "integer" } }],
    ["nothing is no number", { type: "number" }, false, "", { problem: { kind: "missing" } }],
    ["an unknown one is JSON where it is", undefined, false, "[1]", { value: [1] }],
    ["and text where it is not", undefined, false, "世界", { value: "世界" }],
    ["and nothing where it is empty: nobody knows whether it may be left out", undefined, false, "", undefined],
    ["a choice is its value", level, false, '"high"', { value: "high" }],
    ["a switch is one", { type: "boolean" }, false, "true", { value: true }],
    ["null is a value", order, true, "null", { value: null }],
  ]
  for (const [name, schema, optional, typed, read] of rows)
    test(name, () =>
      expect(readParameter({ optional, ...(schema === undefined ? {} : { schema }) }, typed)).toEqual(read),
    )

  test("that is no JSON says where", () => {
    expect(readParameter({ optional: false, schema: order }, "{")).toMatchObject({ problem: { kind: "json" } })
  })

  test("is shown so that it is read back", () => {
    const values: ReadonlyArray<[Schema | undefined, unknown]> = [
      [text, "5"],
      [undefined, "5"],
      [undefined, ""],
      [undefined, "世界"],
      [undefined, 5],
      [order, { id: 1 }],
      [level, "low"],
      [{ type: "boolean" }, false],
    ]
    for (const [schema, value] of values) {
      const shown = parameterText(schema, value)
      expect({ shown, read: readParameter({ optional: false, ...(schema && { schema }) }, shown) }).toEqual({
        shown,
        read: { value },
      })
    }
  })
})

const create: MethodView = {
  name: "Orders.create",
  kind: "unary",
  rest: false,
  parameters: [
    { name: "customer", optional: false, schema: text },
    { name: "weight", optional: true, schema: { type: "number" } },
    { name: "note", optional: true },
  ],
}
const add: MethodView = { name: "add", kind: "unary", rest: true, parameters: [{ name: "first", optional: false }] }
const methods = [create, add]

describe("the call form", () => {
  const values = (rest: Partial<CallFormValues>): CallFormValues => ({
    ...openCallForm(methods, ["127.0.0.1:9101"]),
    ...rest,
  })
  const args = (rest: Partial<CallFormValues>) => checkCallForm(values(rest), methods).fields?.args

  test("opens with the first method and endpoint, or with the one that is wanted", () => {
    expect(openCallForm(methods, ["a:1", "b:2"])).toMatchObject({
      method: "Orders.create",
      mode: "fields",
      fields: ["", "", ""],
      json: '[""]',
      endpoint: "a:1",
    })
    expect(openCallForm(methods, [], "add")).toMatchObject({ method: "add", endpoint: "all" })
    expect(openCallForm([], [], "hidden")).toMatchObject({ method: "hidden", mode: "json", json: "[]" })
  })

  test("sends what is given: no arguments that are left out at the end, null in the middle", () => {
    expect(args({ fields: ["c-1", "", ""] })).toEqual(["c-1"])
    expect(args({ fields: ["c-1", "", "x"] })).toEqual(["c-1", null, "x"])
    expect(args({ method: "add", shown: "add", fields: ["1"], rest: "[2, 3]" })).toEqual([1, 2, 3])
    expect(args({ mode: "json", json: "" })).toEqual([])
    expect(args({ method: "unknown", shown: "unknown", json: '["a"]' })).toEqual(["a"])
  })

  test("names every place that is wrong", () => {
    const errors = (rest: Partial<CallFormValues>) => checkCallForm(values(rest), methods).errors
    const many = errors({ method: "no method", timeout: "31 s", mode: "json", json: "{}" })
    expect(many).toEqual({ method: "name", timeout: "range", json: { kind: "list" } })
    expect(errors({ timeout: "5" })).toEqual({ timeout: "unit" })
    expect(errors({ mode: "json", json: "[" })).toMatchObject({ json: { kind: "syntax" } })
    const wrong = errors({ fields: ["", "heavy", ""], method: "Orders.create" })
    expect(wrong).toEqual({ fields: { 1: { kind: "number" } } })
    expect(callErrorCount({ fields: { 0: { kind: "missing" }, 1: { kind: "number" } }, timeout: "unit" })).toBe(3)
    expect(errors({ method: "add", shown: "add", fields: ["1"], rest: "1" })).toEqual({
      fields: {},
      rest: { message: null },
    })
  })

  test("is read as it was posted, with either way to write a class's method", () => {
    const posted = new URLSearchParams({
      method: " Orders::create ",
      shown: "Orders.create",
      mode: "fields",
      argument0: "a\r\nb",
      argument1: "",
      timeout: "250 ms",
      endpoint: "all",
    })
    expect(checkCallForm(readCallForm(posted), methods).fields).toEqual({
      method: "Orders.create",
      args: ["a\nb"],
      timeoutMs: 250,
      endpoint: "all",
    })
  })

  const change = (to?: string) => new URLSearchParams(to === undefined ? {} : { to })

  test("turns fields into JSON and back without losing anything", () => {
    const asJson = editCall(values({ fields: ["c-1", "2.5", ""] }), methods, change("json")).values
    expect(JSON.parse(asJson.json)).toEqual(["c-1", 2.5])
    const back = editCall({ ...asJson, json: '["c-2", null, "x", 9]' }, methods, change("fields")).values
    expect(back).toMatchObject({ mode: "fields", fields: ["c-2", "null", "x"], rest: "[9]" })
  })

  test("keeps JSON that can't be read, and says what is wrong with it", () => {
    const { errors, values: kept } = editCall(values({ mode: "json", json: "[1" }), methods, change("fields"))
    expect(kept).toMatchObject({ mode: "json", json: "[1" })
    expect(errors.json?.kind).toBe("syntax")
  })

  test("begins anew with another method, and knows only JSON for one that nobody described", () => {
    const edited = editCall(values({ method: "add", fields: ["c-1"], timeout: "9 s" }), methods, change()).values
    expect(edited).toMatchObject({ method: "add", shown: "add", fields: [""], timeout: "9 s" })
    expect(editCall(values({ method: "other" }), methods, change()).values).toMatchObject({
      shown: "other",
      mode: "json",
      json: "[]",
    })
  })
})

describe("the same call from a shell", () => {
  const call = { service: "order-center", method: "Orders.create", timeoutMs: 5_000, ip: undefined, stream: false }

  test("quotes what a shell would read", () => {
    expect(["abc", "it's", "", "-x", "$HOME", "a b"].map(shellWord)).toEqual([
      "abc",
      `'it'\\''s'`,
      "''",
      "'-x'",
      "'$HOME'",
      "'a b'",
    ])
  })

  test("means the same arguments: text that looks like JSON keeps its quotes", () => {
    const args = ["c-1", "5", "true", "", "-v", 5, { a: "it's" }, null]
    expect(musterCommand({ ...call, args })).toBe(
      `muster call --timeout 5s order-center Orders.create c-1 '"5"' '"true"' '""' '"-v"' 5 '{"a":"it'\\''s"}' null`,
    )
    expect(curlCommand({ ...call, args: ["it's"] })).toBe(
      `curl -H 'Muster-Timeout: 5s' http://127.0.0.1:8823/rpc/order-center/Orders.create -d '["it'\\''s"]'`,
    )
  })

  test("goes to the one endpoint, and asks for a stream, where the page did", () => {
    const one = { ...call, args: [], timeoutMs: 250, ip: "::1", stream: true }
    expect(musterCommand(one)).toBe("muster call --stream --timeout 250ms --node ::1 order-center Orders.create")
    expect(curlCommand(one)).toBe(
      "curl -N -H 'Accept: application/x-ndjson' -H 'Muster-Timeout: 250ms' -H 'Muster-Node: ::1' http://127.0.0.1:8823/rpc/order-center/Orders.create -d '[]'",
    )
  })
})
