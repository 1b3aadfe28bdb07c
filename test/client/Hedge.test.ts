import { expect, test } from "bun:test"
import { hedge } from "../../src/client/Hedge.ts"

test("a second try that is never to come does not come at once", async () => {
  let seconds = 0
  const first = { promise: new Promise((resolve) => setTimeout(() => resolve("first"), 50)), cancel: () => undefined }
  const second = () => {
    seconds++
    return undefined
  }
  expect(await hedge(first, { afterMs: Infinity, second, isFinal: () => true })).toBe("first")
  expect(seconds).toBe(0)
})
