import { describe, expect } from "bun:test"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { ProbeAnswers } from "../../src/node/supervisor/Hooks.ts"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import { makeRun, type WorkerRun } from "../../src/node/supervisor/WorkerRun.ts"
import { it, running, type Script, scripted, settle } from "./ScriptedProcesses.ts"

/** A slot whose processes are ready when the test says so; `say` is what the newest one's probe may say. */
const probed = Effect.fnUntraced(function* () {
  const script = scripted()
  const says: Array<ProbeAnswers> = []
  script.hooks.waitsForProbe = () => true
  script.hooks.probe = (_run, say) =>
    Effect.andThen(
      Effect.sync(() => void says.push(say)),
      Effect.never,
    )
  const slot = yield* makeSlot(script.options)
  yield* slot.start
  yield* settle
  script.started[0]?.ready()
  yield* settle
  return { script, slot, says }
})

describe("readiness", () => {
  it(
    "a process that is up is not ready before its probe says so, and only as long as it does",
    Effect.gen(function* () {
      const { says, script, slot } = yield* probed()
      expect(slot.status).toMatchObject({ state: "RUNNING", ready: false })
      yield* says[0]?.unready("GET /health: 503") ?? Effect.void
      yield* settle
      expect(slot.status).toMatchObject({ state: "RUNNING", ready: false, reason: "not ready: GET /health: 503" })
      yield* says[0]?.ready ?? Effect.void
      yield* settle
      expect(slot.status).toMatchObject({ state: "RUNNING", ready: true, reason: null })
      yield* says[0]?.unready("timeout") ?? Effect.void
      yield* settle
      expect(slot.isReady).toBe(false)
      expect(script.log).toEqual([])
    }),
  )

  it(
    "a successor that is up and not ready does not take the place, and is killed when that takes too long",
    Effect.gen(function* () {
      const { says, script, slot } = yield* probed()
      yield* says[0]?.ready ?? Effect.void
      const good = yield* Effect.forkChild(slot.replace(script.recipe(2)))
      yield* settle
      script.started[1]?.ready()
      yield* TestClock.adjust(5_000)
      expect(slot.status).toMatchObject({ pid: 1, ready: true })
      yield* says[1]?.ready ?? Effect.void
      yield* settle
      expect(yield* Fiber.join(good)).toEqual({ _tag: "Ready" })
      expect(slot.status).toMatchObject({ pid: 2, ready: true })

      const bad = yield* Effect.forkChild(slot.replace(script.recipe(3)))
      yield* settle
      script.started[2]?.ready()
      yield* TestClock.adjust(10_000)
      expect(yield* Fiber.join(bad)).toEqual({ _tag: "Failed", reason: "not ready within 10 s" })
      expect(slot.status).toMatchObject({ pid: 2, ready: true })
    }),
  )

  it(
    "changed probes are asked anew, and without one a process that is up is ready",
    Effect.gen(function* () {
      const { says, script, slot } = yield* probed()
      yield* slot.probeAnew
      yield* settle
      expect(says.length).toBe(2)
      expect(slot.isReady).toBe(false)
      script.hooks.waitsForProbe = () => false
      yield* slot.probeAnew
      yield* settle
      expect(slot.isReady).toBe(true)
    }),
  )
})

/** It runs, and is being exchanged for one of generation 2. */
const exchanging = Effect.fnUntraced(function* () {
  const script = scripted()
  const slot = yield* running(script)
  const exchange = yield* Effect.forkChild(slot.exchange(script.recipe(2)))
  yield* settle
  expect(script.log).toEqual(["TERM 1"])
  expect(script.started.length).toBe(1)
  return { script, slot, exchange }
})

const endFirst = Effect.fnUntraced(function* (script: Script) {
  script.started[0]?.end("exited with code 0", 0)
  yield* settle
})

