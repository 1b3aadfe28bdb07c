import { expect, test } from "bun:test"
import { Schema } from "effect"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { context, method, type StandardSchema } from "../../src/service/index.ts"
import { handlerOf } from "../../src/worker/Handlers.ts"
import { methodTable } from "../../src/worker/MethodTable.ts"
import { describeMethods } from "../../src/worker/Reflect.ts"
import { installHost, makeCall } from "./TestCall.ts"

installHost()

const Order = Schema.Struct({
  name: Schema.String,
  lines: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.Int })),
})
const order = Schema.toStandardSchemaV1(Order)
const text = Schema.toStandardSchemaV1(Schema.String)
const optionalNumber = Schema.toStandardSchemaV1(Schema.UndefinedOr(Schema.Number))

/** A schema of no library. */
const schema = <Value>(
  check: (value: unknown) => value is Value,
  message: string,
  later = false,
): StandardSchema<Value> => {
  const validate = (value: unknown) => (check(value) ? { value } : { issues: [{ message }] })
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: later ? (value) => Promise.resolve(validate(value)) : validate,
    },
  }
}
const isText = (value: unknown): value is string => typeof value === "string"

/** What a worker answers to a call of an exported method. */
const run = (exported: unknown, ...args: ReadonlyArray<unknown>): unknown => {
  const found = methodTable({ it: exported }).methods.get("it")
  if (found === undefined) throw new Error("it is no method")
  return handlerOf("it", found)(args, makeCall())
}

const failure = async (exported: unknown, ...args: ReadonlyArray<unknown>): Promise<RpcError> => {
  try {
    await run(exported, ...args)
  } catch (error) {
    if (error instanceof RpcError) return error
    throw error
  }
  throw new Error("it did not fail")
}

test("a handler gets what the schemas made of the arguments, and the context last; a sync one answers at once", () => {
  const resize = method({
    input: [text, optionalNumber],
    handler: (name, width, ctx) => [name, width ?? 0, ctx.method],
  })
  expect(run(resize, "a", 7)).toEqual(["a", 7, "find"])
  expect(run(resize, "a")).toEqual(["a", 0, "find"])
  const one = method({ input: text, handler: (name) => context().caller.remote + name })
  expect(run(one, "!")).toBe("127.0.0.1:4711!")
  expect(run(method({ input: [], handler: (ctx) => ctx.method }))).toBe("find")
})

test("an argument that the caller left out in the middle comes as null, and counts as left out", async () => {
  const list = method({ input: [optionalNumber, text], handler: (from, name) => [from ?? "none", name] })
  expect(run(list, null, "a")).toEqual(["none", "a"])
  expect((await failure(list, 1, null)).message).toBe('"it": [1]: Expected string, given null')
})

test("bad arguments are invalid_argument, not executed, with the path and what was given", async () => {
  let ran = false
  const place = method({ input: order, handler: () => (ran = true) })
  const error = await failure(place, { name: "x", lines: [{ sku: "a", count: "many" }] })
  expect(error).toMatchObject({ code: "invalid_argument", executed: "no" })
  expect(error.message).toBe('"it": [0].lines[0].count: Expected number, given "many"')
  expect(error.details).toEqual({
    issues: [{ path: "[0].lines[0].count", message: 'Expected number, given "many"' }],
  })
  expect((await failure(place)).message).toBe('"it": [0]: Expected object, given nothing')
  expect((await failure(place, 1, 2)).message).toBe('"it" takes one argument, 2 were given')
  expect(ran).toBe(false)
})

test("every argument that is bad is in the details, and one that breaks no sentence is shown short", async () => {
  const both = method({ input: [text, text], handler: () => 0 })
  const error = await failure(both, 1, "x".repeat(1))
  expect(error.message).toBe('"it": [0]: Expected string, given 1')
  const worse = await failure(both, 1, [..."y".repeat(200)])
  expect(worse.message).toContain("(and 1 more)")
  expect((worse.details as { issues: ReadonlyArray<{ path: string }> }).issues.map(({ path }) => path)).toEqual([
    "[0]",
    "[1]",
  ])
  expect(JSON.stringify(worse.details).length).toBeLessThan(400)
})

