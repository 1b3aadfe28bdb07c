import { expect, test } from "bun:test"
import { Deferred, Effect, Fiber, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { CommandSpec } from "../../src/domain/ProcessSpec.ts"
import { Care } from "../../src/node/care/Care.ts"
import { command, makeSimulation, workers } from "./SetSimulation.ts"

const silent = Layer.mergeAll(TestClock.layer(), Logger.layer([]))
const it = (name: string, effect: Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(silent))))

/** A set whose processes all live, with three of them up. */
const three = Effect.fnUntraced(function* (kind: "command" | "module", over: Partial<CommandSpec> = {}) {
  const world = yield* makeSimulation(() => 0.5, kind === "command")
  world.calmDown()
  const of = (count: number, more: object = {}) =>
    kind === "command" ? command({ instances: count, ...over, ...more }) : workers({ workers: count, ...more })
  const set = yield* world.make(of(3))
  yield* TestClock.adjust("10 seconds")
  const pids = () => set.status.workers.map(({ pid }) => pid)
  expect(pids()).toEqual([1, 2, 3])
  return { world, set, of, pids }
})

for (const kind of ["command", "module"] as const) {
  it(
    `another number of processes of a ${kind} does not restart those that are there`,
    Effect.gen(function* () {
      const { of, pids, set, world } = yield* three(kind)
      yield* set.assign(of(5))
      yield* TestClock.adjust("10 seconds")
      expect(pids()).toEqual([1, 2, 3, 4, 5])
      yield* set.assign(of(2))
      yield* TestClock.adjust("10 seconds")
      expect(pids()).toEqual([1, 2])
      expect(world.processes.filter(({ alive }) => alive).map(({ pid }) => pid)).toEqual([1, 2])
      expect(world.processes.length).toBe(5)
    }),
  )

  it(
    `a reload of a ${kind} does not take more than one of its processes away at a time, nor add more than one`,
    Effect.gen(function* () {
      const { pids, set, world } = yield* three(kind)
      const verdict = yield* set.reload
      let [fewest, most] = [3, 3]
      for (let step = 0; step < 200; step++) {
        yield* TestClock.adjust(100)
        fewest = Math.min(fewest, world.alive().length)
        most = Math.max(most, world.alive().length)
      }
      expect(yield* Deferred.await(verdict)).toMatchObject({ outcome: "done", replaced: 3, total: 3 })
      expect(pids()).toEqual([4, 5, 6])
      expect(fewest).toBe(kind === "command" ? 2 : 3)
      expect(most).toBe(kind === "command" ? 3 : 4)
      expect(world.violations).toEqual([])
    }),
  )
}

it(
  "a second reload during a reload of a command takes its place, and all instances are of the second",
  Effect.gen(function* () {
    const { of, pids, set, world } = yield* three("command")
    const first = yield* set.reload
    yield* TestClock.adjust(1_000)
    yield* set.assign(of(3, { env: { V: "2" } }))
    yield* TestClock.adjust("1 minute")
    expect(yield* Deferred.await(first)).toMatchObject({ outcome: "superseded" })
    expect(pids().every((pid) => (pid ?? 0) > 3)).toBe(true)
    expect(set.status.reload).toMatchObject({ state: "done", total: 3 })
    expect(world.violations).toEqual([])
  }),
)

it(
  "a second reload does not begin at a place where a former process still ends",
  Effect.gen(function* () {
    const { set, world } = yield* three("module")
    yield* set.reload
    let most = 0
    const until = Effect.fnUntraced(function* (steps: number, isOver: () => boolean) {
      for (let step = 0; step < steps && !isOver(); step++) {
        yield* TestClock.adjust(50)
        most = Math.max(most, world.alive().length)
      }
    })
    yield* until(200, () => world.processes[0]?.asked === true)
    const second = yield* set.reload
    yield* until(400, () => false)
    expect(yield* Deferred.await(second)).toMatchObject({ outcome: "done", replaced: 3 })
    expect(most).toBe(4)
  }),
)

it(
  "a program that reloads itself is sent its signal, and is not replaced",
  Effect.gen(function* () {
    const { pids, set, world } = yield* three("command", { reloadSignal: "HUP" })
    const verdict = yield* set.reload
    yield* TestClock.adjust(1_000)
    expect(yield* Deferred.await(verdict)).toMatchObject({ outcome: "done", replaced: 3, total: 3 })
    expect(world.signals).toEqual(["HUP 1", "HUP 2", "HUP 3"])
    expect(pids()).toEqual([1, 2, 3])
  }),
)

it(
  "a restart of all ends all and starts all, and of one only that one",
  Effect.gen(function* () {
    const { pids, set } = yield* three("command")
    const one = yield* Effect.forkChild(set.restart({ slot: 1 }))
    yield* TestClock.adjust("10 seconds")
    expect(yield* Fiber.join(one)).toMatchObject({ outcome: "done", restarted: 1, total: 1, reason: null })
    expect(pids()).toEqual([1, 4, 3])
    expect(set.has({ slot: 3 })).toBe(false)
    const all = yield* Effect.forkChild(set.restart({}))
    yield* TestClock.adjust("10 seconds")
    expect(yield* Fiber.join(all)).toMatchObject({ outcome: "done", restarted: 3, total: 3 })
    expect(pids()).toEqual([5, 6, 7])
  }),
)

it(
  "a job that was never started does not count as completed",
  Effect.gen(function* () {
    const { set, world } = yield* three("command", { restart: "never" })
    for (const { end } of world.alive()) end({ code: 0, signal: null, reason: "exited with code 0" })
    yield* TestClock.adjust(1_000)
    expect(set.view.completed).toBe(true)
    const other = yield* world.make(command({ desired: "stopped" }))
    yield* TestClock.adjust(1_000)
    expect(other.view).toMatchObject({ completed: false, started: false, gone: true })
  }),
)

it(
  "limits that are changed while a process is launched, starts, or takes another's place are kept by it",
  Effect.gen(function* () {
    const keeps = new Map<number, number>()
    const care = Effect.provideService(Care, {
      begin: ({ assignment }, launch) =>
        Effect.tap(launch({}), ({ pid }) => Effect.sync(() => keeps.set(pid, assignment.spec.run.pidsMax))),
      adopt: Effect.succeed,
      usageOf: () => undefined,
      sourceOf: () => undefined,
      limit: ({ spec }, running) => Effect.sync(() => running.forEach(({ pid }) => keeps.set(pid, spec.run.pidsMax))),
      leave: () => Effect.void,
      missing: () => null,
    })
    const world = yield* makeSimulation(() => 0.5, false)
    world.calmDown()
    const one = workers({ workers: 1 })
    const limited = (pidsMax: number) => workers({ workers: 1, run: { ...one.spec.run, pidsMax } })
    const set = yield* care(world.make(limited(1)))
    yield* TestClock.adjust(10)
    expect(world.processes).toEqual([])
    yield* set.assign(limited(2))
    yield* TestClock.adjust(100)
    expect([...keeps]).toEqual([[1, 2]])
    expect(set.status.workers[0]?.state).toBe("STARTING")
    yield* set.assign(limited(3))
    yield* TestClock.adjust(100)
    expect([...keeps]).toEqual([[1, 3]])
    yield* TestClock.adjust("20 seconds")
    yield* set.reload
    yield* TestClock.adjust(100)
    expect(keeps.get(2)).toBe(3)
    yield* set.assign(limited(4))
    yield* TestClock.adjust(100)
    expect([keeps.get(1), keeps.get(2)]).toEqual([4, 4])
  }),
)
