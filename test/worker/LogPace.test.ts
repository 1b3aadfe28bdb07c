import { expect, test } from "bun:test"
import { LogPace } from "../../src/worker/LogPace.ts"

test("20 lines of a kind are written in 10 s, then how many were left out; other kinds are not held up", () => {
  const lines: Array<string> = []
  let time = 0
  let made = 0
  const pace = new LogPace(
    (line) => lines.push(line),
    () => time,
  )
  for (let at = 0; at < 50; at++) pace.say("a", () => `a ${++made}`)
  pace.say("b", () => "b")
  expect(lines).toHaveLength(21)
  expect(made).toBe(20)
  time = 9_999
  pace.settle()
  expect(lines).toHaveLength(21)
  time = 10_000
  pace.settle()
  expect(lines.slice(21)).toEqual(["a: 30 more of these lines were left out within 10 s"])
  pace.say("a", () => "again")
  expect(lines.at(-1)).toBe("again")
})
