import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { serviceTypes } from "../../../src/cli/types/ServiceTypes.ts"
import type { JsonSchema, MethodInfo } from "../../../src/protocol/Reflection.ts"
import { root } from "../../support/executable.ts"
import { temporaryFolder } from "../../support/muster.ts"

const unary = { rest: false, kind: "unary", idempotent: false } as const
const parameter = (name: string, schema?: JsonSchema, optional = false) => ({
  name,
  optional,
  ...(schema === undefined ? {} : { schema }),
})

const order: JsonSchema = {
  $ref: "#/$defs/Order",
  $defs: {
    Order: {
      type: "object",
      description: "What somebody bought",
      properties: {
        id: { type: "integer" },
        state: { enum: ["open", "paid", null] },
        lines: { type: "array", items: { $ref: "#/$defs/Line" } },
        "ship-to": { type: "string", description: "An address */ with a trap" },
        parent: { anyOf: [{ $ref: "#/$defs/Order" }, { type: "null" }] },
      },
      required: ["id", "state", "lines"],
      additionalProperties: false,
    },
    Line: {
      type: "object",
      properties: { sku: { type: "string" }, count: { type: "integer" } },
      required: ["sku", "count"],
    },
  },
}

const shop: ReadonlyArray<MethodInfo> = [
  { ...unary, name: "ping", parameters: [], idempotent: true, output: { const: "pong" } },
  {
    ...unary,
    name: "Orders.find",
    description: "Finds an order\nby its id",
    parameters: [parameter("id", { type: "integer" })],
    idempotent: true,
    output: order,
  },
  {
    ...unary,
    name: "place",
    parameters: [parameter("order", order), parameter("note", { type: ["string", "null"] }, true)],
    output: { type: "integer" },
  },
  {
    ...unary,
    kind: "stream",
    name: "changes",
    parameters: [parameter("since", { type: "number" }, true)],
    output: order,
  },
  { ...unary, name: "sum", parameters: [], rest: true, output: { type: "number" } },
  { ...unary, name: "plain", parameters: [parameter("argument1"), parameter("default"), parameter("a b")] },
  {
    ...unary,
    name: "late",
    parameters: [parameter("first", { type: "string" }, true), parameter("second", { type: "boolean" })],
    output: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }], items: false },
  },
  {
    ...unary,
    name: "choose",
    parameters: [
      parameter("of", {
        allOf: [
          { type: "object", properties: { kind: { const: "a" } }, required: ["kind"] },
          {
            anyOf: [
              { type: "object", properties: { left: { type: "number" } }, required: ["left"] },
              { type: "object", properties: { right: { type: "string" } }, required: ["right"] },
            ],
          },
        ],
      }),
    ],
    output: { type: "object", additionalProperties: { type: "number" } },
  },
]

const good = `
import { connect, connectSync, type TypedClient } from "muster/client"
import type { Order, Shop } from "./shop.js"

const shop = connect<Shop>("shop", { timeoutMs: 1_000 })
const order: Order = await shop.call("Orders.find", 7)
const pong: "pong" = await shop.call("ping")
const id: number = await shop.with({ timeoutMs: 5 }).call("place", { id: 1, state: "open", lines: [{ sku: "x", count: 1 }] })
await shop.call("place", { ...order, parent: order }, null)
const sum: number = await shop.call("sum", 1, 2, "3")
await shop.call("plain", 1, {}, [])
const [text, number]: readonly [string, number] = await shop.call("late", undefined, true)
const figures: Readonly<Record<string, number>> = await shop.call("choose", { kind: "a", right: "x" })
const typed: TypedClient<Shop> = shop
const untyped: unknown = await connect("shop").call("whatever", 1)
const told = await connect("shop").call<string>("whatever")
typed.close()
for await (const change of shop.stream("changes", 5)) change.lines.map(({ sku }) => sku.length)
await shop.send("Orders.find", 7)
const waited: Order = connectSync<Shop>("shop").with({ timeoutMs: 5 }).call("Orders.find", 7)
export const both: ReadonlyArray<unknown> = [waited.id, connectSync("shop").call("whatever")]
export const all: ReadonlyArray<unknown> = [pong, id, sum, text.length, number, figures, untyped, told.length, order["ship-to"]]

// @ts-expect-error there is no such method
await shop.call("Orders.lose", 7)
// @ts-expect-error the argument is a number
await shop.call("Orders.find", "7")
// @ts-expect-error the argument is missing
await shop.call("Orders.find")
// @ts-expect-error one argument too many
await shop.call("ping", 1)
// @ts-expect-error no state of an order
await shop.call("place", { id: 1, state: "lost", lines: [] })
// @ts-expect-error a field that an order does not have
await shop.call("place", { id: 1, state: "open", lines: [], colour: "red" })
// @ts-expect-error a stream is not called for one answer
await shop.call("changes")
// @ts-expect-error a method that answers once is no stream
shop.stream("Orders.find", 7)
// @ts-expect-error the items are orders
for await (const change of shop.stream("changes")) change.colour
// @ts-expect-error the argument is missing
await shop.send("Orders.find")
// @ts-expect-error the argument is a number
connectSync<Shop>("shop").call("Orders.find", "7")
// @ts-expect-error the result is an order, not a text
export const wrong: string = await shop.call("Orders.find", 7)
// @ts-expect-error neither left nor right
await shop.call("choose", { kind: "a" })
`

