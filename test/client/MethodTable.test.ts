import { expect, test } from "bun:test"
import { MethodTable } from "../../src/client/MethodTable.ts"

test("a method is idempotent as long as its server says so, or the client's own settings do", () => {
  const table = new MethodTable(["Orders::find"])
  expect(table.isIdempotent("Orders.find")).toBe(true)
  expect(table.isIdempotent("charge")).toBe(false)
  table.learn(["charge", "Orders.find"])
  expect(table.isIdempotent("charge")).toBe(true)
  // Its next version charges twice when it is called twice.
  table.learn([])
  expect(table.isIdempotent("charge")).toBe(false)
  expect(table.isIdempotent("Orders::find")).toBe(true)
})