test("a schema may take its time", async () => {
  const later = method({ input: schema(isText, "no text", true), handler: (name) => `${name} ${context().method}` })
  expect(await run(later, "a")).toBe("a find")
  expect(await failure(later, 1)).toMatchObject({
    code: "invalid_argument",
    executed: "no",
    message: '"it": [0]: no text, given 1',
  })
})

test("a result that its schema refuses is internal, and what the schema makes of it is sent", async () => {
  const trimmed = Schema.toStandardSchemaV1(Schema.Struct({ name: Schema.String }))
  const good = method({ output: trimmed, handler: () => ({ name: "a", secret: 1 }) })
  expect(run(good)).toEqual({ name: "a" })
  // @ts-expect-error The handler answers something else than the schema says.
  const bad = method({ output: trimmed, handler: async () => ({ name: 1 }) })
  const error = await failure(bad)
  expect(error).toMatchObject({ code: "internal", executed: "yes" })
  expect(error.message).toBe('The result of "it" is not what its schema says: name: Expected string, given 1')
})

test("the items of a stream are checked one by one, and a stream runs within its call", async () => {
  const items = async function* (from: number) {
    yield from
    yield context().method
  }
  const seen: Array<unknown> = []
  for await (const item of run(items, 3) as AsyncIterable<unknown>) seen.push(item)
  expect(seen).toEqual([3, "find"])

  const checked = method({
    input: text,
    output: text,
    handler: async function* (first) {
      yield first
      yield 2 as unknown as string
    },
  })
  const iterator = (run(checked, "a") as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  expect(await iterator.next()).toEqual({ done: false, value: "a" })
  await expect(iterator.next()).rejects.toMatchObject({ code: "internal" })
  const plain = function* () {
    yield 1
    yield Promise.resolve(2)
  }
  expect(await Array.fromAsync(run(plain) as AsyncIterable<unknown>)).toEqual([1, 2])
})

test("method() refuses what is no schema, no handler and no number", () => {
  expect(() => method({ input: "text" as never, handler: () => 0 })).toThrow("expected a Standard Schema")
  expect(() => method({ handler: 7 as never })).toThrow("the handler is not a function")
  expect(() => method({ concurrency: 0, handler: () => 0 })).toThrow("concurrency: 0")
})

test("reflection tells names, optional and further parameters, kinds and schemas", () => {
  const both = Schema.toStandardSchemaV1(Schema.toStandardJSONSchemaV1(Schema.Struct({ id: Schema.Int })))
  const described = describeMethods(
    methodTable({
      find: method({
        input: [both, optionalNumber],
        output: both,
        description: "Finds one",
        idempotent: true,
        handler: (order) => order,
      }),
      hello: (name: string, loud = false, ...more: ReadonlyArray<string>) => [name, loud, more],
      follow: async function* (from: number) {
        yield from
      },
    }).methods,
  )
  const json = { type: "object", properties: { id: { type: "integer" } }, required: ["id"] }
  expect(described).toMatchObject([
    { name: "find", kind: "unary", idempotent: true, rest: false, description: "Finds one", output: json },
    { name: "follow", kind: "stream", idempotent: false, parameters: [{ name: "from", optional: false }] },
    {
      name: "hello",
      rest: true,
      parameters: [
        { name: "name", optional: false },
        { name: "loud", optional: true },
      ],
    },
  ])
  expect(described[0]?.parameters).toMatchObject([
    { name: "order", optional: false, schema: json },
    { name: "argument2", optional: true },
  ])
  expect(described[0]?.parameters[1]).not.toHaveProperty("schema")
})
