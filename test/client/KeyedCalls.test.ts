import { expect, test } from "bun:test"
import { KeyedCalls } from "../../src/client/KeyedCalls.ts"

const minute = 60_000

test("a keyed call is remembered for ten minutes, or until it is answered", () => {
  const keyed = new KeyedCalls()
  keyed.remember("a", "10.0.0.1:80", 0)
  keyed.remember("b", "10.0.0.2:80", 0)
  expect([keyed.of("a", 9 * minute), keyed.of("c", 0)]).toEqual(["10.0.0.1:80", undefined])
  expect(keyed.of("a", 10 * minute)).toBeUndefined()
  keyed.forget("b")
  expect(keyed.of("b", 0)).toBeUndefined()
})

test("the newest thousand keyed calls are remembered", () => {
  const keyed = new KeyedCalls()
  for (let nth = 0; nth < 1_000; nth++) keyed.remember(`${nth}`, "10.0.0.1:80", 0)
  keyed.remember("0", "10.0.0.2:80", 0)
  keyed.remember("1000", "10.0.0.1:80", 0)
  expect(["0", "1", "2", "1000"].map((key) => keyed.of(key, 0))).toEqual([
    "10.0.0.2:80",
    undefined,
    "10.0.0.1:80",
    "10.0.0.1:80",
  ])
})