describe("processes that can't be there at once", () => {
  it(
    "the new one is started only when the old one has ended",
    Effect.gen(function* () {
      const { exchange, script, slot } = yield* exchanging()
      expect(slot.state).toBe("STOPPING")
      yield* endFirst(script)
      expect(script.started.length).toBe(2)
      script.started[1]?.ready()
      yield* settle
      expect(yield* Fiber.join(exchange)).toEqual({ _tag: "Ready" })
      expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2, restarts: 0 })
      expect(slot.generation).toBe(2)
    }),
  )

  it(
    "when the new one can't be started, or is not ready in time, the next is one that can",
    Effect.gen(function* () {
      const { exchange, script, slot } = yield* exchanging()
      yield* endFirst(script)
      script.started[1]?.end("exited with code 1", 1)
      yield* settle
      expect(yield* Fiber.join(exchange)).toEqual({ _tag: "Failed", reason: "exited with code 1" })
      yield* TestClock.adjust(501)
      expect(slot.generation).toBe(1)
      script.started[2]?.ready()
      yield* settle
      script.hooks.waitsForProbe = () => true
      const late = yield* Effect.forkChild(slot.exchange(script.recipe(3)))
      yield* settle
      script.started[2]?.end("exited with code 0", 0)
      yield* settle
      script.started[3]?.ready()
      yield* TestClock.adjust(10_000)
      expect(yield* Fiber.join(late)).toEqual({ _tag: "Failed", reason: "not ready within 10 s" })
      yield* TestClock.adjust(501)
      expect(slot.generation).toBe(1)
      expect(script.started.length).toBe(5)
    }),
  )

  it(
    "a second exchange during the first supersedes it, and nothing is started twice",
    Effect.gen(function* () {
      const { exchange, script, slot } = yield* exchanging()
      const second = yield* Effect.forkChild(slot.exchange(script.recipe(3)))
      yield* settle
      expect(yield* Fiber.join(exchange)).toEqual({ _tag: "Stopped" })
      yield* endFirst(script)
      expect(slot.generation).toBe(3)
      script.started[1]?.ready()
      yield* settle
      expect(yield* Fiber.join(second)).toEqual({ _tag: "Ready" })
      expect(script.started.length).toBe(2)
    }),
  )

  it(
    "one that is given up while the old one ends is followed by one as before",
    Effect.gen(function* () {
      const { exchange, script, slot } = yield* exchanging()
      yield* Fiber.interrupt(exchange)
      yield* endFirst(script)
      expect(slot.generation).toBe(1)
      expect(script.started.length).toBe(2)
    }),
  )

  it(
    "a stop during it is a stop",
    Effect.gen(function* () {
      const { exchange, script, slot } = yield* exchanging()
      yield* slot.stop
      yield* settle
      expect(yield* Fiber.join(exchange)).toEqual({ _tag: "Stopped" })
      yield* endFirst(script)
      yield* TestClock.adjust("1 hour")
      expect(slot.isVacant).toBe(true)
      expect(script.started.length).toBe(1)
    }),
  )
})

