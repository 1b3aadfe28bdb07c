import { expect, test } from "bun:test"
import { isAtLeast, lineLevel, logLevels } from "../../src/domain/LogLevel.ts"

const time = "2026-11-22T23:01:05.668Z"

test.each([
  [`${time} DEBUG [0 4711] looked`, "out", undefined, "debug"],
  [`${time} INFO  [tasks/3 4711] resized  width=640`, "err", "error", "info"],
  [`${time} WARN  [agent] 17 bytes were dropped`, "out", undefined, "warn"],
  [`${time} ERROR [0 4711] `, "out", "info", "error"],
  // Of another form: by the output.
  ["printed", "out", "error", "info"],
  ["printed", "err", "error", "warn"],
  ["", "out", "error", "info"],
  [`${time} LOUD  [0 4711] printed`, "err", "error", "warn"],
  [`ERROR ${time}`, "out", undefined, "info"],
  ["not caused by it", "out", "error", "info"],
  // What goes on with the line before.
  ["    at work (main.ts:1)", "err", "error", "error"],
  ["\tat work", "err", "info", "info"],
  ["caused by Error: refused", "err", "error", "error"],
  [" ", "out", "debug", "debug"],
  ["    at work (main.ts:1)", "err", undefined, "warn"],
  ["caused by Error: refused", "out", undefined, "info"],
] as const)("%j on %s after %s is %s", (text, stream, before, level) => {
  expect(lineLevel(text, stream, before)).toBe(level)
})

test("a level is at least itself and those before it", () => {
  const atLeast = logLevels.map((minimum) => logLevels.filter((level) => isAtLeast(level, minimum)))
  expect(atLeast).toEqual([["debug", "info", "warn", "error"], ["info", "warn", "error"], ["warn", "error"], ["error"]])
})
