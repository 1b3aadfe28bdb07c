import { afterEach, expect, setDefaultTimeout } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { endTree, type EndOptions } from "../../src/node/supervisor/CommandEnd.ts"
import { processRow, type ProcessRow, runVariable } from "../../src/platform/ProcessTable.ts"
import { isAlive, ProcessTree } from "../../src/platform/ProcessTree.ts"
import { it } from "../support/effect.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

let nth = 0

/** Whatever becomes of a test. */
const trees: Array<ProcessTree> = []
afterEach(async () => {
  for (const tree of trees.splice(0)) await tree.end(10_000)
})

/** Two children of a leader that has ended. They write down each USR1 that they hear; one of them ends then. */
const leftBehind = Effect.gen(function* () {
  const temporary = yield* Effect.acquireRelease(Effect.sync(temporaryFolder), (folder) =>
    Effect.sync(() => folder[Symbol.dispose]()),
  )
  const heard = (who: string) => join(temporary.path, who)
  const child = (who: string, then: string) =>
    `(trap 'echo heard >> ${heard(who)}; ${then}' USR1; echo $$ > ${heard(`${who}.up`)}; while :; do sleep 0.02; done) &`
  const run = `test/${process.pid}/${Date.now()}/end-${nth++}`
  const leader = spawn("/bin/sh", ["-c", `${child("obeys", "exit 0")} ${child("ignores", ":")} read go`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, [runVariable]: run },
  })
  const row = yield* Effect.promise(() => waitFor(() => processRow(leader.pid ?? 0)))
  const tree = new ProcessTree(row.identity, { run })
  tree.runsAs(row.uid)
  trees.push(tree)
  const children = yield* Effect.promise(() =>
    waitFor(() => {
      const isUp = existsSync(heard("obeys.up")) && existsSync(heard("ignores.up"))
      const rows = tree.sweep().filter(({ command, parent }) => parent === row.pid && command.startsWith("/bin/sh"))
      return isUp && rows.length === 2 && rows
    }),
  )
  leader.stdin.end("\n")
  yield* Effect.promise(() => waitFor(() => !isAlive(row.identity)))
  const end = ({ drainTimeoutMs = 1_000, ...over }: Partial<EndOptions> & { readonly drainTimeoutMs?: number }) =>
    endTree({
      tree,
      spec: { stopSignal: "USR1", drainTimeoutMs },
      wasAsked: () => true,
      isKilled: () => false,
      asked: [],
      ...over,
    }).pipe(Effect.forkChild({ startImmediately: true }))
  const times = (who: string) => (existsSync(heard(who)) ? readFileSync(heard(who), "utf8").split("\n").length - 1 : 0)
  const alive = () => children.filter(({ identity }) => isAlive(identity)).length
  const until = (holds: () => boolean) => Effect.promise(() => waitFor(holds))
  return { alive, children, end, times, tree, until }
})

it.effect(
  "what an instance leaves behind hears its stop signal, and has the time that the instance had",
  Effect.gen(function* () {
    const { alive, end, times, until } = yield* leftBehind
    const ending = yield* end({ drainTimeoutMs: 6_000 })
    yield* until(() => times("ignores") === 1 && alive() === 1)
    yield* TestClock.adjust("5500 millis")
    expect(alive()).toBe(1)
    yield* TestClock.adjust("600 millis")
    expect(yield* Fiber.join(ending)).toBeUndefined()
    expect([times("obeys"), times("ignores"), alive()]).toEqual([1, 1, 0])
  }),
)

it.effect(
  "what an instance leaves behind that nobody asked to end has five seconds at most",
  Effect.gen(function* () {
    const { alive, end, times, until } = yield* leftBehind
    const ending = yield* end({ wasAsked: () => false, drainTimeoutMs: 60_000 })
    yield* until(() => times("ignores") === 1 && alive() === 1)
    yield* TestClock.adjust("4 seconds")
    expect(alive()).toBe(1)
    yield* TestClock.adjust("1100 millis")
    expect(yield* Fiber.join(ending)).toBeUndefined()
    expect(alive()).toBe(0)
  }),
)

it.effect(
  "who has heard the stop signal does not hear it again, and another one with the same number does",
  Effect.gen(function* () {
    const { alive, children, end, times, until } = yield* leftBehind
    const [first, second] = children as [ProcessRow, ProcessRow]
    const asked = [first, { pid: second.pid, startTime: second.startTime - 1 } as ProcessRow]
    const ending = yield* end({ asked })
    yield* until(() => times("obeys") + times("ignores") === 1)
    yield* TestClock.adjust("1100 millis")
    expect(yield* Fiber.join(ending)).toBeUndefined()
    expect([times("obeys") + times("ignores"), alive()]).toEqual([1, 0])
  }),
)

it.effect(
  "what is left of an instance that is killed ends at once, and hears nothing",
  Effect.gen(function* () {
    const { alive, end, times } = yield* leftBehind
    expect(yield* Fiber.join(yield* end({ isKilled: () => true }))).toBeUndefined()
    expect([times("obeys"), times("ignores"), alive()]).toEqual([0, 0, 0])
  }),
)

it.effect(
  "a kill ends the wait for what is left",
  Effect.gen(function* () {
    const { alive, end, times, until } = yield* leftBehind
    let isKilled = false
    const ending = yield* end({ isKilled: () => isKilled, drainTimeoutMs: 60_000 })
    yield* until(() => times("ignores") === 1)
    isKilled = true
    yield* TestClock.adjust("100 millis")
    expect(yield* Fiber.join(ending)).toBeUndefined()
    expect(alive()).toBe(0)
  }),
)

it.effect(
  "what the kernel does not let go is named, the first three of it",
  Effect.gen(function* () {
    const { children, end, tree } = yield* leftBehind
    const [first] = children as [ProcessRow, ProcessRow]
    const stuck = (count: number) =>
      new (class extends ProcessTree {
        override async end() {
          return Array<ProcessRow>(count).fill(first)
        }
      })(tree.root)
    const left = Effect.fnUntraced(function* (count: number) {
      return yield* Fiber.join(yield* end({ tree: stuck(count), isKilled: () => true }))
    })
    const name = `pid ${first.pid} (${first.command.slice(0, 80)})`
    expect(yield* left(1)).toBe(`${name} can't be ended`)
    expect(yield* left(3)).toBe(`${name}, ${name}, ${name} can't be ended`)
    expect(yield* left(5)).toBe(`${name}, ${name}, ${name}, and 2 more can't be ended`)
  }),
)