describe("the types of a service", () => {
  test("let the compiler tell good calls from bad ones", () => {
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, "program"))
    const files = { "shop.d.ts": serviceTypes("shop", shop), "program.ts": good }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, "program", name), text)
    const compilerOptions = {
      target: "ESNext",
      module: "NodeNext",
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      allowImportingTsExtensions: true,
      skipLibCheck: false,
      types: ["bun"],
      typeRoots: [join(root, "node_modules/@types")],
      paths: { "muster/client": [join(root, "src/client/index.ts")] },
    }
    const project = join(folder.path, "tsconfig.json")
    writeFileSync(project, JSON.stringify({ compilerOptions, include: ["program"] }))
    writeFileSync(join(folder.path, "package.json"), '{"type":"module"}')
    const { stdout } = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "-p", project])
    expect(stdout.toString()).toBe("")
  }, 60_000)

  test("are an interface with its parameters' names, and a type for each definition", () => {
    const text = serviceTypes("shop", shop)
    expect(text).toContain("export interface Shop {\n")
    expect(text).toContain(
      "  /**\n   * Finds an order\n   * by its id\n   * Idempotent: it may be called again without harm.\n   */\n" +
        '  "Orders.find"(id: number): Promise<Order>',
    )
    expect(text).toContain("  changes(since?: number): AsyncIterableIterator<Order>")
    expect(text).toContain("  place(order: Order, note?: string | null): Promise<number>")
    expect(text).toContain("  plain(argument1: unknown, default_: unknown, a_b: unknown): Promise<unknown>")
    expect(text).toContain("  late(first: string | undefined, second: boolean): Promise<readonly [string, number]>")
    expect(text).toContain("  sum(...more: ReadonlyArray<unknown>): Promise<number>")
    expect(text.match(/export type Order\b/g)).toHaveLength(1)
    expect(text).toContain("/** An address *\\/ with a trap */")
    expect(serviceTypes("shop", shop.toReversed())).toContain("export type Line =")
  })

  test.each([
    ["order-line", "interface OrderLine"],
    ["2nd", "interface Service2nd"],
    ["node_manager", "interface Node_manager"],
  ])("of %s have a name that the language takes: %s", (service, says) => {
    expect(serviceTypes(service, [])).toContain(says)
  })

  test("of two different definitions with one name are two types, and of the service's own name a third", () => {
    const named = (type: string): JsonSchema => ({ $ref: "#/$defs/Shop", $defs: { Shop: { type } } })
    const text = serviceTypes("shop", [
      { ...unary, name: "a", parameters: [], output: named("string") },
      { ...unary, name: "b", parameters: [], output: named("number") },
    ])
    expect(text).toContain("a(): Promise<Shop2>")
    expect(text).toContain("b(): Promise<Shop3>")
    expect(text).toContain("export type Shop3 = number\n")
  })

  test("that can't be told are unknown, however they are written", () => {
    const deep = (levels: number): JsonSchema => (levels === 0 ? {} : { type: "array", items: deep(levels - 1) })
    const odd: ReadonlyArray<JsonSchema> = [
      { $ref: "https://elsewhere.example/schema.json" },
      { $ref: "#/$defs/__proto__" },
      { not: { type: "string" } },
      { type: "date" },
      { anyOf: [{ type: "string" }, {}] },
    ]
    for (const output of odd) {
      expect(serviceTypes("shop", [{ ...unary, name: "a", parameters: [], output }])).toContain("a(): Promise<unknown>")
    }
    expect(serviceTypes("shop", [{ ...unary, name: "a", parameters: [], output: deep(5_000) }])).toContain(
      "ReadonlyArray<unknown>",
    )
    const recursive = { type: "object", properties: { next: { $ref: "#" } } }
    const text = serviceTypes("shop", [{ ...unary, name: "a", parameters: [], output: recursive }])
    expect(text).toContain("a(): Promise<{ readonly next?: Root }>")
    expect(text).toContain("export type Root = { readonly next?: Root }")
  })
})
