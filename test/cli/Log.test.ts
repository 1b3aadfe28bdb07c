import { expect, test } from "bun:test"
import { Effect, Logger } from "effect"
import { textFormat } from "../../src/cli/Log.ts"

const log = async (effect: Effect.Effect<unknown>, options = { colours: false, stacks: false }) => {
  const lines: Array<string> = []
  const logger = Logger.map(textFormat(options), (line) => void lines.push(line))
  await Effect.runPromise(effect.pipe(Effect.provide(Logger.layer([logger]))))
  return lines.join("\n")
}

const time = String.raw`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}`
const line = (rest: string) => new RegExp(`^${time} ${rest}$`)

test("a line is the time, the level, what happened, and where at its end", async () => {
  const said = Effect.logInfo("listening on 127.0.0.1:8891").pipe(Effect.annotateLogs({ node: "web-01", slot: 3 }))
  expect(await log(said)).toMatch(line(String.raw`INFO  listening on 127\.0\.0\.1:8891  node=web-01 slot=3`))
})

test("levels are padded to one width, and a value with blanks is quoted", async () => {
  const said = Effect.logError("cannot start").pipe(Effect.annotateLogs({ reason: "no such file" }))
  expect(await log(said)).toMatch(line(`ERROR cannot start  reason="no such file"`))
})

test("an error stands on the line with its causes, without a stack unless stacks are wanted", async () => {
  const error = new TypeError("no list", { cause: new Error("the file\n  is cut off") })
  const said = Effect.fail(error).pipe(Effect.catchCause((cause) => Effect.logWarning("push failed", cause)))
  expect(await log(said)).toMatch(line("WARN  push failed: TypeError: no list: the file is cut off"))
  const [first, ...stack] = (await log(said, { colours: false, stacks: true })).split("\n")
  expect(first).toMatch(line("WARN  push failed: TypeError: no list: the file is cut off"))
  expect(stack[0]).toMatch(/^ {4}at /)
})

test("a defect brings its stack along", async () => {
  const said = Effect.die(new Error("broken")).pipe(Effect.catchCause((cause) => Effect.logError("ended", cause)))
  const lines = (await log(said)).split("\n")
  expect(lines[0]).toMatch(line("ERROR ended: broken"))
  expect(lines[1]).toMatch(/^ {4}at .*Log\.test\.ts/)
})

test("what a peer sent can neither begin a line nor command the terminal", async () => {
  const said = Effect.logInfo("from \u001b[31mx\n2026-01-01 INFO  forged\r").pipe(Effect.annotateLogs({ who: "a\nb" }))
  expect(await log(said)).toMatch(line(String.raw`INFO  from \\x1b\[31mx 2026-01-01 INFO  forged\\x0d  who="a b"`))
})

test("colours are for a terminal only", async () => {
  expect(await log(Effect.logInfo("up"))).not.toContain("\u001b")
  expect(await log(Effect.logInfo("up"), { colours: true, stacks: false })).toContain("\u001b[32mINFO \u001b[0m up")
})
