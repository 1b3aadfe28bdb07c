import { expect, test } from "bun:test"
import { describe, firstLine } from "../../src/worker/Log.ts"

test("whatever was thrown has a line for the log, also what can't be made a text", () => {
  const formless: unknown = Object.create(null)
  expect(describe(formless)).toBe("a thrown object that has no text")
  expect(firstLine(formless)).toBe("a thrown object that has no text")
  const odd = Object.assign(new Error("odd"), { message: formless, stack: 7, cause: formless })
  expect(describe(odd)).toContain("Error: a thrown object that has no text\ncaused by a thrown object")
  expect(firstLine(odd)).toBe("Error: a thrown object that has no text")
})
