import { expect, test } from "bun:test"
import { sha256Hex, timingSafeEqualText } from "../../src/platform/Hash.ts"
import { newId, randomToken } from "../../src/platform/Ids.ts"

test("ids are different, of one length, and sort by the time they were made at", async () => {
  const ids: Array<string> = []
  for (let index = 0; index < 5; index++) {
    ids.push(newId())
    const now = Date.now()
    while (Date.now() === now) await Promise.resolve()
  }
  expect(ids.toSorted()).toEqual(ids)
  const many = Array.from({ length: 10_000 }, newId)
  expect(new Set(many).size).toBe(many.length)
  expect(many.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))).toBe(true)
})

test("tokens, hashes and comparisons are what their names say", () => {
  expect(randomToken(32)).toMatch(/^[\w-]{43}$/)
  expect(randomToken(32)).not.toBe(randomToken(32))
  expect(sha256Hex("é")).toBe("4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c")
  expect([timingSafeEqualText("a", "a"), timingSafeEqualText("a", "b"), timingSafeEqualText("a", "ab")]).toEqual([
    true,
    false,
    false,
  ])
})

test("ids that are made within one millisecond sort in the order of their making", () => {
  const made = Array.from({ length: 5_000 }, newId)
  expect(made.toSorted()).toEqual(made)
  expect(new Set(made).size).toBe(made.length)
})
