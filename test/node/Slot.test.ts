import { expect } from "bun:test"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import { emptyStats } from "../../src/protocol/Stats.ts"
import { it, lines, running, scripted, settle } from "./ScriptedProcesses.ts"

it(
  "a worker that keeps failing is tried again after waits that double up to a minute",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    const waits: Array<number> = []
    for (let nth = 0; nth < 10; nth++) {
      const before = script.started.length
      script.started.at(-1)?.end("exited with code 1")
      yield* settle
      expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "exited with code 1", restarts: nth + 1 })
      let waited = 0
      while (script.started.length === before) {
        yield* TestClock.adjust(50)
        waited += 50
      }
      waits.push(waited)
    }
    const full = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    for (const [nth, wait] of waits.entries()) expect(wait).toBeWithin((full[nth] ?? 0) / 2, (full[nth] ?? 0) + 51)
  }),
)

it(
  "after a minute up the next failure is the first again",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    for (let nth = 0; nth < 5; nth++) {
      script.started.at(-1)?.end("exited with code 1")
      yield* TestClock.adjust(8_001)
    }
    script.started.at(-1)?.ready()
    yield* settle
    expect(slot.state).toBe("RUNNING")
    yield* TestClock.adjust("60 seconds")
    const before = script.started.length
    script.started.at(-1)?.end("killed by SIGKILL")
    yield* settle
    // Its wait was over before it ended.
    expect(slot.state).toBe("STARTING")
    yield* TestClock.adjust(501)
    expect(script.started.length).toBe(before + 1)
  }),
)

it(
  "a worker that is not ready within ten seconds is killed and counted as failed",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* TestClock.adjust(9_999)
    expect(slot.state).toBe("STARTING")
    yield* TestClock.adjust(1)
    expect(script.log).toEqual(["KILL 1"])
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "not ready within 10 s", restarts: 1 })
  }),
)

it(
  "a worker that was ready in time is left alone",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started[0]?.ready()
    yield* TestClock.adjust("1 hour")
    expect(script.log).toEqual([])
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1, restarts: 0, reason: null })
  }),
)

it(
  "a stop asks first, and kills two seconds after the time to drain",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started[0]?.ready()
    yield* settle
    yield* slot.stop
    yield* TestClock.adjust(6_999)
    expect(script.log).toEqual(["TERM 1"])
    expect(slot.state).toBe("STOPPING")
    yield* TestClock.adjust(1)
    expect(script.log).toEqual(["TERM 1", "KILL 1"])
    expect(slot.status).toMatchObject({ state: "STOPPED", pid: null, restarts: 0 })
    yield* TestClock.adjust("1 hour")
    expect(script.started.length).toBe(1)
  }),
)

it(
  "a stop during the backoff ends the tries, and a start begins anew",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    script.breakIt("the folder /nowhere does not exist")
    yield* slot.start
    yield* settle
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "the folder /nowhere does not exist", pid: null })
    yield* slot.stop
    yield* TestClock.adjust("1 hour")
    expect(slot.state).toBe("STOPPED")
    script.breakIt(undefined)
    yield* slot.start
    yield* settle
    expect(slot.state).toBe("STARTING")
  }),
)

it(
  "a worker that can't even be started says why now, not why it failed before",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started.at(-1)?.end("exited with code 1")
    yield* settle
    expect(slot.isResting).toBe(false)
    script.breakIt("the port is in use")
    yield* TestClock.adjust(60_000)
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "the port is in use", restarts: 1 })
    expect(slot.isResting).toBe(true)
    script.breakIt(undefined)
    // By the second: a worker that nobody calls ready is killed ten seconds after its start.
    for (let second = 0; second < 60 && slot.state === "BACKOFF"; second++) yield* TestClock.adjust(1_000)
    expect(slot.state).toBe("STARTING")
  }),
)

it(
  "a successor takes the place only when it is ready, and only then is the former worker asked to drain",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    yield* TestClock.adjust(9_999)
    expect(script.log).toEqual([])
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1 })
    expect(slot.generation).toBe(1)
    script.started[1]?.ready()
    yield* settle
    expect(yield* Fiber.join(replacing)).toEqual({ _tag: "Ready" })
    expect(script.log).toEqual(["USR2 1"])
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2, restarts: 0 })
    expect(slot.generation).toBe(2)
    const alone = yield* Effect.forkChild(slot.alone)
    yield* settle
    expect(alone.pollUnsafe()).toBeUndefined()
    script.started[0]?.end("exited with code 0")
    yield* settle
    expect(alone.pollUnsafe()).toBeDefined()
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2, restarts: 0 })
  }),
)

