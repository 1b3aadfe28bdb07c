import { expect } from "bun:test"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { FailingSlot, ProbeAnswers } from "../../src/node/supervisor/Hooks.ts"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import { makeRun, type Recipe } from "../../src/node/supervisor/WorkerRun.ts"
import { it, running, type Script, scripted, settle } from "./ScriptedProcesses.ts"

/** One that does not end at once when it is killed. */
const tough = (recipe: Recipe): Recipe => ({
  ...recipe,
  launch: Effect.map(recipe.launch, (worker) => ({ ...worker, kill: Effect.void })),
})

const left = Effect.fnUntraced(function* (script: Script) {
  const worker = yield* Effect.orDie(script.recipe(1).launch)
  return yield* makeRun({ worker, generation: 1, startedAt: -60_000, adopted: true })
})

it(
  "a successor that nobody wants any more takes the place when it is ready before it has ended",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replaced = yield* Effect.forkChild(slot.replace(tough(script.recipe(2))))
    yield* settle
    yield* Fiber.interrupt(replaced)
    yield* settle
    script.started[1]?.ready()
    yield* settle
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1 })
    expect(script.log).toEqual([])
  }),
)

it(
  "a second successor leaves the first one running without anybody knowing",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const first = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    const second = yield* Effect.forkChild(slot.replace(script.recipe(3)))
    yield* settle
    expect(script.log).toEqual(["KILL 2"])
    expect(yield* Fiber.join(first)).toEqual({ _tag: "Stopped" })
    script.started[2]?.ready()
    expect(yield* Fiber.join(second)).toEqual({ _tag: "Ready" })
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 3 })
  }),
)

it(
  "a process is probed on after its end",
  Effect.gen(function* () {
    const script = scripted()
    let probed = 0
    script.hooks.probe = () =>
      Effect.suspend(() => {
        probed += 1
        return Effect.never
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => void (probed -= 1))))
    yield* running(script)
    expect(probed).toBe(1)
    script.started[0]?.end("exited with code 1", 1)
    yield* settle
    expect(probed).toBe(0)
  }),
)

it(
  "the next agent is not told that a process leaves, or that it has ended and stays down",
  Effect.gen(function* () {
    const script = scripted()
    const told: Array<string> = []
    script.set({ restart: "unexpected" })
    script.hooks.left = ({ worker }, withinMs) => Effect.sync(() => void told.push(`left ${worker.pid} ${withinMs}`))
    script.hooks.exited = ({ good, reason }) => Effect.sync(() => void told.push(`${reason} ${good}`))
    const slot = yield* running(script)
    script.started[0]?.end("exited with code 0", 0)
    yield* settle
    expect(told).toEqual(["exited with code 0 true"])
    yield* slot.start
    yield* settle
    script.started[1]?.ready()
    yield* settle
    yield* slot.stop
    yield* settle
    expect(told.slice(1)).toEqual(["left 2 5000"])
  }),
)

it(
  "a slot is alone when one of two has ended, or a process that drains has more time for a change of agents",
  Effect.gen(function* () {
    const script = scripted()
    const [one, other, run] = [yield* left(script), yield* left(script), yield* left(script)]
    const current = { run, up: true, restarts: 0 }
    const leaving = [
      { run: one, drainMs: 1_000 },
      { run: other, drainMs: undefined },
    ]
    const slot = yield* makeSlot({ ...script.options, begin: { current, leaving } })
    const alone = yield* Deferred.make<void>()
    yield* Effect.forkChild(Effect.andThen(slot.alone, Deferred.succeed(alone, undefined)))
    yield* TestClock.adjust(3_000)
    expect(script.log).toEqual(["USR2 1", "USR2 2", "KILL 1"])
    yield* settle
    expect(yield* Deferred.isDone(alone)).toBe(false)
    script.started[1]?.end("exited with code 0", 0)
    yield* settle
    expect(yield* Deferred.isDone(alone)).toBe(true)
  }),
)

it(
  "what drains lives on when all is killed",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const replaced = yield* Effect.forkChild(slot.replace(script.recipe(2)))
    yield* settle
    script.started[1]?.ready()
    yield* Fiber.join(replaced)
    yield* slot.kill
    expect(script.log.toSorted()).toEqual(["KILL 1", "KILL 2", "USR2 1"])
  }),
)

it(
  "what had failed for good for a while is never tried again after a change of agents",
  Effect.gen(function* () {
    const script = scripted()
    const past = { failures: 11, ends: 11 }
    const failing = {
      state: "FATAL",
      past,
      until: 30_000,
      reason: "x",
      restarts: 11,
      generation: 1,
      since: -9,
    } as const
    const kept: Array<FailingSlot | undefined> = []
    script.hooks.failing = (told) => Effect.sync(() => void kept.push(told))
    const slot = yield* makeSlot({ ...script.options, begin: { leaving: [], failing } })
    yield* TestClock.adjust(29_999)
    expect(slot.status).toMatchObject({ state: "FATAL", reason: "x", restarts: 11, since: -9 })
    yield* TestClock.adjust(1)
    yield* settle
    expect(slot.status).toMatchObject({ state: "STARTING", pid: 1, since: 30_000 })
    yield* TestClock.adjust(1_000)
    script.started[0]?.end("exited with code 1", 1)
    yield* settle
    expect(kept).toMatchObject([{ state: "FATAL", since: 31_000 }])
  }),
)

it(
  "a process that is ended for its liveness gets callers again when its readiness is good",
  Effect.gen(function* () {
    const script = scripted()
    const says: Array<ProbeAnswers> = []
    script.hooks.probe = (_run, say) =>
      Effect.andThen(
        Effect.sync(() => void says.push(say)),
        Effect.never,
      )
    const slot = yield* running(script)
    yield* says[0]?.dead("liveness: refused") ?? Effect.void
    yield* settle
    yield* says[0]?.ready ?? Effect.void
    yield* settle
    expect(slot.status).toMatchObject({ state: "RUNNING", ready: false, reason: "liveness: refused" })
    expect(script.log).toEqual(["TERM 1"])
  }),
)