describe("stop, start and restart in each other's way", () => {
  it(
    "a start while it stops is not lost, and the last word counts",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* running(script)
      yield* slot.stop
      yield* slot.start
      yield* settle
      yield* endFirst(script)
      expect(slot.state).toBe("STARTING")
      expect(script.started.length).toBe(2)
      yield* slot.stop
      yield* slot.start
      yield* slot.stop
      yield* settle
      script.started[1]?.end("killed by SIGTERM")
      yield* TestClock.adjust("1 hour")
      expect(slot.isVacant).toBe(true)
      expect(script.started.length).toBe(2)
    }),
  )

  it(
    "a restart ends the process, waits for its end and tells when the next is there",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* running(script)
      const restart = yield* Effect.forkChild(slot.restart)
      yield* settle
      expect(script.log).toEqual(["TERM 1"])
      yield* TestClock.adjust(7_000)
      expect(script.log).toEqual(["TERM 1", "KILL 1"])
      script.started[1]?.ready()
      yield* settle
      expect(yield* Fiber.join(restart)).toEqual({ _tag: "Ready" })
      expect(slot.status).toMatchObject({ pid: 2, restarts: 0 })
    }),
  )

  it(
    "a restart of one that waits or was given up starts it at once, and says when that failed",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* running(script)
      script.started[0]?.end("exited with code 1", 1)
      yield* settle
      expect(slot.state).toBe("BACKOFF")
      const restart = yield* Effect.forkChild(slot.restart)
      yield* settle
      expect(script.started.length).toBe(2)
      script.started[1]?.end("exited with code 5", 5)
      yield* settle
      expect(yield* Fiber.join(restart)).toEqual({ _tag: "Failed", reason: "exited with code 5" })
    }),
  )

  it(
    "a restart ends a successor too, and a replacement during a restart is what comes next",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* running(script)
      const replaced = yield* Effect.forkChild(slot.replace(script.recipe(2)))
      yield* settle
      const restart = yield* Effect.forkChild(slot.restart)
      yield* settle
      expect(script.log).toEqual(["KILL 2", "TERM 1"])
      expect(yield* Fiber.join(replaced)).toEqual({ _tag: "Stopped" })
      const again = yield* Effect.forkChild(slot.replace(script.recipe(3)))
      yield* settle
      yield* endFirst(script)
      expect(yield* Fiber.join(restart)).toEqual({ _tag: "Stopped" })
      expect(script.started.length).toBe(3)
      script.started[2]?.ready()
      yield* settle
      expect(yield* Fiber.join(again)).toEqual({ _tag: "Ready" })
      expect(slot.generation).toBe(3)
    }),
  )

  it(
    "why it is still stopping names the pid, for how long it was asked and when it is killed",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* running(script)
      yield* slot.stop
      yield* settle
      expect(slot.status.reason).toBe("pid 1 was asked to end 0.0 s ago and is killed in 7.0 s")
      yield* TestClock.adjust(5_000)
      expect(slot.status).toMatchObject({
        state: "STOPPING",
        reason: "pid 1 was asked to end 5.0 s ago and is killed in 2.0 s",
      })
      expect(slot.leaving.map(({ leaving, worker }) => ({ pid: worker.pid, ...leaving }))).toEqual([
        { pid: 1, askedAt: 0, killAt: 7_000 },
      ])
      yield* TestClock.adjust(2_000)
      expect(slot.status).toMatchObject({ state: "STOPPED", reason: null })
      expect(slot.leaving).toEqual([])
    }),
  )
})