it(
  "a successor that fails leaves the present worker as it was",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const crashed = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    script.started[1]?.end("Error: not today")
    yield* settle
    expect(yield* Fiber.join(crashed)).toEqual({ _tag: "Failed", reason: "Error: not today" })
    const late = yield* Effect.forkChild(slot.replace(script.recipe(3)))
    yield* settle
    yield* TestClock.adjust(10_000)
    expect(yield* Fiber.join(late)).toEqual({ _tag: "Failed", reason: "not ready within 10 s" })
    script.breakIt("the folder /nowhere does not exist")
    expect(yield* slot.replace(script.recipe(4))).toEqual({
      _tag: "Failed",
      reason: "the folder /nowhere does not exist",
    })
    expect(script.log).toEqual(["KILL 3"])
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1, restarts: 0, reason: null })
    expect(slot.generation).toBe(1)
  }),
)

it(
  "a replacement that is given up ends its successor and nothing else",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    yield* Fiber.interrupt(replacing)
    yield* settle
    expect(script.log).toEqual(["KILL 2"])
    yield* slot.alone
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1 })
  }),
)

it(
  "a successor takes over from a worker that crashed meanwhile, and its backoff ends",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    script.started[0]?.end("killed by SIGSEGV")
    yield* settle
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "killed by SIGSEGV", restarts: 1 })
    script.started[1]?.ready()
    yield* settle
    expect(yield* Fiber.join(replacing)).toEqual({ _tag: "Ready" })
    yield* TestClock.adjust("1 hour")
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2, reason: null })
    expect(script.started.length).toBe(2)
    expect(script.log).toEqual(["crash of 1"])
  }),
)

it(
  "where no worker runs, a replacement is started at once in its place, and its first failure is told",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    for (let nth = 0; nth < 6; nth++) {
      script.started.at(-1)?.end("exited with code 1")
      yield* TestClock.adjust(16_001)
    }
    script.started.at(-1)?.end("exited with code 1")
    yield* settle
    expect(slot.isResting).toBe(true)
    const before = script.started.length
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    expect(script.started.length).toBe(before + 1)
    expect(slot.generation).toBe(2)
    script.started.at(-1)?.end("exited with code 2")
    yield* settle
    expect(yield* Fiber.join(replacing)).toEqual({ _tag: "Failed", reason: "exited with code 2" })
    yield* TestClock.adjust(501)
    expect(script.started.length).toBe(before + 2)
  }),
)

it(
  "a slot that stops ends the successor with the worker, and is vacant when both are gone",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    yield* slot.stop
    yield* settle
    expect(yield* Fiber.join(replacing)).toEqual({ _tag: "Stopped" })
    expect(script.log).toEqual(["KILL 2", "TERM 1"])
    expect(slot.isVacant).toBe(false)
    script.started[0]?.end("exited with code 0")
    yield* settle
    expect(slot.isVacant).toBe(true)
    expect(yield* slot.replace(script.recipe(3))).toEqual({ _tag: "Stopped" })
  }),
)

it(
  "a slot that stops while a former worker drains is vacant only after that one's end",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replacing = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    script.started[1]?.ready()
    yield* Fiber.join(replacing)
    yield* slot.stop
    yield* settle
    script.started[1]?.end("exited with code 0")
    yield* settle
    expect(slot.state).toBe("STOPPED")
    expect(slot.isVacant).toBe(false)
    yield* TestClock.adjust(7_000)
    expect(script.log).toEqual(["USR2 1", "TERM 2", "KILL 1"])
    expect(slot.isVacant).toBe(true)
  }),
)

it(
  "who waits for a worker to drain reads which calls it waits for",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const openCalls = [{ method: "slow", ageMs: 2_100, remote: "10.0.0.1:4711" }]
    script.say({ stats: emptyStats, openCalls, openCallCount: 3 })
    lines.length = 0
    yield* slot.stop
    yield* TestClock.adjust(7_000)
    const open = "3 open calls: slow for 2.1 s from 10.0.0.1:4711, …"
    expect(lines).toContain(`pid 1 was asked to end 5.0 s ago and is killed in 2.0 s; it waits for ${open}`)
    expect(lines).toContain("did not stop in time, killing it with 3 open calls: slow for 2.1 s from 10.0.0.1:4711, …")
  }),
)

it(
  "a slot that is gone replaces nobody, and lets nobody wait for that",
  Effect.gen(function* () {
    const script = scripted()
    const own = yield* Scope.make()
    const slot = yield* running(script).pipe(Scope.provide(own))
    const asked = yield* Effect.forkChild(slot.replace(script.recipe(2)), { startImmediately: true })
    yield* settle
    yield* Scope.close(own, Exit.void)
    yield* settle
    expect(asked.pollUnsafe()).toEqual(Exit.succeed({ _tag: "Stopped" }))
    const late = yield* Effect.forkChild(slot.replace(script.recipe(3)), { startImmediately: true })
    yield* settle
    expect(late.pollUnsafe()).toEqual(Exit.succeed({ _tag: "Stopped" }))
  }),
)
