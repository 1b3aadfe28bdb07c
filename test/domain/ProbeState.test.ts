import { describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { Probe } from "../../src/domain/Probe.ts"
import {
  afterAnswer,
  askInMs,
  badReason,
  type ProbeRole,
  type ProbeState,
  unasked,
} from "../../src/domain/ProbeState.ts"

const play = (role: ProbeRole, answers: string, o: { rise: number; fall: number }) => {
  const states: Array<ProbeState> = []
  for (const letter of answers)
    states.push(afterAnswer(states.at(-1) ?? unasked(role), { ok: letter === "+", text: "HTTP 503" }, o))
  return states
}

const verdicts = (states: ReadonlyArray<ProbeState>) => states.map(({ isGood }) => (isGood ? "+" : "-")).join("")

describe("a probe turns", () => {
  test.each([
    ["ready at the first good answer", "readiness", 1, 3, "+", "+"],
    ["not ready before `rise` good ones in a row", "readiness", 3, 1, "++-+++", "-----+"],
    ["not unready before `fall` bad ones in a row", "readiness", 1, 3, "+--+---", "++++++-"],
    ["ready again only after `rise` good ones", "readiness", 2, 2, "++--+-++", "-++----+"],
    ["a process that was never asked is not ready, and stays so while it is bad", "readiness", 1, 3, "--", "--"],
    ["a process is not ended before `fall` bad answers", "liveness", 1, 3, "---", "++-"],
    ["one good answer forgives the bad ones before it", "liveness", 1, 3, "--+--+--", "++++++++"],
    ["one good answer forgives also with `rise` above 1", "liveness", 5, 3, "--+--", "+++++"],
    ["it ends at once with `fall` 1", "liveness", 1, 1, "+-", "+-"],
  ] as const)("%s", (_, role, rise, fall, answers, expected) => {
    expect(verdicts(play(role, answers, { rise, fall }))).toBe(expected)
  })
})

test("the reason names the probe, its last answer and how often it was so", () => {
  expect(badReason("readiness", unasked("readiness"))).toBe("readiness: not asked yet")
  expect(badReason("liveness", unasked("liveness"))).toBeUndefined()
  const once = play("readiness", "-", { rise: 1, fall: 1 }).at(-1)
  expect(once && badReason("readiness", once)).toBe("readiness: HTTP 503")
  const bad = play("liveness", "+---", { rise: 1, fall: 3 }).at(-1)
  expect(bad && badReason("liveness", bad)).toBe("liveness: HTTP 503, 3 times in a row")
})

test("it is first asked when the delay since the start is over, and then each period", () => {
  const times = { delayMs: 5_000, periodMs: 700 }
  expect(askInMs(times, unasked("liveness"), 1_000)).toBe(4_000)
  expect(askInMs(times, unasked("liveness"), 9_000)).toBe(0)
  const [asked] = play("liveness", "+", { rise: 1, fall: 1 })
  expect(asked && askInMs(times, asked, 1_000)).toBe(700)
})

test("what is left out has its default, and a wrong number names its bounds", () => {
  const decode = Schema.decodeUnknownSync(Probe)
  expect(decode({ kind: "tcp" })).toEqual({
    kind: "tcp",
    port: 0,
    periodMs: 10_000,
    timeoutMs: 1_000,
    rise: 1,
    fall: 3,
    delayMs: 0,
  })
  expect(() => decode({ kind: "http", path: "/x", fall: 0 })).toThrow("must be a whole number from 1 to 100")
  expect(() => decode({ kind: "http", path: "x" })).toThrow("must be a path that begins with /")
})