describe("what an agent before this one has left", () => {
  const adopted = Effect.fnUntraced(function* (script: Script, generation = 1) {
    const worker = yield* script.recipe(generation).launch.pipe(Effect.orDie)
    return yield* makeRun({ worker, generation, startedAt: -60_000, adopted: true })
  })
  const left = (run: WorkerRun, up = true) => ({ current: { run, up, restarts: 0 }, leaving: [] })

  it(
    "a process goes on as it is, known as adopted, and is supervised and replaced as any other",
    Effect.gen(function* () {
      const script = scripted()
      const run = yield* adopted(script)
      const slot = yield* makeSlot({ ...script.options, begin: left(run) })
      yield* slot.start
      yield* TestClock.adjust("1 hour")
      expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1, ready: true, adopted: true, restarts: 0 })
      expect(script.log).toEqual([])
      expect(script.started.length).toBe(1)
      const replaced = yield* Effect.forkChild(slot.replace(script.recipe(2)))
      yield* settle
      script.started[1]?.ready()
      yield* Fiber.join(replaced)
      expect(script.log).toEqual(["USR2 1"])
      expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2, adopted: false })
    }),
  )

  it(
    "the end of one counts as bad when nobody knows how it ended, and it is started anew",
    Effect.gen(function* () {
      const script = scripted()
      script.set({ restart: "unexpected" })
      const run = yield* adopted(script)
      const slot = yield* makeSlot({ ...script.options, begin: left(run) })
      script.started[0]?.end("it ended, and how is not known")
      yield* settle
      expect(slot.status).toMatchObject({ reason: "it ended, and how is not known", restarts: 1, adopted: false })
      expect(script.started.length).toBe(2)
      expect(script.log).toEqual(["crash of 1"])
    }),
  )

  it(
    "one that was not up yet is waited for, and killed when that takes too long",
    Effect.gen(function* () {
      const script = scripted()
      const slot = yield* makeSlot({ ...script.options, begin: left(yield* adopted(script), false) })
      yield* settle
      expect(slot.status).toMatchObject({ state: "STARTING", adopted: true })
      yield* TestClock.adjust(10_000)
      expect(script.log).toEqual(["KILL 1"])
    }),
  )

  it(
    "one that drains is watched and killed in time, and the slot is not alone before",
    Effect.gen(function* () {
      const script = scripted()
      const old = yield* adopted(script)
      const run = yield* adopted(script, 2)
      const slot = yield* makeSlot({
        ...script.options,
        begin: { ...left(run), leaving: [{ run: old, drainMs: undefined }] },
      })
      const alone = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(slot.alone, Deferred.succeed(alone, undefined)))
      yield* TestClock.adjust(6_999)
      expect(yield* Deferred.isDone(alone)).toBe(false)
      expect(script.log).toEqual(["USR2 1"])
      yield* TestClock.adjust(1)
      expect(script.log).toEqual(["USR2 1", "KILL 1"])
      yield* settle
      expect(yield* Deferred.isDone(alone)).toBe(true)
    }),
  )

  it(
    "a job that had ended and was to stay down is not run again",
    Effect.gen(function* () {
      const script = scripted()
      const begin = { leaving: [], ended: { reason: "exited with code 0", good: true, generation: 1 } }
      const slot = yield* makeSlot({ ...script.options, begin })
      yield* TestClock.adjust("1 hour")
      expect(slot.status).toMatchObject({ state: "EXITED", pid: null })
      expect(script.started.length).toBe(0)
    }),
  )
})

it(
  "a process that was just being started when all were ended at once is ended too",
  Effect.gen(function* () {
    const script = scripted()
    const launch = Effect.delay(script.recipe(1).launch, 1_000)
    const slot = yield* makeSlot({ ...script.options, recipe: () => ({ ...script.recipe(1), launch }) })
    yield* slot.start
    yield* settle
    expect(slot.status).toMatchObject({ state: "STARTING", pid: null })
    yield* slot.stop
    yield* slot.kill
    yield* TestClock.adjust(1_000)
    expect(script.log.slice(0, 1)).toEqual(["KILL 1"])
    yield* settle
    expect(slot.isVacant).toBe(true)
  }),
)

it(
  "a stop that leaves something behind does not look like one that does not",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    yield* slot.stop
    yield* settle
    script.started[0]?.end("exited with code 0", 0, "pid 7 (tar) can't be ended")
    yield* settle
    expect(slot.status).toMatchObject({ state: "STOPPED", reason: "pid 7 (tar) can't be ended" })
    yield* slot.start
    yield* settle
    expect(slot.status).toMatchObject({ state: "STARTING", pid: 2 })
  }),
)

it(
  "a restart or an exchange of what was stopped meanwhile starts nothing",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    yield* slot.stop
    const restart = yield* Effect.forkChild(slot.restart)
    const exchange = yield* Effect.forkChild(slot.exchange(script.recipe(2)))
    yield* settle
    yield* endFirst(script)
    const late = yield* Effect.forkChild(slot.exchange(script.recipe(3)))
    yield* TestClock.adjust("1 hour")
    for (const asked of [restart, exchange, late]) expect(asked.pollUnsafe()).toEqual(Exit.succeed({ _tag: "Stopped" }))
    expect(script.started.length).toBe(1)
    expect(slot.isVacant).toBe(true)
  }),
)
